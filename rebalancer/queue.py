"""The order queue's vocabulary. The rules live here; Redis lives in resources/.

An order passes waiting → claimed → sent → gone. `sent` is written before the network is touched and
once per order, so a crash can lose an order but never send it twice; a sent order that comes back
is in doubt, and only a look-up may end it.
"""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.orders import Order

ABSENCES_NEEDED = 2
"""Targeted look-ups, each a lease apart, that must find nothing before absence counts."""


MAIN_SLOT = 0
"""The drain slot that every session takes unless it is told another."""


@dataclass(frozen=True, slots=True)
class Tenure:
    """The right to drain, as held by one session. A later epoch of the slot ends it at once."""

    slot: int
    epoch: int

    def __post_init__(self) -> None:
        assert self.slot >= 0, self
        assert self.epoch > 0, self


@dataclass(frozen=True, slots=True)
class TenureState:
    """A drain slot seen from outside: the last epoch given out, and whether it is held now."""

    epoch: int
    is_held: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Sole right to judge one order, until `lease_until_ms`. Made only by OrderQueue.claim."""

    order: Order
    tenure: Tenure
    lease_until_ms: int
    tries: int
    """How often the order came back as provably not sent."""


@dataclass(frozen=True, slots=True)
class InDoubt:
    """An order that was marked sent and never acknowledged. Look it up; never send it."""

    order: Order
    tenure: Tenure
    lease_until_ms: int
    absences: int
    """How many look-ups have found nothing so far."""


@dataclass(frozen=True, slots=True)
class QueueEmpty:
    """Nothing may be claimed now; `next_at_ms` is when something might be, if known."""

    next_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class SendPermit:
    """The one permission to send `order`. Made only by OrderQueue.permit."""

    order: Order
    valid_until_ms: int


@dataclass(frozen=True, slots=True)
class NotNow:
    """No permit yet: the rate budget is spent. Ask again after `retry_after_ms`."""

    reason: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What waits: `waiting` counts orders not sent, `in_doubt` those sent and not booked."""

    waiting: int
    in_doubt: int
    urgency_max: Decimal
    oldest_planned_at_ms: int | None
