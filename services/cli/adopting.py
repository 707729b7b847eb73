"""`trimtab orders adopt --portfolio`: takes an account as it is, and ends the freeze.

Belongs here: showing what the books cannot explain, asking, and beginning afresh from there. What
becomes of a single order that is not ours is in `foreign`.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from rebalancer.account import OpenOrder
from rebalancer.account_check import book_late_fills
from rebalancer.account_compare import QUIET_MS, Account, AccountDesk
from rebalancer.controls import HaltKind, Scope, ScopeKind, TradingHalt
from rebalancer.money import exact, plain
from rebalancer.orders import Order
from rebalancer.queue import Stage
from resources.system_clock import SystemClock
from services.cli.account_view import AccountView, Ground, ground_of, view_account
from services.cli.asking import actor, confirm
from services.cli.failures import CommandFailed, Exit
from services.cli.halt_words import halts_json, show_halts
from services.cli.instants import instant_text
from services.cli.order_words import ID_SHOWN
from services.cli.stores_apart import chosen_stores
from services.cli.terminal import counted, heading, print_json, progress, say, table

NAMED_MAX = 5


@dataclass(frozen=True, slots=True)
class Adoption:
    """What adopting would mean: the account as it stands, and the freezes it would end."""

    ground: Ground
    view: AccountView
    freezes: tuple[TradingHalt, ...]

    @property
    def portfolio(self) -> str:
        return self.ground.account.portfolio


def adopt_account(portfolio: str, *, is_sure: bool, as_json: bool) -> None:
    """Take the account of a portfolio as it is for what the next comparison begins with."""
    with chosen_stores() as (settings, stores):
        ground = ground_of(settings, stores, portfolio)
        with progress("reading the account"):
            adoption = asyncio.run(_look(ground))
        _require_whole(adoption)
        if not as_json:
            _show(adoption)
        confirm(f"Take the account of {portfolio} as it is?", is_sure=is_sure)
        asyncio.run(_adopt(adoption))
    if as_json:
        print_json(_json(adoption))
    else:
        ended = ", and it is no longer frozen" if adoption.freezes else ""
        say(f"The account of {portfolio} is taken as it is{ended}.")


async def _look(ground: Ground) -> Adoption:
    account = ground.account
    await ground.bring_together()
    _require_quiet(ground)
    view = await ground.at_venue(lambda desk: _view(desk, account))
    _require_quiet(ground)
    scope = Scope(ScopeKind.PORTFOLIO, account.portfolio)
    standing = {
        (halt.scope, halt.kind): halt
        for halt in (*await ground.stores.ledger.read_halts(), *ground.stores.controls.halts())
    }
    frozen = standing.get((scope, HaltKind.FREEZE))
    return Adoption(ground, view, () if frozen is None else (frozen,))


async def _view(desk: AccountDesk, account: Account) -> AccountView:
    """The account, once the books hold what our own orders did to it after their end.

    Taken as it is without them, those trades would be missing from the books for good.
    """
    view = await view_account(desk, account, quiet_ms=QUIET_MS)
    if view.changes and await book_late_fills(desk, account, view.changes):
        return await view_account(desk, account, quiet_ms=QUIET_MS)
    return view


def _require_quiet(ground: Ground) -> None:
    """While an order is out its money may move at any moment: there is nothing to agree on."""
    live = ground.stores.queue.live_orders(ground.account.portfolio)
    stages = ground.stores.queue.stages([order.client_order_id for order in live])
    if sent := [order for order in live if stages.get(order.client_order_id) is Stage.SENT]:
        raise CommandFailed(
            f"{ground.account.portfolio}: {counted(len(sent), 'order')} sent and not yet ended "
            f"({_named(sent)}); the account cannot be taken as it is while they may move it. "
            "trimtab drain looks them up; where the venue cannot tell, trimtab orders end ID",
            Exit.GOAL_MISSED,
        )


def _require_whole(adoption: Adoption) -> None:
    name = adoption.portfolio
    if ended := adoption.view.stray.ended:
        told = "; ".join(
            f"{describe_open(order)}, by the books {known.state.value}"
            for order, known in list(ended.values())[:NAMED_MAX]
        )
        raise CommandFailed(
            f"{name}: ended on the books and open at the venue: {told}. For each: cancel it at the "
            f"venue, or trimtab orders ignore ID --portfolio {name} --reason TEXT (left "
            "alone). If it ended just now, run this again in a moment",
            Exit.GOAL_MISSED,
        )
    if foreign := adoption.view.stray.foreign:
        told = "; ".join(describe_open(order) for order in foreign[:NAMED_MAX])
        raise CommandFailed(
            f"{name}: open at the venue and not ours: {told}. It would freeze again at once. For "
            f"each: trimtab orders adopt ID --portfolio {name} (ours from now on), trimtab orders "
            f"ignore ID --portfolio {name} --reason TEXT (left alone), or cancel it at the venue",
            Exit.GOAL_MISSED,
        )
    if adoption.view.ended_lately:
        raise CommandFailed(
            f"{name}: an order ended less than {QUIET_MS // 1_000} s ago, and its trades may not "
            "be in the balances yet; run it again in a moment",
            Exit.GOAL_MISSED,
        )


async def _adopt(adoption: Adoption) -> None:
    """The new beginning first: a freeze that ended without it would be back at once."""
    stores = adoption.ground.stores
    await stores.ledger.record_baseline(adoption.view.baseline)
    for halt in adoption.freezes:
        now_ms = SystemClock().now_ms()
        await stores.ledger.lift_halt(halt.scope, halt.kind, actor=actor(), now_ms=now_ms)
        stores.controls.lift(halt.scope, halt.kind)


def describe_open(order: OpenOrder) -> str:
    """An open order of the venue in a few words, led by the id that commands take."""
    price = "" if order.limit_price_quote is None else f" at {plain(order.limit_price_quote)}"
    return f"{order.venue_order_id} ({order.side} {plain(order.amount_base)} {order.symbol}{price})"


def _named(orders: list[Order]) -> str:
    return ", ".join(order.client_order_id[:ID_SHOWN] for order in orders[:NAMED_MAX])


def _json(adoption: Adoption) -> dict[str, Any]:
    return {
        "portfolio": adoption.portfolio,
        "adopted": True,
        "lifted": halts_json(adoption.freezes),
        "differences": {
            change.asset: {"expected": plain(change.expected), "found": plain(change.found)}
            for change in adoption.view.changes
        },
        "totals": {
            asset: plain(total) for asset, total in sorted(adoption.view.baseline.totals.items())
        },
    }


def _show(adoption: Adoption) -> None:
    if adoption.freezes:
        show_halts(adoption.freezes)
    else:
        say(f"{adoption.portfolio} is not frozen.")
    view = adoption.view
    if not view.changes:
        say("Its account holds what the books expect.")
        return
    heading(f"Not explained by our trades, at {instant_text(view.baseline.taken_at_ms)}")
    rows = []
    with exact():
        for change in view.changes:
            moved = f"{change.found - change.expected:+f}"
            rows.append((change.asset, plain(change.expected), plain(change.found), moved))
    table(
        ("asset", "by the books", "on the account", "change"),
        rows,
        right="by the books,on the account,change",
    )
    say()
