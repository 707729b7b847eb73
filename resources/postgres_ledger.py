"""Ledger in PostgreSQL: every order as it stands, its history, and its fills.

Each call is one transaction. An order's row is locked before it is judged, so two sessions that
book the same order take turns and the second finds what the first one wrote.

States only move forward: planned → queued → in doubt → one of the final ones.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, select, tuple_, update

from rebalancer.errors import BooksDisagree
from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import Ledger
from rebalancer.settlement import FINAL_STATES, Accepted, LedgerReceipt, OrderState, Settlement
from resources.postgres_connection import transaction
from resources.postgres_rows import (
    fill_of,
    fill_values,
    insert_missing,
    order_of,
    order_values,
    storable,
)
from resources.tables import fills, order_history, orders

_RANK = {OrderState.PLANNED: 0, OrderState.QUEUED: 1, OrderState.IN_DOUBT: 2}
_WITH_FILLS = frozenset({OrderState.FILLED, OrderState.PARTIALLY_FILLED})


class PostgresLedger(Ledger):
    """The books, on a pool of connections shared with nobody's event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def record_planned(self, orders: Sequence[Order], *, now_ms: int) -> tuple[Order, ...]:
        """Write orders in one bulk insert each for rows and events."""
        return await asyncio.to_thread(self._record_planned, orders, now_ms)

    async def note(
        self, order: Order, state: OrderState, *, detail: str | None, now_ms: int
    ) -> None:
        """Append one event and move the order forward to `state`.

        Raises:
            BooksDisagree: the order already ended otherwise.
        """
        await asyncio.to_thread(self._note, order, state, detail, now_ms)

    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        """Write fills, order, residual and event in one transaction."""
        return await asyncio.to_thread(self._record, settlement, now_ms)

    def _record_planned(self, planned: Sequence[Order], now_ms: int) -> tuple[Order, ...]:
        with transaction(self._engine) as connection:
            return _plan(connection, planned, now_ms=now_ms)

    def _note(self, order: Order, state: OrderState, detail: str | None, now_ms: int) -> None:
        with transaction(self._engine) as connection:
            standing = _lock(connection, order, now_ms=now_ms)
            if standing.state in FINAL_STATES:
                if state in FINAL_STATES and state != standing.state:
                    raise _ended_otherwise(order, standing.state, state)
                return
            assert state not in _WITH_FILLS, (order, state)
            _append(connection, [order], state, detail, now_ms)
            if state in FINAL_STATES:
                _close(connection, order, now_ms, state=state, reason=detail)
            elif _RANK[state] > _RANK[standing.state]:
                _change(connection, order, state=state)

    def _record(self, settlement: Settlement, now_ms: int) -> LedgerReceipt:
        with transaction(self._engine) as connection:
            return _settle(connection, settlement, now_ms=now_ms)


@dataclass(frozen=True, slots=True)
class _Standing:
    """An order's row, locked until the transaction ends."""

    order: Order
    state: OrderState
    row: RowMapping


def _plan(
    connection: Connection,
    planned: Sequence[Order],
    *,
    now_ms: int,
    residual_of: ClientOrderId | None = None,
) -> tuple[Order, ...]:
    """Insert the orders that are new, and return those that may be queued, as they stand."""
    known = {"state": OrderState.PLANNED, "recorded_at": now_ms, "residual_of": residual_of}
    # One order of locking for everybody: two plans that share orders wait, they do not deadlock.
    in_order = sorted(planned, key=lambda order: order.client_order_id)
    new = insert_missing(connection, orders, [order_values(order) | known for order in in_order])
    new_ids = {row.client_order_id for row in new}
    fresh = [order for order in in_order if order.client_order_id in new_ids]
    _append(connection, fresh, OrderState.PLANNED, None, now_ms)
    ids = [order.client_order_id for order in planned]
    rows = connection.execute(
        select(orders).where(
            orders.c.client_order_id.in_(ids), orders.c.state == OrderState.PLANNED
        )
    ).mappings()
    standing = {row["client_order_id"]: order_of(row) for row in rows}
    return tuple(standing[key] for key in dict.fromkeys(ids) if key in standing)


