"""Which orders a command means: one by the begin of its id, or those that wait for approval."""

from collections.abc import Sequence
from dataclasses import dataclass

from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId
from resources.archive_rows import OrderRow
from resources.wiring import Stores
from services.cli.failures import CommandFailed, Exit

SEARCHED_MAX = 10_000
ID_MIN = 4
"""Fewer characters would sooner or later mean another order than the one that was meant."""
WAITING = OrderState.AWAITING_APPROVAL


@dataclass(frozen=True, slots=True)
class Choice:
    """How a person named the orders waiting for approval: one of the three ways."""

    ids: tuple[str, ...]
    cycle: str | None
    is_all: bool


def chosen_orders(stores: Stores, choice: Choice) -> list[OrderRow]:
    """The orders waiting for approval that were chosen; never none.

    Raises:
        CommandFailed: the choice is none, or two; or an order does not wait for approval.
    """
    ways = sum((bool(choice.ids), choice.cycle is not None, choice.is_all))
    if ways != 1:
        raise CommandFailed(
            f"expected order ids, --cycle ID or --all, and one way only; {ways} were given. "
            "trimtab orders --state awaiting_approval lists what waits",
            Exit.BAD_INPUT,
        )
    if choice.ids:
        known = stores.archive.read_orders(limit=SEARCHED_MAX)
        found = {row.order.client_order_id: row for row in (_only(known, i) for i in choice.ids)}
        return [_require_waiting(row) for row in found.values()]
    rows = stores.archive.read_orders(
        states=(WAITING,),
        cycle_id=None if choice.cycle is None else CycleId(choice.cycle),
        limit=SEARCHED_MAX,
    )
    if not rows:
        among = "" if choice.cycle is None else f" among those of cycle {choice.cycle!r}"
        raise CommandFailed(f"no order waits for approval{among}", Exit.BAD_INPUT)
    return rows


def find_order(stores: Stores, prefix: str) -> OrderRow:
    """The one order whose id begins so.

    Raises:
        CommandFailed: it is too short, or none or several begin so.
    """
    return _only(stores.archive.read_orders(limit=SEARCHED_MAX), prefix)


def _only(rows: Sequence[OrderRow], prefix: str) -> OrderRow:
    require_long(prefix)
    found = [row for row in rows if row.order.client_order_id.startswith(prefix)] or [
        row for row in rows if row.order.client_order_id.startswith(prefix.lower())
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandFailed(
            f"no order begins with {prefix!r} among the newest {SEARCHED_MAX}; "
            "trimtab orders lists them",
            Exit.BAD_INPUT,
        )
    raise CommandFailed(
        f"{len(found)} orders begin with {prefix!r}; give more of the id", Exit.BAD_INPUT
    )


def require_long(prefix: str) -> None:
    """Refuse too little of an id, before anything is opened."""
    if len(prefix) < ID_MIN:
        raise CommandFailed(
            f"expected at least {ID_MIN} characters of an order id, was {prefix!r}; trimtab orders "
            "lists them",
            Exit.BAD_INPUT,
        )


def _require_waiting(row: OrderRow) -> OrderRow:
    if row.state is not WAITING:
        raise CommandFailed(
            f"order {row.order.client_order_id} is {row.state.value}; expected {WAITING.value}. "
            f"trimtab orders --state {WAITING.value} lists what waits",
            Exit.BAD_INPUT,
        )
    return row
