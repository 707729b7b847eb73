"""What one drain session did, as its run shows it."""

from collections import Counter, deque
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.money import ZERO, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.queue import NotNowReason
from rebalancer.recovery import Recovered
from rebalancer.settlement import Settlement

RECENT_MAX = 200


@dataclass(slots=True)
class SessionReport:
    """What one session did; `recent` holds its last settlements, not all of them."""

    epoch: int | None = None
    states: Counter[OrderState] = field(default_factory=Counter)
    asked_quote: Decimal = ZERO
    """Worth of what the orders that ended had asked for, at the mid they were planned at."""
    filled_quote: Decimal = ZERO
    """Worth of what they filled, at the same mid, so that the two compare."""
    recent: deque[Settlement] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    unsettled: int = 0
    last_unsettled: str | None = None
    held: int = 0
    last_hold: str | None = None
    waits: Counter[NotNowReason] = field(default_factory=Counter)
    """Permits and look-ups that were put off, by reason."""
    recovered: Recovered | None = None
    left_because: str = "still running"

    def add(self, booked: Settlement) -> None:
        """Count one order that ended."""
        mid = booked.order.arrival_mid_quote
        self.states[booked.state] += 1
        self.recent.append(booked)
        with exact():
            self.asked_quote += booked.order.amount_base * mid
            self.filled_quote += booked.filled_base * mid

    def add_unsettled(self, order: Order, reason: str) -> None:
        """Count one answer that did not end its order."""
        self.unsettled += 1
        self.last_unsettled = f"{order.client_order_id[:8]} {order.symbol}: {reason}"
