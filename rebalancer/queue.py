"""The order queue's vocabulary. The rules live here; Redis lives in resources/.

An order passes waiting → claimed → sent → gone. `sent` is written before the network is touched and
once per order, so a crash can lose an order but never send it twice; a sent order that comes back
is in doubt, and only a look-up may end it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from rebalancer.errors import BadData
from rebalancer.orders import Order, PortfolioName
from rebalancer.risk import DenialReason

Generation = NewType("Generation", str)
"""One life of a queue, from the filling after a loss to the next loss."""

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
    sent_at_ms: int
    """When its permit was given, by the clock of the queue."""


@dataclass(frozen=True, slots=True)
class QueueEmpty:
    """Nothing may be claimed now; `next_at_ms` is when something might be, if known."""

    next_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """What was claimed in one step, the most urgent first; BadData is an order nobody can read.

    `empty` is told when there was nothing more to claim.
    """

    found: tuple[Claim | InDoubt | BadData, ...]
    empty: QueueEmpty | None


@dataclass(frozen=True, slots=True)
class SendPermit:
    """The one permission to send `order`. Made only by OrderQueue.permit."""

    order: Order
    valid_until_ms: int


class NotNowReason(StrEnum):
    """Why an order, or a question about one, has to wait."""

    HALTED = "HALTED"
    MAINTENANCE = "MAINTENANCE"
    TAP_CLOSED = "TAP_CLOSED"
    RATE_SPENT = "RATE_SPENT"
    SELLS_FIRST = "SELLS_FIRST"
    TOO_MANY_OPEN = "TOO_MANY_OPEN"
    VERDICT_RAN_OUT = "VERDICT_RAN_OUT"


@dataclass(frozen=True, slots=True)
class NotNow:
    """No permit yet. Ask again after `retry_after_ms`."""

    reason: NotNowReason
    detail: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Denied:
    """No permit, ever: the order is beyond a cap. It ends, and the next cycle plans afresh."""

    order: Order
    reason: DenialReason
    detail: str


class CallKind(StrEnum):
    """What a request to a venue is for. The last two may use what new orders leave in reserve."""

    ORDER = "order"
    BOOK = "book"
    """Read for the sake of a new order, so it leaves the reserve as that does."""
    LOOK_UP = "look_up"
    CANCEL = "cancel"


class Stage(StrEnum):
    """Where a live order stands in the queue."""

    WAITING = "waiting"
    SENT = "sent"
    """Its permit was given: it may have reached the venue."""


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """What waits: `waiting` counts orders not sent, `in_doubt` those sent and not booked."""

    waiting: int
    in_doubt: int
    urgency_max: Decimal
    oldest_planned_at_ms: int | None

    @property
    def is_empty(self) -> bool:
        return self.waiting == 0 and self.in_doubt == 0


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a queue that has lost its data is filled with again, from the books.

    Attributes:
        maybe_sent: Every order without an end. Any of them may have been sent: all are in doubt.
        turnover_quote: Worth of what each portfolio traded since the day began, by UTC.
    """

    maybe_sent: tuple[Order, ...]
    turnover_quote: Mapping[PortfolioName, Decimal]
