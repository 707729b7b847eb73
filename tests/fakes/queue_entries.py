"""What the fake queue keeps of one order, and the names of the lives that fake queues lead."""

from dataclasses import dataclass
from itertools import count

from rebalancer.orders import Order
from rebalancer.queue import Generation, Tenure

GENERATIONS = (Generation(f"generation {number}") for number in count(1))
"""No two queues of one test run share one, as no two fillings of a server do."""


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
