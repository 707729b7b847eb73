"""What the domain needs from the world: one of each in resources/, one in tests/fakes/.

Venue and Ledger wait on a network and a disk, so they are awaited. The queue is not: one Redis
script takes about 0.1 ms, less than handing it to another task would.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from rebalancer.balances import RawBalance
from rebalancer.gate import Conditions, GateOpen
from rebalancer.money import Symbol
from rebalancer.orders import Order, PortfolioName
from rebalancer.precision import RawRule
from rebalancer.queue import (
    Claim,
    InDoubt,
    NotNow,
    QueueDepth,
    QueueEmpty,
    SendPermit,
    Tenure,
    TenureState,
)
from rebalancer.quotes import RawTicker
from rebalancer.settlement import Fill, LedgerReceipt, LookUp, OrderState, Settlement, Submission


class Clock(ABC):
    @abstractmethod
    def now_ms(self) -> int:
        """Epoch milliseconds, UTC."""


class Venue(ABC):
    """One account at one exchange.

    Reads raise VenueUnavailable (read again), VenueDenied (a human is needed) or BadData (the
    answer cannot be read exactly). `submit` answers with a value, whatever happens.
    """

    @abstractmethod
    async def fetch_rules(self, symbols: Collection[Symbol]) -> Sequence[RawRule]:
        """Today's rules as sent, read anew on every call; unlisted symbols are absent."""

    @abstractmethod
    async def fetch_tickers(self, symbols: Collection[Symbol]) -> Sequence[RawTicker]:
        """Tickers as sent, not yet judged: fields may be missing, NaN or nonsense."""

    @abstractmethod
    async def fetch_balances(self) -> Sequence[RawBalance]:
        """Every asset the account lists, as sent, not yet judged."""

    @abstractmethod
    async def submit(self, permit: SendPermit) -> Submission:
        """Send the permitted order once. Never retries, never raises: silence is Unanswered."""

    @abstractmethod
    async def look_up(self, order: Order) -> LookUp:
        """Ask what became of an order by its client order id. Sends nothing, never raises."""

    @abstractmethod
    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        """Every trade of one order."""

    @abstractmethod
    async def probe(self) -> None:
        """Measure one round trip for `conditions`. Never raises: a failure is infinite latency."""

    @property
    @abstractmethod
    def conditions(self) -> Conditions:
        """The venue's latency as its last answers showed it."""


class OrderQueue(ABC):
    """Orders waiting to be sent. Every method is atomic and raises StoreUnavailable."""

    @abstractmethod
    def enqueue(self, orders: Sequence[Order]) -> int:
        """Add orders not known yet whose portfolio and symbol have no live order.

        Known means: seen by its client order id at any time its TTL covers. Returns how many were
        new.
        """

    @abstractmethod
    def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int) -> Claim | InDoubt | QueueEmpty:
        """Lease the most urgent order, the oldest of equals; orders in doubt come first.

        No buy is given out while a sell of its cycle and portfolio is unsettled.
        """

    @abstractmethod
    def permit(self, gate: GateOpen) -> SendPermit | NotNow:
        """Mark the order sent and hand out its only permit, or say when to ask again.

        Raises LeaseLost when the claim or the tenure is no longer ours, or it was sent already.
        """

    @abstractmethod
    def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        """Give a claim back until `retry_at_ms`; a sent order stays in doubt. Raises LeaseLost."""

    @abstractmethod
    def return_unsent(self, claim: Claim, *, retry_at_ms: int) -> None:
        """Put back an order that was provably not placed, and count the try. Raises LeaseLost."""

    @abstractmethod
    def note_absent(self, doubt: InDoubt, *, retry_at_ms: int) -> None:
        """Count one look-up that found nothing; look again at `retry_at_ms`. Raises LeaseLost."""

    @abstractmethod
    def acknowledge(self, receipt: LedgerReceipt) -> None:
        """Remove an order that is on the books, and queue its residual in the same step."""

    @abstractmethod
    def live_orders(self, portfolio: PortfolioName) -> tuple[Order, ...]:
        """Orders of the portfolio that are queued, claimed or sent: their symbols are busy."""

    @abstractmethod
    def depth(self) -> QueueDepth:
        """How many orders wait, and how urgent the most urgent of them is."""

    @abstractmethod
    def tenure_state(self, slot: int) -> TenureState:
        """Whether anybody holds a drain slot; epoch 0 when nobody ever did."""

    @abstractmethod
    def open_tenure(self, slot: int, *, owner: str, ttl_ms: int) -> Tenure | None:
        """Take a drain slot and the next epoch, or None while another owner holds it."""

    @abstractmethod
    def renew_tenure(self, tenure: Tenure, *, ttl_ms: int) -> None:
        """Hold the slot longer. Raises LeaseLost when it has passed to another."""

    @abstractmethod
    def close_tenure(self, tenure: Tenure) -> None:
        """Leave the slot to the next owner at once. Closing a lost tenure changes nothing."""


class Ledger(ABC):
    """The books. Every method commits before it returns and raises StoreUnavailable."""

    @abstractmethod
    async def record_planned(self, orders: Sequence[Order], *, now_ms: int) -> tuple[Order, ...]:
        """Write orders before they are queued.

        An id already on the books keeps its first form. Returns those that may be queued, in the
        form that stands on the books: those that never reached the queue. One that did may have
        been sent since, and a queue that has lost everything could not tell.
        """

    @abstractmethod
    async def note(
        self, order: Order, state: OrderState, *, detail: str | None, now_ms: int
    ) -> None:
        """Append one event to an order's history. A final state is never left again."""

    @abstractmethod
    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        """Commit one settlement with its fills and residual. Twice changes nothing.

        Raises:
            BooksDisagree: the order already ended otherwise.
        """


@dataclass(frozen=True, slots=True)
class Alert:
    """Something a person must know. Tags are short and free of secrets."""

    title: str
    detail: str
    fingerprint: tuple[str, ...]
    link: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


class Alarm(ABC):
    @abstractmethod
    def page(self, alert: Alert) -> None:
        """Tell a person. Never raises: a broken alarm must not stop the books."""
