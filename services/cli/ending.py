"""`trimtab orders end ID`: a person declares an order absent, and answers for it.

Some venues cannot be asked for an order by our id (kraken, coinbase, bybit): what they do not list
proves nothing, so an order in doubt, or one that rested there and is gone, would hold its symbol
for ever. Belongs here: showing what the venue does list, refusing where it has the order after all,
or may have it, and booking the end with a name.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from rebalancer.account import AccountTrade, OpenOrder
from rebalancer.account_compare import CLOCKS_APART_MS, AccountDesk
from rebalancer.money import plain
from rebalancer.order_states import FINAL_STATES, OrderState
from rebalancer.orders import ClientOrderId, Order
from rebalancer.queue import Stage
from rebalancer.settlement import Absent, LookUp, NotFound, Unanswered, settle
from resources.archive_rows import OrderEvent, OrderRow
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores
from services.cli.account_view import ground_of
from services.cli.adopting import describe_open
from services.cli.approval import require_reason
from services.cli.asking import actor, confirm
from services.cli.choosing import find_order
from services.cli.failures import CommandFailed, Exit
from services.cli.instants import duration_text, instant_text
from services.cli.order_history import show_history
from services.cli.stores_apart import chosen_stores
from services.cli.terminal import print_json, progress, say

SHOWN_MAX = 10
_WITH_VENUE = frozenset({OrderState.IN_DOUBT, OrderState.OPEN})
"""What the venue was asked about, and may never tell the end of."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the venue says now of an order without an end, and what else moved in its market."""

    answer: LookUp
    open_orders: tuple[OpenOrder, ...]
    trades: tuple[AccountTrade, ...]
    """Trades since the order was planned that are of no order of ours, or of this one."""


def end_order(prefix: str, *, reason: str, is_sure: bool, as_json: bool) -> None:
    """Show the evidence, ask, and book the order as not found."""
    detail = f"declared absent by {actor()}: {require_reason(reason)}"
    with chosen_stores() as (settings, stores):
        row = find_order(stores, prefix)
        events = stores.archive.read_history(row.order.client_order_id)
        _require_endless(row, events, settings, stores)
        with progress("asking the venue"):
            evidence = asyncio.run(_gather(row.order, settings, stores))
        _require_unseen(row.order, evidence)
        if not as_json:
            _show(row.order, events, evidence)
        confirm(_question(row.state), is_sure=is_sure)
        asyncio.run(_end(row.order, detail, stores))
    if as_json:
        print_json(_json(row.order, evidence, detail))
    else:
        say(f"Booked as not found: {detail}.")


def _question(state: OrderState) -> str:
    if state is OrderState.OPEN:
        return "Declare it absent? It rested at the venue; what it traded there is then not booked."
    return "Declare it absent, as if it had never reached the venue?"


def _require_endless(
    row: OrderRow, events: list[OrderEvent], settings: Settings, stores: Stores
) -> None:
    order, name = row.order, row.order.client_order_id
    if row.state in FINAL_STATES:
        raise CommandFailed(
            f"order {name} has ended already, as {row.state.value}; nothing is left to declare",
            Exit.BAD_INPUT,
        )
    is_waiting = stores.queue.stages([name]).get(name) is Stage.WAITING
    if row.state not in _WITH_VENUE or is_waiting:
        raise CommandFailed(
            f"order {name} is {row.state.value}, expected {OrderState.IN_DOUBT.value} or "
            f"{OrderState.OPEN.value}: the venue was not asked about it yet. Let trimtab drain "
            "look it up first",
            Exit.BAD_INPUT,
        )
    noted_at_ms = max(e.at_ms for e in events if e.state is row.state)
    left_ms = noted_at_ms + settings.drain.lease_ms - SystemClock().now_ms()
    if left_ms > 0:
        raise CommandFailed(
            f"order {name} is {row.state.value.replace('_', ' ')} since "
            f"{instant_text(noted_at_ms)} only, and may still be on its way to {order.venue} or "
            f"in its lists; wait {duration_text(left_ms)} more (drain.lease_ms)",
            Exit.GOAL_MISSED,
        )


