"""The books as a port: orders and what became of them, halts, and what an account last held.

One implementation in resources/, one in tests/fakes/. The other ports are in `ports`.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.account import VenueOrderKey
from rebalancer.controls import HaltKind, MaintenanceWindow, Scope, TradingHalt
from rebalancer.money import Asset
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order, PortfolioName, VenueName
from rebalancer.precision import MarketRule
from rebalancer.reconciliation import Baseline, BookedFill, KnownOrders
from rebalancer.settlement import LedgerReceipt, Settlement


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """An order as it stands on the books."""

    order: Order
    state: OrderState
    recorded_at_ms: int
    follows: ClientOrderId | None
    """The order of its leg before it, whose receipt brings it into the queue."""

    @property
    def was_never_queued(self) -> bool:
        """Whether the books alone prove that it never was in a queue, so that it was never sent.

        They call an order queued before it is. A successor they call planned until its end.
        """
        is_planned = self.state is OrderState.PLANNED and self.follows is None
        return is_planned or self.state is OrderState.AWAITING_APPROVAL


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
        """Append one event to an order's history and move it forward, as `judge_step` allows.

        A state that the order has already, or has passed, changes nothing.
        """

    @abstractmethod
    async def move(
        self,
        orders: Sequence[Order],
        *,
        before: OrderState,
        after: OrderState,
        detail: str | None,
        now_ms: int,
    ) -> tuple[Order, ...]:
        """Move those orders that stand at `before` on to `after`, and return them.

        Of two who move one order at once, one gets it back: that one has decided. An order that
        stands elsewhere, or that the books never saw, stays as it is.
        """

    @abstractmethod
    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        """Commit one settlement with its fills and successor. Twice changes nothing.

        An end that contradicts the one on the books in a way venues do (`judge_step`) is booked
        over it, and the receipt says so. An end without trades of an order that has ended already
        changes nothing: the receipt is that of the first one.

        Raises:
            BooksDisagree: the order already ended in a way that cannot be brought together.
        """

    @abstractmethod
    async def read_unsettled(self) -> tuple[BookedOrder, ...]:
        """Every order without an end, the oldest first."""

    @abstractmethod
    async def read_ended(
        self, portfolio: PortfolioName, *, since_ms: int
    ) -> tuple[BookedOrder, ...]:
        """Orders of a portfolio that ended since then, the newest first."""

    @abstractmethod
    async def read_turnover(self, *, since_ms: int) -> Mapping[PortfolioName, Decimal]:
        """What each portfolio traded in orders that ended since then, in quote units."""

    @abstractmethod
    async def record_rules(
        self, venue: VenueName, rules: Sequence[MarketRule], *, now_ms: int
    ) -> None:
        """Keep rules that were read within a day, beside those the day began with."""

    @abstractmethod
    async def record_halt(self, halt: TradingHalt) -> None:
        """Keep a halt until it is lifted. The first reason given stands."""

    @abstractmethod
    async def lift_halt(self, scope: Scope, kind: HaltKind, *, actor: str, now_ms: int) -> bool:
        """Note the end of a halt, and who ended it; False when there was none."""

    @abstractmethod
    async def read_halts(self) -> tuple[TradingHalt, ...]:
        """Every halt in force, the oldest first."""

    @abstractmethod
    async def mark_paged(self, halt: TradingHalt) -> None:
        """Note that a person was told of the halt in force of this scope and kind."""

    @abstractmethod
    async def read_unpaged(self) -> tuple[TradingHalt, ...]:
        """Every halt in force that nobody was told of, the oldest first."""

    @abstractmethod
    async def record_window(self, window: MaintenanceWindow, *, actor: str, now_ms: int) -> None:
        """Keep a maintenance window; one with the same id is replaced."""

    @abstractmethod
    async def remove_window(self, window_id: str, *, actor: str, now_ms: int) -> bool:
        """Note the end of a window; False when there was none."""

    @abstractmethod
    async def read_windows(self) -> tuple[MaintenanceWindow, ...]:
        """Every window that was not removed, by start."""

    @abstractmethod
    async def read_baseline(self, portfolio: PortfolioName) -> Baseline | None:
        """The account as it was last found to agree with the books, or was accepted."""

    @abstractmethod
    async def record_baseline(self, baseline: Baseline) -> None:
        """Take the account as it is for what the next comparison begins with."""

    @abstractmethod
    async def forget_baseline(self, portfolio: PortfolioName) -> None:
        """Take the account as it is at the next comparison: it is another account from now on."""

    @abstractmethod
    async def read_traded(
        self, portfolio: PortfolioName, *, since_ms: int
    ) -> tuple[BookedFill, ...]:
        """Trades of orders that were settled after `since_ms`, by our clock."""

    @abstractmethod
    async def read_fee_assets(self, portfolio: PortfolioName, *, since_ms: int) -> frozenset[Asset]:
        """Assets in which trades settled since paid fees, though they traded another market."""

    @abstractmethod
    async def read_known(
        self,
        venue: VenueName,
        *,
        client_order_ids: Collection[ClientOrderId],
        venue_keys: Collection[VenueOrderKey],
    ) -> KnownOrders:
        """Which of these orders at the venue are ours, or were told to be left alone."""

    @abstractmethod
    async def record_ignored(
        self, venue: VenueName, key: VenueOrderKey, *, actor: str, reason: str, now_ms: int
    ) -> None:
        """Leave an order of the venue, which is not ours, alone for good."""