def _settle(connection: Connection, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
    """Book one settlement, or find that it is booked already."""
    order = settlement.order
    standing = _lock(connection, order, now_ms=now_ms)
    _require_same_order(standing.order, order)
    _write_fills(connection, settlement)
    ending = _ending(settlement)
    if standing.state in FINAL_STATES:
        _require_same_end(standing, ending)
        now_ms = standing.row["settled_at"]
    else:
        _close(connection, order, now_ms, **ending)
        _append(connection, [order], settlement.state, settlement.reason, now_ms)
    rest = () if settlement.residual is None else (settlement.residual,)
    queueable = _plan(connection, rest, now_ms=now_ms, residual_of=order.client_order_id)
    return LedgerReceipt(order.client_order_id, next(iter(queueable), None), now_ms)


def _ending(settlement: Settlement) -> dict[str, Any]:
    """The columns of `orders` that a settlement decides, other than when."""
    outcome = settlement.outcome
    return {
        "state": settlement.state,
        "venue_order_id": outcome.venue_order_id if isinstance(outcome, Accepted) else None,
        "reason": settlement.reason,
        "filled_base": settlement.filled_base,
        "paid_quote": settlement.paid_quote,
        "slippage_bps": settlement.slippage_bps,
    }


def _lock(connection: Connection, order: Order, *, now_ms: int) -> _Standing:
    """Lock the order's row. Books that never saw the order take it now, so nothing is lost."""
    query = select(orders).where(orders.c.client_order_id == order.client_order_id)
    row = connection.execute(query.with_for_update()).mappings().one_or_none()
    if row is None:
        _plan(connection, [order], now_ms=now_ms)
        row = connection.execute(query.with_for_update()).mappings().one()
    return _Standing(order_of(row), OrderState(row["state"]), row)


def _write_fills(connection: Connection, settlement: Settlement) -> None:
    """Insert the fills that are new, and see that the others say what the books say."""
    if not settlement.fills:
        return
    order = settlement.order
    rows = [fill_values(f, venue=order.venue, symbol=order.symbol) for f in settlement.fills]
    new = insert_missing(connection, fills, rows)
    if len(new) == len(rows):
        return
    key = tuple_(fills.c.venue, fills.c.symbol, fills.c.trade_id)
    wanted = [(row["venue"], row["symbol"], row["trade_id"]) for row in rows]
    known = connection.execute(select(fills).where(key.in_(wanted))).mappings()
    booked = {row["trade_id"]: fill_of(row) for row in known}
    for fill in settlement.fills:
        if booked[fill.trade_id] != fill:
            raise BooksDisagree(
                f"trade {fill.trade_id} of {order.symbol} at {order.venue}: the books hold "
                f"{booked[fill.trade_id]}, the venue now says {fill}"
            )


def _append(
    connection: Connection,
    about: Sequence[Order],
    state: OrderState,
    detail: str | None,
    now_ms: int,
) -> None:
    """Append the same event to the history of each order; the same event twice is one event."""
    event = {"at": now_ms, "state": state, "detail": None if detail is None else storable(detail)}
    rows = [{"client_order_id": order.client_order_id} | event for order in about]
    insert_missing(connection, order_history, rows)


def _close(connection: Connection, order: Order, now_ms: int, **ending: Any) -> None:
    reason = ending["reason"]
    ending["reason"] = None if reason is None else storable(reason)
    _change(connection, order, settled_at=now_ms, **ending)


def _change(connection: Connection, order: Order, **values: Any) -> None:
    is_this = orders.c.client_order_id == order.client_order_id
    connection.execute(update(orders).where(is_this).values(**values))


def _require_same_order(booked: Order, settled: Order) -> None:
    if booked != settled:
        raise BooksDisagree(
            f"{settled.client_order_id}: the books hold {booked}, but {settled} was settled"
        )


def _require_same_end(standing: _Standing, ending: Mapping[str, Any]) -> None:
    order, state = standing.order, ending["state"]
    if standing.state != state:
        raise _ended_otherwise(order, standing.state, state)
    for name in ("filled_base", "paid_quote", "venue_order_id"):
        booked, settled = standing.row[name], ending[name]
        if booked != settled:
            raise BooksDisagree(
                f"{order.client_order_id}: the books hold {name} {booked}, now it is {settled}"
            )


def _ended_otherwise(order: Order, booked: OrderState, told: OrderState) -> BooksDisagree:
    return BooksDisagree(f"{order.client_order_id}: the books say {booked}, now it is {told}")


assert set(_RANK) | FINAL_STATES == set(OrderState)
