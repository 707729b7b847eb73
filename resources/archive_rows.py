"""What the archive hands back where the domain has no word for it: one frozen row per class."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from rebalancer.faults import Rejected
from rebalancer.money import Symbol
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, CycleId, Order, PortfolioName, VenueName
from rebalancer.precision import MarketRule, Side
from rebalancer.settlement import Fill


@dataclass(frozen=True, slots=True)
class PrecisionRow:
    """One version of one market's rules as seen on one day, with the venue's own words."""

    venue: VenueName
    day: date
    rule: MarketRule
    payload: str
    first_observed_at_ms: int


@dataclass(frozen=True, slots=True)
class SignalLinks:
    """The keys of the rows a drift signal was computed from; None where there is no such row."""

    venue: VenueName
    ticker: Symbol | None
    balance_asset: str | None
    precision_day: date | None
    rules_version: str | None


@dataclass(frozen=True, slots=True)
class OrderRow:
    """An order and where it stands. Both sums are 0 until it is filled.

    `follows` is the order of its leg before it. `contradiction` says what the venue did that it
    must not, where it did.
    """

    order: Order
    state: OrderState
    filled_base: Decimal
    paid_quote: Decimal
    slippage_bps: Decimal | None
    reason: str | None
    venue_order_id: str | None
    follows: ClientOrderId | None
    contradiction: str | None
    recorded_at_ms: int
    settled_at_ms: int | None


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """One line of an order's history."""

    client_order_id: ClientOrderId
    at_ms: int
    state: OrderState
    detail: str | None


@dataclass(frozen=True, slots=True)
class FillRow:
    """A fill and the order it belongs to, as far as a report names it."""

    fill: Fill
    venue: VenueName
    symbol: Symbol
    side: Side
    portfolio: PortfolioName
    cycle_id: CycleId


@dataclass(frozen=True, slots=True)
class QuarantineRow:
    """A refused row: where it came from, and the row itself."""

    source: str
    batch_key: str
    venue: VenueName
    rejected: Rejected
    at_ms: int


@dataclass(frozen=True, slots=True)
class BooksSummary:
    """How many orders stand in each state; states without orders are absent."""

    orders_by_state: Mapping[OrderState, int]
    fills: int
    quarantined: int
