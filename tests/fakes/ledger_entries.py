"""What the fake books keep: an order as it stands, and each line of its history."""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.ledger import BookedOrder
from rebalancer.money import ZERO
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order


@dataclass(frozen=True, slots=True)
class Entry:
    """An order as it stands on the books."""

    order: Order
    state: OrderState
    recorded_at_ms: int
    filled_base: Decimal = ZERO
    paid_quote: Decimal = ZERO
    venue_order_id: str | None = None
    reason: str | None = None
    contradiction: str | None = None
    follows: ClientOrderId | None = None
    settled_at_ms: int | None = None

    @property
    def booked(self) -> BookedOrder:
        return BookedOrder(self.order, self.state, self.recorded_at_ms, self.follows)


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an order's history."""

    client_order_id: ClientOrderId
    at_ms: int
    state: OrderState
    detail: str | None
