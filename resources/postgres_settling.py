"""Booking the ends of orders, many in one transaction of the caller.

Rows are locked before they are judged, so two sessions that book the same order take turns and the
second finds what the first one wrote. What each step means is `judge_step`'s to say.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from rebalancer.errors import BooksDisagree
from rebalancer.money import exact, plain
from rebalancer.order_states import Step, judge_step
from rebalancer.orders import ClientOrderId, Order
from rebalancer.settlement import Accepted, LateTrades, LedgerReceipt, Settlement
from resources.postgres_arrays import arrays_of, insertion, overwriting
from resources.postgres_booking import (
    APPEND,
    EVENT_COLUMNS,
    Event,
    ToPlan,
    kept,
    lock_orders,
    plan_all,
)
from resources.postgres_fills import fill_rows, require_as_booked, require_told_again
from resources.postgres_standing import Standing, require_same_order
from resources.tables_books import fills, order_history, orders

_END_COLUMNS = (
    "client_order_id",
    "state",
    "venue_order_id",
    "reason",
    "contradiction",
    "filled_base",
    "paid_quote",
    "slippage_bps",
    "settled_at",
)
_FILL_COLUMNS = tuple(fills.c.keys())
_END = (
    f"WITH ended AS ({overwriting(orders, _END_COLUMNS)}), told AS ({APPEND}), "
    f"traded AS ({insertion(fills, _FILL_COLUMNS)} RETURNING 1) SELECT count(*) FROM traded"
)


@dataclass(frozen=True, slots=True)
class ToBook:
    """One settlement, and when it was brought."""

    settlement: Settlement
    now_ms: int


@dataclass(frozen=True, slots=True)
class _Judged:
    """A settlement held against the row of its order: what is to be written of it, if anything."""

    settlement: Settlement
    standing: Standing
    step: Step
    contradiction: str | None
    at_ms: int

    @property
    def is_news(self) -> bool:
        return self.step not in (Step.STALE, Step.SAME)

    @property
    def client_order_id(self) -> ClientOrderId:
        return self.settlement.order.client_order_id

    @property
    def rest(self) -> Order | None:
        """What follows on its leg. After a contradiction nobody knows what the leg still needs."""
        is_over = self.step is Step.STALE or self.contradiction is not None
        return None if is_over else self.settlement.successor


def settle_orders(connection: Connection, brought: Sequence[ToBook]) -> list[LedgerReceipt]:
    """Book settlements of different orders, or find that they are booked already.

    Returns:
        One receipt for each, in the same order.

    Raises:
        BooksDisagree: books and a settlement cannot both be right. Nothing may be committed.
    """
    told = [one.settlement.order for one in brought]
    assert len({order.client_order_id for order in told}) == len(told), told
    standing = lock_orders(connection, told, now_ms=max(one.now_ms for one in brought))
    judged = [
        _judge(connection, standing[one.settlement.order.client_order_id], one) for one in brought
    ]
    news = [one for one in judged if one.is_news]
    _end(connection, news)
    rests = [ToPlan(one.rest, one.at_ms, one.client_order_id) for one in judged if one.rest]
    queueable = plan_all(connection, rests)
    return [_receipt_of(one, queueable) for one in judged]


def _judge(connection: Connection, standing: Standing, brought: ToBook) -> _Judged:
    settlement = brought.settlement
    require_same_order(connection, standing, settlement.order)
    _require_same_venue_order(standing, settlement)
    grew = settlement.filled_base > standing.filled_base
    step = judge_step(standing.state, settlement.state, fills_grew=grew)
    if step is Step.IMPOSSIBLE:
        raise BooksDisagree(_two_ends(standing, settlement))
    if step is Step.STALE:
        # It ended before, and this is told without evidence of a trade: it may leave the queue.
        return _Judged(settlement, standing, step, standing.contradiction, standing.ended_at_ms)
    if step is Step.SAME:
        contradiction = standing.contradiction or kept(settlement.contradiction)
        _require_same_end(connection, standing, settlement)
        return _Judged(settlement, standing, step, contradiction, standing.ended_at_ms)
    before = _two_ends(standing, settlement) if step is Step.CONTRADICTION else None
    if step is Step.CONTRADICTION:
        require_told_again(connection, settlement)
    contradiction = kept(_joined(before, settlement.contradiction))
    return _Judged(settlement, standing, step, contradiction, brought.now_ms)


def _receipt_of(judged: _Judged, queueable: Mapping[ClientOrderId, Order]) -> LedgerReceipt:
    """What the queue is told."""
    is_stale = judged.step is Step.STALE
    teller = judged.standing if is_stale else judged.settlement
    return LedgerReceipt(
        client_order_id=judged.client_order_id,
        successor=queueable.get(judged.rest.client_order_id) if judged.rest else None,
        paid_quote=teller.paid_quote,
        recorded_at_ms=judged.at_ms,
        contradiction=judged.contradiction,
        late=_late_trades(judged),
    )


def _late_trades(judged: _Judged) -> LateTrades | None:
    if judged.step is not Step.CONTRADICTION:
        return None
    with exact():
        more = judged.settlement.paid_quote - judged.standing.paid_quote
    return LateTrades(judged.settlement.order.portfolio, more)


def _end(connection: Connection, news: Sequence[_Judged]) -> None:
    """Write fills, the ends of orders over what stood there, and their histories, in one trip.

    Raises:
        BooksDisagree: a trade of the market is on the books already, and told otherwise there.
    """
    if not news:
        return
    traded = fill_rows([(one.settlement, one.at_ms) for one in news])
    events = [_event_of(one).row() for one in news]
    arrays = (
        arrays_of(orders, _END_COLUMNS, [_row_of(one) for one in news])
        | arrays_of(order_history, EVENT_COLUMNS, events)
        | arrays_of(fills, _FILL_COLUMNS, traded)
    )
    new = connection.exec_driver_sql(_END, arrays).scalar_one()
    if new < sum(len(one.settlement.fills) for one in news):
        for one in news:
            require_as_booked(connection, one.settlement)


def _row_of(judged: _Judged) -> dict[str, Any]:
    settlement, standing = judged.settlement, judged.standing
    return {
        "client_order_id": judged.client_order_id,
        "state": settlement.state,
        "venue_order_id": _venue_order_id(settlement) or standing.venue_order_id,
        "reason": kept(settlement.reason),
        "contradiction": judged.contradiction,
        "filled_base": settlement.filled_base,
        "paid_quote": settlement.paid_quote,
        "slippage_bps": settlement.slippage_bps,
        "settled_at": judged.at_ms,
    }


def _event_of(judged: _Judged) -> Event:
    settlement = judged.settlement
    detail = _joined(settlement.reason, judged.contradiction)
    return Event(judged.client_order_id, settlement.state, detail, judged.at_ms)


def _require_same_venue_order(standing: Standing, settlement: Settlement) -> None:
    booked, told = standing.venue_order_id, _venue_order_id(settlement)
    if None not in (booked, told) and booked != told:
        raise BooksDisagree(
            f"{settlement.order.client_order_id}: the books hold the venue's order {booked}, "
            f"now it is {told}; the venue may have two orders under one id of ours"
        )


def _require_same_end(connection: Connection, standing: Standing, settlement: Settlement) -> None:
    for name in ("filled_base", "paid_quote"):
        booked, settled = getattr(standing, name), getattr(settlement, name)
        if booked != settled:
            raise BooksDisagree(
                f"{settlement.order.client_order_id}: the books hold {name} {booked}, "
                f"now it is {settled}"
            )
    more = require_told_again(connection, settlement)
    assert not more, (more, "two lists of trades with one sum, one inside the other")


def _two_ends(standing: Standing, settlement: Settlement) -> str:
    return (
        f"{settlement.order.client_order_id}: the books said {standing.state} with "
        f"{plain(standing.filled_base)} filled, now it is {settlement.state} with "
        f"{plain(settlement.filled_base)} filled"
    )


def _venue_order_id(settlement: Settlement) -> str | None:
    outcome = settlement.outcome
    return outcome.venue_order_id if isinstance(outcome, Accepted) else None


def _joined(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
