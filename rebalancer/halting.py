"""Halts that the engine imposes itself, and whether anything stops a portfolio now.

A halt is effective first and kept second: Redis stops the next permit anywhere, the books make it
outlive Redis. A person is told, and that is kept last: one whom a crash left untold hears of it at
the next start, and rather twice than never.
"""

from collections.abc import Sequence

from rebalancer.controls import HaltKind, Scope, ScopeKind, TradingHalt, scopes_of
from rebalancer.errors import BadData
from rebalancer.ledger import Ledger
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.plan import SkipReason
from rebalancer.ports import Alarm, Alert, TradingControls

ENGINE = "trimtab"
"""The actor of halts that no person imposed."""


async def impose_halt(
    halt: TradingHalt, *, controls: TradingControls, ledger: Ledger, alarm: Alarm
) -> bool:
    """Halt and page. A scope that is halted in this way already stays so; False, and no page."""
    try:
        standing = {(known.scope, known.kind) for known in controls.halts()}
    except BadData:
        standing = set()  # One that cannot be read must not keep this one away.
    is_new = (halt.scope, halt.kind) not in standing
    controls.halt(halt)
    await ledger.record_halt(halt)
    # Once more: what stood there before may have been lifted meanwhile, and this one with it.
    controls.halt(halt)
    if is_new:
        await _page(halt, ledger=ledger, alarm=alarm)
    return is_new


async def restore_halts(
    *, controls: TradingControls, ledger: Ledger, alarm: Alarm
) -> tuple[TradingHalt, ...]:
    """Put halts of the books back in force that Redis has forgotten; returns them.

    And tell a person of every halt of the engine that a crash came in between of: those that never
    reached the books, and those of which nobody was told.

    A person lifts on the books first, then in Redis. One who does so between our reading and our
    writing would be overruled for good, so the books are asked again.
    """
    in_force = controls.halts()
    booked = await ledger.read_halts()
    await _keep_unbooked(in_force, booked, controls=controls, ledger=ledger)
    standing = {_key(halt) for halt in in_force}
    missing = [halt for halt in booked if _key(halt) not in standing]
    restored = await _put_back(missing, controls=controls, ledger=ledger) if missing else ()
    unpaged = [halt for halt in await ledger.read_unpaged() if halt.actor == ENGINE]
    for halt in dict.fromkeys((*restored, *unpaged)):
        await _page(halt, ledger=ledger, alarm=alarm)
    return restored


async def _put_back(
    missing: Sequence[TradingHalt], *, controls: TradingControls, ledger: Ledger
) -> tuple[TradingHalt, ...]:
    for halt in missing:
        controls.halt(halt)
    kept = {_key(halt) for halt in await ledger.read_halts()}
    for halt in missing:
        if _key(halt) not in kept:
            controls.lift(halt.scope, halt.kind)
    # And whoever halted anew while we lifted is on the books by now, or halts once more.
    for halt in await ledger.read_halts():
        controls.halt(halt)
    return tuple(halt for halt in missing if _key(halt) in kept)


async def _keep_unbooked(
    in_force: Sequence[TradingHalt],
    booked: Sequence[TradingHalt],
    *,
    controls: TradingControls,
    ledger: Ledger,
) -> None:
    """Put halts of the engine on the books that a crash kept from them.

    A person who is lifting one just now has taken it off the books already, and takes it out of
    the controls next: what is gone from there by then is taken off the books once more.
    """
    known = {_key(halt) for halt in booked}
    for halt in in_force:
        if halt.actor != ENGINE or _key(halt) in known:
            continue
        await ledger.record_halt(halt)
        if _key(halt) not in {_key(one) for one in controls.halts()}:
            await ledger.lift_halt(halt.scope, halt.kind, actor=ENGINE, now_ms=halt.at_ms)


async def _page(halt: TradingHalt, *, ledger: Ledger, alarm: Alarm) -> None:
    alarm.page(_alert_of(halt))
    await ledger.mark_paged(halt)


def _key(halt: TradingHalt) -> tuple[Scope, HaltKind]:
    return halt.scope, halt.kind


def freeze_of(portfolio: PortfolioName, reason: str, *, now_ms: int) -> TradingHalt:
    """Books and account of a portfolio disagree: nothing more of it is sent."""
    scope = Scope(ScopeKind.PORTFOLIO, portfolio)
    return TradingHalt(scope, HaltKind.FREEZE, reason, ENGINE, now_ms)


def denial_of(venue: VenueName, reason: str, *, now_ms: int) -> TradingHalt:
    """The venue rejected our key or its rights: nothing more is sent to it."""
    scope = Scope(ScopeKind.VENUE, venue)
    return TradingHalt(scope, HaltKind.DENIED, reason, ENGINE, now_ms)


def read_stop(
    controls: TradingControls, venue: VenueName, portfolio: PortfolioName, *, now_ms: int
) -> tuple[SkipReason, str] | None:
    """Why nothing of a portfolio may be traded now, or None."""
    scopes = scopes_of(venue, portfolio)
    for halt in controls.halts():
        if halt.scope in scopes:
            return SkipReason.HALTED, f"{halt.scope} is halted: {halt.reason}"
    for window in controls.windows():
        if window.covers(venue) and window.ends_at_ms(now_ms) is not None:
            return SkipReason.MAINTENANCE, f"{venue} is in maintenance: {window.note}"
    return None


def _alert_of(halt: TradingHalt) -> Alert:
    cure = {
        HaltKind.FREEZE: f"Look at `trimtab status`, then `trimtab orders adopt --portfolio "
        f"{halt.scope.name}` or `ignore` what is not ours",
        HaltKind.DENIED: "Mend the key and its rights, see `trimtab doctor`, then "
        f"`trimtab resume --venue {halt.scope.name}`",
        HaltKind.BY_HAND: "`trimtab resume` ends it",
    }[halt.kind]
    return Alert(
        title=f"Trading halted: {halt.scope}",
        detail=f"{halt.reason}. {cure}.",
        fingerprint=("halt", halt.scope.key, halt.kind.value),
        tags={"scope": halt.scope.key, "kind": halt.kind.value},
    )
