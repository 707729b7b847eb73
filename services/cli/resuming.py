"""`trimtab resume`: says what would happen, asks, and only then lets new orders out again.

Belongs here: lifting halts by hand, and those of a denied key after the key was looked at again.
A freeze is ended by `trimtab orders adopt`, because somebody must look at the account first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.controls import (
    EVERYTHING,
    HaltKind,
    MaintenanceWindow,
    Scope,
    ScopeKind,
    TradingHalt,
)
from rebalancer.errors import QueueLost
from rebalancer.ledger import Ledger
from rebalancer.orders import VenueName
from rebalancer.venue_tap import VenueTap
from resources.settings import Settings
from resources.system_clock import SystemClock
from services.cli.asking import actor, confirm
from services.cli.doctor_venues import stopping_faults
from services.cli.failures import CommandFailed, Exit
from services.cli.halt_words import called, cure_of, halts_json, show_halts
from services.cli.instants import duration_text
from services.cli.maintenance import show_windows, standing_windows, window_json
from services.cli.scopes import options_of, portfolios_of, require_known
from services.cli.stores_apart import StoresApart, open_stores_apart
from services.cli.terminal import counted, heading, print_json, progress, say
from services.cli.under_way import UnderWay, live_json, under_way_by_queue
from services.cli.world import chosen_settings, load_with_paper_keys

_LIFTED_BY_HAND = (HaltKind.BY_HAND, HaltKind.DENIED)


@dataclass(frozen=True, slots=True)
class Preview:
    """What resuming a scope would mean."""

    scope: Scope
    lifted: tuple[TradingHalt, ...]
    remaining: tuple[TradingHalt, ...]
    stopping: tuple[TradingHalt, ...]
    """Of those that remain, the ones that stop orders of this scope all the same."""
    windows: tuple[MaintenanceWindow, ...]
    """Open now, at a venue of this scope."""
    live: UnderWay | None
    """None: the queue has lost its data, and is rebuilt from the books by the next drain."""
    now_ms: int


def resume_trading(scope: Scope, *, is_sure: bool, as_json: bool) -> None:
    """Preview, confirm, check the key where one was denied, lift."""
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        require_known(scope, settings)
        with open_stores_apart(settings) as stores:
            preview = _preview(scope, stores, settings)
            if not as_json:
                _show(preview)
            if preview.lifted:
                _require_sound_key(preview, settings, stores.queue)
                confirm(f"Lift the halt of {scope}?", is_sure=is_sure)
                _lift(preview, stores)
    if as_json:
        print_json(_json(preview))
    elif preview.lifted:
        say(f"Lifted: {scope}. {_what_next(preview)}")


def standing_halts(stores: StoresApart) -> tuple[TradingHalt, ...]:
    """Every halt that Redis or the books know, the oldest first."""
    told = {
        (halt.scope, halt.kind): halt
        for halts in (stores.books(lambda ledger: ledger.read_halts()), stores.controls.halts())
        for halt in halts
    }
    return tuple(sorted(told.values(), key=lambda halt: (halt.at_ms, halt.scope, halt.kind)))


def _preview(scope: Scope, stores: StoresApart, settings: Settings) -> Preview:
    standing = standing_halts(stores)
    lifted = tuple(
        halt for halt in standing if halt.scope == scope and halt.kind in _LIFTED_BY_HAND
    )
    try:
        live = under_way_by_queue(stores.queue, portfolios_of(scope, settings))
    except QueueLost:
        live = None
    remaining = tuple(halt for halt in standing if halt not in lifted)
    now_ms = SystemClock().now_ms()
    return Preview(
        scope=scope,
        lifted=lifted,
        remaining=remaining,
        stopping=tuple(halt for halt in remaining if _overlap(halt.scope, scope, settings)),
        windows=tuple(
            one
            for one in standing_windows(stores)
            if one.ends_at_ms(now_ms) is not None
            and any(one.covers(venue) for venue in _venues_in(scope, settings))
        ),
        live=live,
        now_ms=now_ms,
    )


def _overlap(one: Scope, other: Scope, settings: Settings) -> bool:
    """Whether there is a portfolio whose orders both cover, or a venue that both name."""
    portfolios = set(portfolios_of(one, settings)) & set(portfolios_of(other, settings))
    return bool(portfolios) or one == other or EVERYTHING in (one, other)


def _venues_in(scope: Scope, settings: Settings) -> tuple[VenueName, ...]:
    match scope.kind:
        case ScopeKind.VENUE:
            return (VenueName(scope.name),)
        case ScopeKind.PORTFOLIO:
            return (VenueName(settings.portfolios[scope.name].venue),)
        case ScopeKind.EVERYTHING:
            return settings.venue_names()


def _require_sound_key(preview: Preview, settings: Settings, tap: VenueTap) -> None:
    """A venue that denied the key is only tried again with one that passes the check."""
    denied = [halt for halt in preview.lifted if halt.kind is HaltKind.DENIED]
    if not denied:
        return
    venues = _venues_of(denied, settings)
    with progress("checking the key"):
        faults = [fault for name in venues for fault in stopping_faults(settings, name, tap)]
    if faults:
        raise CommandFailed(
            f"still halted: {'; '.join(faults)}. Mend the key, see trimtab doctor, then run "
            f"trimtab resume{options_of(preview.scope)} again",
            Exit.BAD_INPUT,
        )


def _venues_of(halts: Sequence[TradingHalt], settings: Settings) -> tuple[VenueName, ...]:
    names = {name for halt in halts for name in _venues_in(halt.scope, settings)}
    return tuple(sorted(names))


def _lift(preview: Preview, stores: StoresApart) -> None:
    """Books first: were Redis first and the books down, the halt would come back by itself."""

    async def lift_on(ledger: Ledger) -> None:
        for halt in preview.lifted:
            now_ms = SystemClock().now_ms()
            await ledger.lift_halt(halt.scope, halt.kind, actor=actor(), now_ms=now_ms)

    stores.books(lift_on)
    for halt in preview.lifted:
        stores.controls.lift(halt.scope, halt.kind)


def _json(preview: Preview) -> dict[str, Any]:
    live, now_ms = preview.live, preview.now_ms
    return {
        "resumed": bool(preview.lifted),
        "scope": preview.scope.key,
        "lifted": halts_json(preview.lifted),
        "remaining": halts_json(preview.remaining),
        "still_stopped_by": {
            "halts": halts_json(preview.stopping),
            "maintenance": [window_json(one, now_ms) for one in preview.windows],
        },
        "queue_lost": live is None,
        "waiting": None if live is None else live_json(live.waiting),
        "would_expire": None if live is None else len(live.expired(now_ms)),
        "in_doubt": None if live is None else live_json(live.sent),
    }


def _show(preview: Preview) -> None:
    if preview.lifted:
        say("Will be lifted:")
        show_halts(preview.lifted)
    else:
        say(f"There is no halt of {preview.scope} that resume could lift.")
    if preview.remaining:
        heading("Stays in force:")
        show_halts(preview.remaining)
    if any(halt.kind is HaltKind.FREEZE for halt in preview.remaining):
        say("A frozen portfolio needs a look at its account: trimtab orders adopt or ignore.")
    if preview.windows:
        heading("Open maintenance, which holds orders all the same:")
        show_windows(preview.windows, preview.now_ms)
    say()
    _show_orders(preview)


def _what_next(preview: Preview) -> str:
    told = [
        *(f"{halt.scope} is {called(halt)}, ended by {cure_of(halt)}" for halt in preview.stopping),
        *(f"maintenance {one.window_id} is open" for one in preview.windows),
    ]
    if told:
        return f"Orders of it are still stopped, wholly or in part: {'; '.join(told)}."
    return "New orders come with the next cycle."


def _fate(preview: Preview) -> str:
    if preview.stopping:
        return "would not be sent either where a halt above stays: a drain ends them as expired"
    if preview.windows:
        return "would wait until the maintenance above is over, or expire"
    return "would be sent at once, unless a drain ends them first"


def _show_orders(preview: Preview) -> None:
    live = preview.live
    if live is None:
        say(
            "Redis has lost the queue. The next drain rebuilds it from the books and looks up "
            "every order that may have been sent before anything new goes out."
        )
        return
    if live.waiting:
        age = duration_text(live.oldest_ms(preview.now_ms) or 0)
        expired = len(live.expired(preview.now_ms))
        waiting = counted(len(live.waiting), "order")
        say(
            f"Not sent yet: {waiting}, the oldest planned {age} ago; {expired} too old, to "
            f"end as expired. The others {_fate(preview)}."
        )
    else:
        say("No order waits.")
    if live.sent:
        doubt = counted(len(live.sent), "order")
        say(f"{doubt} sent and not yet ended: looked up in any case, never sent again.")
