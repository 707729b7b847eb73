"""What the domain needs from the world: one of each in resources/, one in tests/fakes/.

Venue and Ledger wait on a network and a disk, so they are awaited. The queue is not: one Redis
script takes about 0.1 ms, less than handing it to another task would.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.account import AccountTrade, OpenOrder, VenueStatus
from rebalancer.balances import RawBalance
from rebalancer.controls import HaltKind, MaintenanceWindow, Scope, TradingHalt
from rebalancer.credentials import KeyRights
from rebalancer.depth import RawBook
from rebalancer.gate import Conditions, GateOpen
from rebalancer.money import Symbol
from rebalancer.orders import ClientOrderId, Order, PortfolioName, VenueName
from rebalancer.precision import RawRule
from rebalancer.queue import (
    CallKind,
    Claim,
    Denied,
    Generation,
    InDoubt,
    NotNow,
    QueueDepth,
    QueueEmpty,
    Recovery,
    SendPermit,
    Stage,
    Tenure,
    TenureState,
)
from rebalancer.quotes import RawTicker
from rebalancer.settlement import Fill, LedgerReceipt, LookUp, Submission
from rebalancer.venue_tap import VenueTap


class Clock(ABC):
    @abstractmethod
    def now_ms(self) -> int:
        """Epoch milliseconds, UTC."""


class Venue(ABC):
    """One account at one exchange.

    Reads raise VenueUnavailable (read again), VenueDenied (a human is needed) or BadData (the
    answer cannot be read exactly). `submit` answers with a value, whatever happens. An order of
    style "take" ends at once; one of style "post" rests, or is refused when it would take.
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
    async def cancel(self, order: Order, venue_order_id: str | None) -> None:
        """Ask the venue to end a resting order.

        Sends one request at most and never raises: what became of the order is for `look_up` to
        tell, and it may have filled first.
        """

    @abstractmethod
    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        """Every trade of one order."""

    @abstractmethod
    async def fetch_open_orders(self, symbols: Collection[Symbol]) -> tuple[OpenOrder, ...]:
        """Every order on the account that may still fill in these markets, ours or not."""

    @abstractmethod
    async def fetch_account_trades(
        self, symbol: Symbol, *, since_ms: int
    ) -> tuple[AccountTrade, ...]:
        """Every trade on the account in one market since then, ours or not, the earliest first.

        Each once. More than can be read in bounds is BadData, never a part of them.
        """

    @abstractmethod
    async def fetch_book(self, symbol: Symbol, *, levels: int) -> RawBook:
        """At most `levels` of each side as sent, the best first, not yet judged."""

    @abstractmethod
    async def fetch_status(self) -> VenueStatus:
        """What the venue announces of itself; UNKNOWN where it tells nothing."""

    @abstractmethod
    async def fetch_key_rights(self) -> KeyRights:
        """What the key may do; None for each right the venue does not tell clearly."""

    @abstractmethod
    async def fetch_clock_skew_ms(self) -> int | None:
        """Venue time minus ours at the middle of the round trip; None where it tells no time."""

    @abstractmethod
    async def probe(self) -> None:
        """Measure one round trip for `conditions`. Never raises: a failure is infinite latency."""

    @property
    @abstractmethod
    def conditions(self) -> Conditions:
        """The venue's latency as its last answers showed it."""