async def _gather(order: Order, settings: Settings, stores: Stores) -> Evidence:
    ground = ground_of(settings, stores, order.portfolio)

    async def ask(desk: AccountDesk) -> Evidence:
        venue = desk.venue
        # What is open last: an order that a look-up missed must not have come back meanwhile.
        since_ms = order.planned_at_ms - CLOCKS_APART_MS
        trades = await venue.fetch_account_trades(order.symbol, since_ms=since_ms)
        known = await desk.ledger.read_known(
            order.venue,
            client_order_ids=(),
            venue_keys={trade.order_key for trade in trades},
        )
        return Evidence(
            answer=await venue.look_up(order),
            open_orders=await venue.fetch_open_orders([order.symbol]),
            trades=tuple(t for t in trades if known.of_trade(t.order_key) is None),
        )

    return await ground.at_venue(ask)


def _require_unseen(order: Order, evidence: Evidence) -> None:
    """An order that the venue knows is not absent, whatever a person declares."""
    name = order.client_order_id
    if maybe := [one for one in evidence.open_orders if _may_be(one, order)]:
        raise CommandFailed(
            f"order {name} is perhaps not absent: {order.venue} lists an order of the same side, "
            f"amount and price without our id, {describe_open(maybe[0])}. Cancel it there, or "
            "wait for its end, and run this again",
            Exit.GOAL_MISSED,
        )
    is_open = any(_is_it(one.client_order_id, name) for one in evidence.open_orders)
    if is_open or not isinstance(evidence.answer, Absent | Unanswered):
        raise CommandFailed(
            f"order {name} is not absent: {order.venue} has it "
            f"({'open' if is_open else type(evidence.answer).__name__.lower()}). trimtab drain "
            "books what became of it",
            Exit.GOAL_MISSED,
        )


def _may_be(shown: OpenOrder, order: Order) -> bool:
    """Whether a venue that does not show our id may mean this order."""
    told = shown.side, shown.amount_base, shown.limit_price_quote
    is_like_it = told == (order.side, order.amount_base, order.limit_price_quote)
    return is_like_it and shown.client_order_id is None


def _is_it(shown: str | None, name: ClientOrderId) -> bool:
    """Whether what a venue shows is our id, or as much of it as fits there."""
    return bool(shown) and name.startswith(str(shown))


async def _end(order: Order, detail: str, stores: Stores) -> None:
    now_ms = SystemClock().now_ms()
    receipt = await stores.ledger.record(settle(NotFound(order, detail), ()), now_ms=now_ms)
    stores.queue.acknowledge(receipt)


def _answer_text(answer: LookUp) -> str:
    match answer:
        case Absent():
            return "asked by our id, it did not find the order"
        case Unanswered(reason=reason):
            return f"it cannot tell: {reason}"
    return type(answer).__name__


def _show(order: Order, events: list[OrderEvent], evidence: Evidence) -> None:
    show_history(order, events)
    say()
    say(f"{order.venue} now: {_answer_text(evidence.answer)}.")
    if evidence.open_orders:
        told = "; ".join(describe_open(one) for one in evidence.open_orders[:SHOWN_MAX])
        say(f"Open in {order.symbol}: {told}.")
    else:
        say(f"Nothing is open in {order.symbol}.")
    if evidence.trades:
        say(f"Trades in {order.symbol} since it was planned that are not on our books:")
        for trade in evidence.trades[:SHOWN_MAX]:
            say(f"  {_trade_text(trade)}")
        say("Is one of them this order? Then it is not absent.")
    else:
        say(f"No trade in {order.symbol} since it was planned is missing on our books.")


def _trade_text(trade: AccountTrade) -> str:
    what = f"{trade.side} {plain(trade.amount_base)} at {plain(trade.price_quote)}"
    at = instant_text(trade.filled_at_ms)
    return f"{trade.trade_id}: {what}, of order {trade.venue_order_id}, {at}"


def _json(order: Order, evidence: Evidence, detail: str) -> dict[str, Any]:
    return {
        "client_order_id": order.client_order_id,
        "state": OrderState.NOT_FOUND.value,
        "detail": detail,
        "venue_says": _answer_text(evidence.answer),
        "open_orders": [describe_open(one) for one in evidence.open_orders],
        "unknown_trades": [_trade_text(trade) for trade in evidence.trades],
    }
