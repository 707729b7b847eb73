"""Planning, noting and moving orders, inside the transaction of the caller.

An order's row is locked before it is judged, so two sessions that book the same order take turns
and the second finds what the first one wrote. What each step means is `judge_step`'s to say. The
end of an order is written in `postgres_settling`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select, update

from rebalancer.errors import BooksDisagree
from rebalancer.order_states import FINAL_STATES, STATES_WITH_FILLS, OrderState, Step, judge_step
from rebalancer.orders import ClientOrderId, Order
from resources.postgres_arrays import insert_arrays
from resources.postgres_rows import (
    ORDER_COLUMNS,
    insert_missing,
    order_of,
    order_values,
    storable,
)
from resources.tables_books import order_history, orders
from resources.tables_columns import epoch_ms_of

_STANDING = (
    "state",
    "filled_base",
    "paid_quote",
    "venue_order_id",
    "contradiction",
    "settled_at",
)
# The text itself, and no statement composed of columns: every end of an order begins with it.
_LOCK = (
    f"SELECT {', '.join((*_STANDING, *ORDER_COLUMNS))} "
    "FROM orders WHERE client_order_id = ANY(%(ids)s) ORDER BY client_order_id FOR UPDATE"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """An order's row, locked until the transaction ends."""

    state: OrderState
    filled_base: Decimal
    paid_quote: Decimal
    venue_order_id: str | None
    contradiction: str | None
    settled_at_ms: int | None
    described: tuple[Any, ...]
    """The columns that say what the order is, as `description_of` gives them."""

    @property
    def ended_at_ms(self) -> int:
        """When it ended, of an order that did."""
        assert self.settled_at_ms is not None, self
        return self.settled_at_ms


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an order's history."""

    client_order_id: ClientOrderId
    state: OrderState
    detail: str | None
    at_ms: int

    def row(self) -> dict[str, Any]:
        return {
            "client_order_id": self.client_order_id,
            "state": self.state,
            "detail": kept(self.detail),
            "at": self.at_ms,
        }


def plan_orders(
    connection: Connection,
    planned: Sequence[Order],
    *,
    now_ms: int,
    follows: ClientOrderId | None = None,
) -> tuple[Order, ...]:
    """Insert the orders that are new, and return those that may be queued, as they stand."""
    if not planned:
        return ()
    known = {"state": OrderState.PLANNED, "recorded_at": now_ms, "follows": follows}
    first = {order.client_order_id: order for order in reversed(planned)}
    # One order of locking for everybody: two plans that share orders wait, they do not deadlock.
    rows = [order_values(first[key]) | known for key in sorted(first)]
    fresh = {row.client_order_id for row in insert_missing(connection, orders, rows)}
    append_events(
        connection, [Event(key, OrderState.PLANNED, None, now_ms) for key in sorted(fresh)]
    )
    standing = {key: first[key] for key in fresh}
    if len(fresh) < len(first):
        is_planned = orders.c.state == OrderState.PLANNED
        query = select(orders).where(orders.c.client_order_id.in_(sorted(first)), is_planned)
        for row in connection.execute(query).mappings():
            standing[row["client_order_id"]] = order_of(row)
    ids = dict.fromkeys(order.client_order_id for order in planned)
    return tuple(standing[key] for key in ids if key in standing)


def note_state(
    connection: Connection, order: Order, state: OrderState, *, detail: str | None, now_ms: int
) -> None:
    """Move an order forward and append one event; what it has passed changes nothing.

    Raises:
        BooksDisagree: the order ended otherwise. What a venue did too late is for `settle_orders`,
            which has the evidence and can tell of it.
    """
    standing = lock_orders(connection, [order], now_ms=now_ms)[order.client_order_id]
    step = judge_step(standing.state, state)
    if step in (Step.CONTRADICTION, Step.IMPOSSIBLE):
        raise BooksDisagree(
            f"{order.client_order_id}: the books say {standing.state}, now it is {state}"
        )
    if step is not Step.FORWARD:
        return
    assert state not in STATES_WITH_FILLS, (order, state)
    append_events(connection, [Event(order.client_order_id, state, detail, now_ms)])
    is_this = orders.c.client_order_id == order.client_order_id
    values = {"state": state} | _ending(state, detail, now_ms)
    connection.execute(update(orders).where(is_this).values(**values))


def move_orders(
    connection: Connection,
    moved: Sequence[Order],
    *,
    before: OrderState,
    after: OrderState,
    detail: str | None,
    now_ms: int,
) -> tuple[Order, ...]:
    """Move the orders that stand at `before`, in one step for everybody, and say which did."""
    assert judge_step(before, after) is Step.FORWARD, (before, after)
    assert after not in STATES_WITH_FILLS, after
    name = orders.c.client_order_id
    asked = sorted({order.client_order_id for order in moved})
    standing = select(name).where(name.in_(asked), orders.c.state == before)
    # Locked one after the other by name: two who move the same orders wait, they do not deadlock.
    ids = connection.execute(standing.order_by(name).with_for_update()).scalars().all()
    values = {"state": after} | _ending(after, detail, now_ms)
    connection.execute(update(orders).where(name.in_(ids)).values(**values))
    append_events(connection, [Event(key, after, detail, now_ms) for key in ids])
    unique = {order.client_order_id: order for order in moved}
    return tuple(order for key, order in unique.items() if key in set(ids))


def _ending(state: OrderState, detail: str | None, now_ms: int) -> dict[str, Any]:
    """What a row says beside its state once the state is an end."""
    return {"settled_at": now_ms, "reason": kept(detail)} if state in FINAL_STATES else {}


def lock_orders(
    connection: Connection, wanted: Sequence[Order], *, now_ms: int
) -> dict[ClientOrderId, Standing]:
    """Lock the rows of orders, by id: who locks the same ones waits, and nobody deadlocks.

    Books that never saw an order take it now, so nothing is lost.
    """
    ids = sorted({order.client_order_id for order in wanted})
    standing = _lock(connection, ids)
    if len(standing) < len(ids):
        plan_orders(connection, wanted, now_ms=now_ms)
        standing = _lock(connection, ids)
    return standing


def _lock(connection: Connection, ids: list[ClientOrderId]) -> dict[ClientOrderId, Standing]:
    rows = connection.exec_driver_sql(_LOCK, {"ids": ids})
    return {row[len(_STANDING)]: _standing_of(row) for row in rows}


def _standing_of(row: Sequence[Any]) -> Standing:
    state, filled, paid, venue_order_id, contradiction, settled_at, *described = row
    return Standing(
        state=OrderState(state),
        filled_base=filled,
        paid_quote=paid,
        venue_order_id=venue_order_id,
        contradiction=contradiction,
        settled_at_ms=None if settled_at is None else epoch_ms_of(settled_at),
        described=tuple(described),
    )


def read_order(connection: Connection, client_order_id: ClientOrderId) -> Order:
    """The order that the books hold under an id. Raises BadData where the row describes none."""
    query = select(orders).where(orders.c.client_order_id == client_order_id)
    return order_of(connection.execute(query).mappings().one())


def append_events(connection: Connection, events: Sequence[Event]) -> None:
    """Append to the histories of orders; an event that is there already changes nothing."""
    insert_arrays(connection, order_history, [event.row() for event in events])


def kept(said: str | None) -> str | None:
    """What is told, as the books can keep it."""
    return None if said is None else storable(said)