class OrderQueue(VenueTap):
    """Orders waiting to be sent. Every method is atomic and raises StoreUnavailable.

    A queue that has lost its data says so: `generation`, `enqueue`, `claim`, `permit` and
    `live_orders` raise QueueLost until `recover` has filled it again from the books.
    """

    @abstractmethod
    def is_lost(self) -> bool:
        """Whether the queue holds no generation: it is new, or its server has lost everything."""

    @abstractmethod
    def generation(self) -> Generation:
        """The life of the queue that began with its last filling. Raises QueueLost without one."""

    @abstractmethod
    def recover(self, recovery: Recovery) -> int:
        """Add the orders that may have been sent and are not known here, as in doubt.

        A lost queue then begins a generation, with the turnover given. Doing it twice, or from two
        processes at once, changes nothing more; an order acknowledged meanwhile stays gone.
        Returns how many orders were added.
        """

    @abstractmethod
    def enqueue(
        self, orders: Sequence[Order], *, generation: Generation
    ) -> frozenset[ClientOrderId]:
        """Add orders not known yet whose portfolio and symbol have no live order; say which.

        Known means: seen by its client order id at any time its TTL covers. `generation` was read
        before the books were: an order that they let through may have ended before a later one.
        Raises QueueLost, and has added none, when the queue is of another generation.
        """

    @abstractmethod
    def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int) -> Claim | InDoubt | QueueEmpty:
        """Lease the most urgent order, the oldest of equals; orders in doubt come first.

        No buy is given out while a sell of its cycle and portfolio is unsettled.
        """

    @abstractmethod
    def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        """Mark the order sent and hand out its only permit, or say when to ask again.

        One step for everybody: halts, maintenance, the rate of the venue, the caps, the claim and
        the mark. A denied order stays claimed, for the caller to book its end.

        Raises LeaseLost when the claim or the tenure is no longer ours, or it was sent already.
        """

    @abstractmethod
    def spend(self, venue: VenueName, kind: CallKind) -> NotNow | None:
        """Take a book, or ahead of new orders a look-up or a cancel, out of the venue's budget."""

    @abstractmethod
    def retire(self, claim: Claim) -> None:
        """Let nobody send the order any more, before its end is booked without its being sent.

        Until it is acknowledged it counts as sent. Raises LeaseLost when the claim is not ours.
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
    def acknowledge(self, receipt: LedgerReceipt) -> bool:
        """Remove an order that is on the books, and queue its successor in the same step.

        What the order really traded takes the place of what its permit had reserved of the day's
        turnover.

        Returns:
            Whether the successor was turned away because another order holds its symbol: then it
            never was in the queue, and nothing of it was sent.
        """

    @abstractmethod
    def live_orders(self, portfolio: PortfolioName) -> tuple[Order, ...]:
        """Orders of the portfolio that are queued, claimed or sent: their symbols are busy."""

    @abstractmethod
    def stages(self, order_ids: Collection[ClientOrderId]) -> Mapping[ClientOrderId, Stage]:
        """Where each of these orders stands; those that are not live are absent."""

    @abstractmethod
    def turnover_quote(self, portfolio: PortfolioName) -> Decimal:
        """What the portfolio has traded or may trade yet of today's turnover, by UTC."""

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


class TradingControls(ABC):
    """Halts and maintenance windows, where every permit sees them. Raises StoreUnavailable.

    The books keep them too: a queue that lost its data gets them back before it may be used.
    """

    @abstractmethod
    def halt(self, halt: TradingHalt) -> None:
        """From now on nothing of the scope is permitted. The first reason given stands."""

    @abstractmethod
    def lift(self, scope: Scope, kind: HaltKind) -> bool:
        """End one kind of halt of one scope; False when there was none."""

    @abstractmethod
    def halts(self) -> tuple[TradingHalt, ...]:
        """Every halt in force, the oldest first."""

    @abstractmethod
    def add_window(self, window: MaintenanceWindow) -> None:
        """Keep a window; one with the same id is replaced. Raises BadConfig beyond 100."""

    @abstractmethod
    def close_venue(self, venue: VenueName, *, why: str, note: str, for_ms: int) -> None:
        """Keep everybody from the venue for so long from now on, by the clock of the controls.

        `why` names the window: closing for the same reason again moves its end.
        """

    @abstractmethod
    def remove_window(self, window_id: str) -> bool:
        """Forget a window; False when there was none."""

    @abstractmethod
    def windows(self) -> tuple[MaintenanceWindow, ...]:
        """Every window that is not over for good, by start."""


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
