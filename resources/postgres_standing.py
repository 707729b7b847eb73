"""How an order stands: its row, locked until the transaction of the caller ends, and no more of it
than is judged.

What the order is, stands in a row that nobody rewrites. It is compared as the driver gives it; an
`Order` is made of it only where the two differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from rebalancer.errors import BooksDisagree
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order
from resources.postgres_rows import DESCRIPTION, description_of, order_of
from resources.tables_books import orders
from resources.tables_columns import epoch_ms_of

_LOCK = (
    "SELECT client_order_id, state, filled_base, paid_quote, venue_order_id, contradiction, "
    f"settled_at, {DESCRIPTION} "
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
    described: tuple[list[Any], ...]
    """The columns that say what the order is, as `description_of` gives them."""

    @property
    def ended_at_ms(self) -> int:
        """When it ended, of an order that did."""
        assert self.settled_at_ms is not None, self
        return self.settled_at_ms


def lock_rows(
    connection: Connection, ids: Sequence[ClientOrderId]
) -> dict[ClientOrderId, Standing]:
    """Lock rows by id: who locks the same ones waits, and nobody deadlocks. Some may be missing."""
    rows = connection.exec_driver_sql(_LOCK, {"ids": list(ids)})
    return {client_order_id: _standing_of(*rest) for client_order_id, *rest in rows}


def require_same_order(connection: Connection, standing: Standing, settled: Order) -> None:
    """Raises BooksDisagree where the books hold another order under the id of this one."""
    if standing.described == description_of(settled):
        return
    query = select(orders).where(orders.c.client_order_id == settled.client_order_id)
    booked = order_of(connection.execute(query).mappings().one())
    if booked != settled:
        raise BooksDisagree(
            f"{settled.client_order_id}: the books hold {booked}, but {settled} was settled"
        )


def _standing_of(
    state: str,
    filled_base: Decimal,
    paid_quote: Decimal,
    venue_order_id: str | None,
    contradiction: str | None,
    settled_at: datetime | None,
    *described: list[Any],
) -> Standing:
    return Standing(
        state=OrderState(state),
        filled_base=filled_base,
        paid_quote=paid_quote,
        venue_order_id=venue_order_id,
        contradiction=contradiction,
        settled_at_ms=None if settled_at is None else epoch_ms_of(settled_at),
        described=described,
    )
