"""Planning, noting and settling one order, inside the transaction of the caller.

An order's row is locked before it is judged, so two sessions that book the same order take turns
and the second finds what the first one wrote. What each step means is `judge_step`'s to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from rebalancer.errors import BooksDisagree
from rebalancer.money import plain
from rebalancer.order_states import FINAL_STATES, STATES_WITH_FILLS, OrderState, Step, judge_step
from rebalancer.orders import ClientOrderId, Order
from rebalancer.settlement import Accepted, LedgerReceipt, Settlement
from resources.postgres_fills import require_told_again, write_fills
from resources.postgres_rows import insert_missing, order_of, order_values, storable
from resources.tables_books import order_history, orders


@dataclass(frozen=True, slots=True)
class _Standing:
    """An order's row, locked until the transaction ends."""

    order: Order
    state: OrderState
    row: RowMapping


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
    _append(connection, sorted(fresh), OrderState.PLANNED, None, now_ms)
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
        BooksDisagree: the order ended otherwise. What a venue did too late is for `settle_order`,
            which has the evidence and can tell of it.
    """
    standing = _lock(connection, order, now_ms=now_ms)
    step = judge_step(standing.state, state)
    if step in (Step.CONTRADICTION, Step.IMPOSSIBLE):
        raise BooksDisagree(
            f"{order.client_order_id}: the books say {standing.state}, now it is {state}"
        )
    if step is not Step.FORWARD:
        return
    assert state not in STATES_WITH_FILLS, (order, state)
    _append(connection, [order.client_order_id], state, detail, now_ms)
    _change(connection, order, state=state, **_ending(state, detail, now_ms))


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
    _append(connection, ids, after, detail, now_ms)
    unique = {order.client_order_id: order for order in moved}
    return tuple(order for key, order in unique.items() if key in set(ids))


def _ending(state: OrderState, detail: str | None, now_ms: int) -> dict[str, Any]:
    """What a row says beside its state once the state is an end."""
    return {"settled_at": now_ms, "reason": _kept(detail)} if state in FINAL_STATES else {}


def settle_order(connection: Connection, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
    """Book one settlement, or find that it is booked already.

    Raises:
        BooksDisagree: books and settlement cannot both be right. Nothing may be committed.
    """
    order = settlement.order
    standing = _lock(connection, order, now_ms=now_ms)
    _require_same_order(standing.order, order)
    _require_same_venue_order(standing, settlement)
    grew = settlement.filled_base > standing.row["filled_base"]
    step = judge_step(standing.state, settlement.state, fills_grew=grew)
    if step is Step.STALE:
        # It ended before, and this is told without evidence of a trade: it may leave the queue.
        return _receipt_of(standing)
    if step is Step.IMPOSSIBLE:
        raise BooksDisagree(_two_ends(standing, settlement))
    if step is Step.SAME:
        contradiction = standing.row["contradiction"] or _kept(settlement.contradiction)
        _require_same_end(connection, standing, settlement)
        now_ms = standing.row["settled_at"]
    else:
        before = _two_ends(standing, settlement) if step is Step.CONTRADICTION else None
        contradiction = _kept(_joined(before, settlement.contradiction))
        if step is Step.CONTRADICTION:
            require_told_again(connection, settlement)
        write_fills(connection, settlement, now_ms=now_ms)
        _end(connection, standing, settlement, contradiction, now_ms)
    # After a contradiction nobody knows what the leg still needs.
    rest = settlement.successor if contradiction is None else None
    queueable = plan_orders(
        connection, () if rest is None else (rest,), now_ms=now_ms, follows=order.client_order_id
    )
    return LedgerReceipt(
        client_order_id=order.client_order_id,
        successor=next(iter(queueable), None),
        paid_quote=settlement.paid_quote,
        recorded_at_ms=now_ms,
        contradiction=contradiction,
    )


def _receipt_of(standing: _Standing) -> LedgerReceipt:
    row = standing.row
    return LedgerReceipt(
        client_order_id=standing.order.client_order_id,
        successor=None,
        paid_quote=row["paid_quote"],
        recorded_at_ms=row["settled_at"],
        contradiction=row["contradiction"],
    )


def _end(
    connection: Connection,
    standing: _Standing,
    settlement: Settlement,
    contradiction: str | None,
    now_ms: int,
) -> None:
    """Write the end of an order over what stood there, and append it to the history."""
    order = settlement.order
    _change(
        connection,
        order,
        state=settlement.state,
        venue_order_id=_venue_order_id(settlement) or standing.row["venue_order_id"],
        reason=_kept(settlement.reason),
        contradiction=contradiction,
        filled_base=settlement.filled_base,
        paid_quote=settlement.paid_quote,
        slippage_bps=settlement.slippage_bps,
        settled_at=now_ms,
    )
    detail = _joined(settlement.reason, contradiction)
    _append(connection, [order.client_order_id], settlement.state, detail, now_ms)


def _lock(connection: Connection, order: Order, *, now_ms: int) -> _Standing:
    """Lock the order's row. Books that never saw the order take it now, so nothing is lost."""
    query = select(orders).where(orders.c.client_order_id == order.client_order_id)
    row = connection.execute(query.with_for_update()).mappings().one_or_none()
    if row is None:
        plan_orders(connection, [order], now_ms=now_ms)
        row = connection.execute(query.with_for_update()).mappings().one()
    return _Standing(order_of(row), OrderState(row["state"]), row)


def _append(
    connection: Connection,
    about: Sequence[ClientOrderId],
    state: OrderState,
    detail: str | None,
    now_ms: int,
) -> None:
    """Append the same event to the history of each order."""
    event = {"at": now_ms, "state": state, "detail": _kept(detail)}
    rows = [{"client_order_id": key} | event for key in about]
    insert_missing(connection, order_history, rows)


def _change(connection: Connection, order: Order, **values: Any) -> None:
    is_this = orders.c.client_order_id == order.client_order_id
    connection.execute(update(orders).where(is_this).values(**values))


def _require_same_order(booked: Order, settled: Order) -> None:
    if booked != settled:
        raise BooksDisagree(
            f"{settled.client_order_id}: the books hold {booked}, but {settled} was settled"
        )


def _require_same_venue_order(standing: _Standing, settlement: Settlement) -> None:
    booked, told = standing.row["venue_order_id"], _venue_order_id(settlement)
    if None not in (booked, told) and booked != told:
        raise BooksDisagree(
            f"{standing.order.client_order_id}: the books hold the venue's order {booked}, "
            f"now it is {told}; the venue may have two orders under one id of ours"
        )


def _require_same_end(connection: Connection, standing: _Standing, settlement: Settlement) -> None:
    for name in ("filled_base", "paid_quote"):
        booked, settled = standing.row[name], getattr(settlement, name)
        if booked != settled:
            raise BooksDisagree(
                f"{standing.order.client_order_id}: the books hold {name} {booked}, "
                f"now it is {settled}"
            )
    more = require_told_again(connection, settlement)
    assert not more, (more, "two lists of trades with one sum, one inside the other")


def _two_ends(standing: _Standing, settlement: Settlement) -> str:
    return (
        f"{standing.order.client_order_id}: the books said {standing.state} with "
        f"{plain(standing.row['filled_base'])} filled, now it is {settlement.state} with "
        f"{plain(settlement.filled_base)} filled"
    )


def _venue_order_id(settlement: Settlement) -> str | None:
    outcome = settlement.outcome
    return outcome.venue_order_id if isinstance(outcome, Accepted) else None


def _joined(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None


def _kept(said: str | None) -> str | None:
    return None if said is None else storable(said)
