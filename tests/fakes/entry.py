"""An order in the queue that is a dictionary."""

from dataclasses import dataclass

from rebalancer.orders import Order
from rebalancer.queue import Tenure


@dataclass(slots=True)
class Entry:
    """One order and where it stands. `at_ms` None: it may be claimed now."""

    order: Order
    sequence: int
    at_ms: int | None = None
    token: tuple[Tenure, int] | None = None
    sent_at_ms: int | None = None
    tries: int = 0
    absences: int = 0

    @property
    def is_sent(self) -> bool:
        return self.sent_at_ms is not None
