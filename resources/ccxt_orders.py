"""Placing one order, finding it again, and ending it.

A submission is sent once and answers with a value. Whatever is not understood is Unanswered.
"""

from collections.abc import Coroutine, Mapping
from dataclasses import replace
from typing import Any

from rebalancer.money import plain, to_decimal
from rebalancer.orders import Order, OrderStyle
from rebalancer.queue import SendPermit
from rebalancer.settlement import (
    Absent,
    Accepted,
    LookUp,
    NotSent,
    RefusalKind,
    Refused,
    Submission,
    Unanswered,
)
from resources.ccxt_client import connecting_within, forget_success, had_success
from resources.ccxt_errors import Meaning, is_absence, is_rate_limit, judge_submit, retry_after_ms
from resources.ccxt_reading import find_order, find_trade, read_accepted, read_told_fills
from resources.ccxt_session import CcxtSession
from resources.ccxt_trades import CLOCK_SLACK_MS

# Post-only in ccxt's one word: LIMIT_MAKER, post_only, oflags=post, PostOnly, poc.
_STYLES: Mapping[OrderStyle, dict[str, Any]] = {
    "take": {"timeInForce": "IOC"},
    "post": {"postOnly": True},
}
_LISTS_OF_ORDERS = {
    "fetchOpenOrders": "fetch_open_orders",
    "fetchClosedOrders": "fetch_closed_orders",
    "fetchCanceledOrders": "fetch_canceled_orders",
    "fetchCanceledAndClosedOrders": "fetch_canceled_and_closed_orders",
}


async def submit(session: CcxtSession, permit: SendPermit) -> Submission:
    """Send the permitted order once. Never raises, never retries."""
    order = permit.order
    try:
        await session.load_markets()
    except Exception as error:
        reason = f"the markets could not be read first: {session.explain(error)}"
        return NotSent(order, reason, retry_after_ms(error), is_rate_limit(error))
    left_ms = permit.valid_until_ms - session.clock.now_ms()
    if left_ms <= 0:
        return NotSent(order, "the permit ran out before the order could be sent", 0)
    try:
        if misfit := _misfit(session.client, order):
            return Refused(order, misfit, RefusalKind.RULES)
        forget_success()
        with connecting_within(left_ms):
            answer = await session.ask(_create(session, order), is_permitted=True)
    except Exception as error:
        return await _unaccepted(session, order, error)
    accepted = read_accepted(order, answer, session.dialect.spell(order.client_order_id))
    if isinstance(accepted, Accepted):
        told = read_told_fills(order, answer) if session.dialect.tells_fills else ()
        return replace(accepted, fills=told)
    if not (isinstance(answer, Mapping) and answer.get("id")):
        return Unanswered(order, accepted)
    # Some venues answer an order with its id only; asking what became of it sends nothing.
    found = await look_up(session, order)
    return Unanswered(order, accepted) if isinstance(found, Absent) else found


async def look_up(session: CcxtSession, order: Order) -> LookUp:
    """Ask what became of an order. Absence counts only from a question about exactly it."""
    spelled_id = session.dialect.spell(order.client_order_id)
    try:
        await session.load_markets()
        if session.dialect.look_up_field is None:
            found = await _search(session, order, spelled_id)
            if found is None:
                return Unanswered(order, "not among its orders and trades, which proves nothing")
        else:
            params = {session.dialect.look_up_field: spelled_id}
            found = await session.ask(
                session.client.fetch_order(spelled_id, str(order.symbol), params)
            )
    except Exception as error:
        if session.dialect.look_up_field is not None and is_absence(error):
            return Absent(order)
        await session.mend_clock(error)
        wait_ms = retry_after_ms(error) if is_rate_limit(error) else 0
        return Unanswered(order, session.explain(error), rate_limit_ms=wait_ms)
    accepted = read_accepted(order, found, spelled_id)
    return accepted if isinstance(accepted, Accepted) else Unanswered(order, accepted)


async def cancel(session: CcxtSession, order: Order, venue_order_id: str | None) -> None:
    """Ask the venue to end a resting order: one request at most, and whatever it answers is fine.

    By the venue's id where we know it; otherwise by ours, where the venue takes ours.
    """
    dialect, spelled_id = session.dialect, session.dialect.spell(order.client_order_id)
    target, params = venue_order_id, {}
    if venue_order_id is None and dialect.cancel_field is not None:
        params = {dialect.cancel_field: spelled_id}
    elif venue_order_id is None and dialect.ends_by_our_id:
        target = spelled_id
    elif venue_order_id is None:
        session.client.logger.warning("%s: no cancel without the venue's own id", spelled_id)
        return
    try:
        await session.load_markets()
        await session.ask(session.client.cancel_order(target, str(order.symbol), params))
    except Exception as error:
        await session.mend_clock(error)
        session.client.logger.info("%s: not cancelled: %s", spelled_id, session.explain(error))


def _create(session: CcxtSession, order: Order) -> Coroutine[Any, Any, Any]:
    # Text, always: ccxt reads a Decimal as nothing, and then sends another amount.
    created: Coroutine[Any, Any, Any] = session.client.create_order(
        str(order.symbol),
        "limit",
        order.side,
        plain(order.amount_base),
        plain(order.limit_price_quote),
        _STYLES[order.style]
        | {session.dialect.id_field: session.dialect.spell(order.client_order_id)},
    )
    return created


def _misfit(client: Any, order: Order) -> str | None:
    """Why the client would send other numbers than planned: the venue's steps have changed.

    Left alone it would round the amount or the price, and the price perhaps for the worse.
    """
    symbol = str(order.symbol)
    wanted = {
        "amount": (order.amount_base, client.amount_to_precision(symbol, plain(order.amount_base))),
        "price": (
            order.limit_price_quote,
            client.price_to_precision(symbol, plain(order.limit_price_quote)),
        ),
    }
    for name, (planned, sent) in wanted.items():
        if to_decimal(sent) != planned:
            return f"{name} {plain(planned)} no longer fits {symbol}: it would be sent as {sent}"
    return None


async def _unaccepted(session: CcxtSession, order: Order, error: Exception) -> Submission:
    """What a failed submission means for the order."""
    reason = session.explain(error)
    # ccxt also raises "bad request" while it reads the answer to an order that was taken.
    match Meaning.UNANSWERED if had_success() else judge_submit(error):
        case RefusalKind.DENIED:
            return Refused(order, f"denied: {reason}", RefusalKind.DENIED)
        case RefusalKind() as kind:
            return Refused(order, reason, kind)
        case Meaning.NOT_SENT:
            await session.mend_clock(error)
            return NotSent(order, reason, retry_after_ms(error), is_rate_limit(error))
        case Meaning.UNANSWERED:
            return Unanswered(order, reason)


async def _search(session: CcxtSession, order: Order, spelled_id: str) -> Any:
    """Look through every list of orders the venue offers, then through trades."""
    symbol, since_ms = str(order.symbol), order.planned_at_ms - CLOCK_SLACK_MS
    for ability, method in _LISTS_OF_ORDERS.items():
        if session.client.has.get(ability) is True:
            rows = await session.ask(getattr(session.client, method)(symbol, since_ms))
            if found := find_order(rows, spelled_id):
                return found
    if session.client.has.get("fetchMyTrades") is not True:
        return None
    trade = find_trade(
        await session.ask(session.client.fetch_my_trades(symbol, since_ms)), spelled_id
    )
    if trade is None or not trade.get("order"):
        return None
    return await session.ask(session.client.fetch_order(trade["order"], symbol))
