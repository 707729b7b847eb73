"""What one drain session works with, and what its two steps hand to each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rebalancer.book_shelf import BookShelf
from rebalancer.drain_line import DrainLine
from rebalancer.errors import BadConfig
from rebalancer.gate import GatePolicy
from rebalancer.ledger import Ledger
from rebalancer.orders import Order, VenueName
from rebalancer.ports import Alarm, Clock, OrderQueue, TradingControls, Venue
from rebalancer.queue import Claim, Denied, InDoubt
from rebalancer.settlement import Expired, LookUp, Submission


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything one drain session works with."""

    venues: Mapping[VenueName, Venue]
    gates: Mapping[VenueName, GatePolicy]
    queue: OrderQueue
    line: DrainLine
    """The same queue, for the steps that every order takes."""
    controls: TradingControls
    ledger: Ledger
    alarm: Alarm
    clock: Clock
    lease_ms: int
    post_ms: Mapping[VenueName, int]
    """How long a posted order rests before it is taken back and crossed."""
    books: BookShelf = field(default_factory=BookShelf)

    def __post_init__(self) -> None:
        assert set(self.venues) == set(self.gates) == set(self.post_ms), self
        assert self.lease_ms > 0, self

    def venue_of(self, order: Order) -> Venue:
        """Where the order goes. Raises BadConfig for one of a venue that left the settings."""
        if order.venue not in self.venues:
            raise BadConfig(
                f"order {order.client_order_id} for {order.symbol} waits for venue "
                f"{order.venue!r}, which the settings do not name. Put [venues.{order.venue}] back "
                "until it has ended"
            )
        return self.venues[order.venue]


@dataclass(frozen=True, slots=True)
class Answered:
    """An order whose end may be known: by sending it, by looking it up, or by a cap or its age."""

    claim: Claim | InDoubt
    answer: Submission | LookUp | Expired | Denied


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Not over: the order waits to be tried, or looked up, again."""

    order: Order
    reason: str
