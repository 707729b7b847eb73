"""Planning, noting and moving orders, inside the transaction of the caller.

An order's row is locked before it is judged, so two sessions that book the same order take turns
and the second finds what the first one wrote. What each step means is `judge_step`'s to say. The
end of an order is written in `postgres_settling`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from rebalancer.errors import BooksDisagree
from rebalancer.order_states import FINAL_STATES, STATES_WITH_FILLS, OrderState, Step, judge_step
from rebalancer.orders import ClientOrderId, Order
from resources.postgres_arrays import Rows, arrays_of, insertion
from resources.postgres_rows import ORDER_COLUMNS, order_of, order_values, storable
from resources.postgres_standing import Standing, lock_rows
from resources.tables_books import order_history, orders

EVENT_COLUMNS = ("client_order_id", "state", "detail", "at")
APPEND = insertion(order_history, EVENT_COLUMNS)
"""Appends to the histories of orders; an event that is there already changes nothing."""
_PLANNED = (*ORDER_COLUMNS, "state", "recorded_at", "follows")
_PLAN = (
    f"WITH fresh AS ({insertion(orders, _PLANNED)} RETURNING client_order_id, state, recorded_at), "
    "events AS (INSERT INTO order_history (client_order_id, state, at) SELECT * FROM fresh) "
    "SELECT client_order_id FROM fresh"
)


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


@dataclass(frozen=True, slots=True)
class ToPlan:
    """One order that is to stand on the books, and the order of its leg that ended before it."""

    order: Order
    now_ms: int
    follows: ClientOrderId | None = None

    def row(self) -> dict[str, Any]:
        return order_values(self.order) | {
            "state": OrderState.PLANNED,
            "recorded_at": self.now_ms,
            "follows": self.follows,
        }


def plan_orders(
    connection: Connection, planned: Sequence[Order], *, now_ms: int
) -> tuple[Order, ...]:
    """Insert the orders that are new, and return those that may be queued, as they stand."""
    queueable = plan_all(connection, [ToPlan(order, now_ms) for order in planned])
    ids = dict.fromkeys(order.client_order_id for order in planned)
    return tuple(queueable[key] for key in ids if key in queueable)


def plan_all(connection: Connection, planned: Sequence[ToPlan]) -> dict[ClientOrderId, Order]:
    """Insert the orders that are new, and find those that may be queued, as they stand."""
    if not planned:
        return {}
    first = {one.order.client_order_id: one for one in reversed(planned)}
    # One order of locking for everybody: two plans that share orders wait, they do not deadlock.
    fresh = _insert_planned(connection, [first[key].row() for key in sorted(first)])
    standing = {key: first[key].order for key in fresh}
    if len(fresh) < len(first):
        is_planned = orders.c.state == OrderState.PLANNED
        query = select(orders).where(orders.c.client_order_id.in_(sorted(first)), is_planned)
        for row in connection.execute(query).mappings():
            standing[row["client_order_id"]] = order_of(row)
    return standing


def _insert_planned(connection: Connection, rows: Rows) -> list[ClientOrderId]:
    """Insert the orders that are new, each with the first line of its history; say which."""
    arrays = arrays_of(orders, _PLANNED, rows)
    return list(connection.exec_driver_sql(_PLAN, arrays).scalars())


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
    """Lock the rows of orders. Books that never saw an order take it now, so nothing is lost."""
    ids = sorted({order.client_order_id for order in wanted})
    standing = lock_rows(connection, ids)
    if len(standing) < len(ids):
        plan_orders(connection, wanted, now_ms=now_ms)
        standing = lock_rows(connection, ids)
    return standing


def append_events(connection: Connection, events: Sequence[Event]) -> None:
    """Append to the histories of orders; an event that is there already changes nothing."""
    if events:
        arrays = arrays_of(order_history, EVENT_COLUMNS, [event.row() for event in events])
        connection.exec_driver_sql(APPEND, arrays)


def kept(said: str | None) -> str | None:
    """What is told, as the books can keep it."""
    return None if said is None else storable(said)
