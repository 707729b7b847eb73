"""What a run left behind, in words the judges understand: sends, trades, orders, fills, balances.

Belongs here: the shapes. Reading them from files and servers is `evidence`; judging is `judge*`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from rebalancer.money import ZERO


@dataclass(frozen=True, slots=True)
class Sent:
    """One request to place an order, as the venue's journal tells it."""

    seq: int
    received_at_ms: int
    acted_at_ms: int
    client_order_id: str
    symbol: str
    side: str
    amount_base: Decimal
    price_quote: Decimal
    is_acted: bool
    venue_order_id: str | None = None
    fault: str | None = None
    is_foreign: bool = False


@dataclass(frozen=True, slots=True)
class Trade:
    """One fill, at the venue or on the books. `seq` is its place in the journal, 0 on the books."""

    trade_id: str
    client_order_id: str
    symbol: str
    amount_base: Decimal
    price_quote: Decimal
    fee_amount: Decimal
    fee_asset: str | None
    is_buy: bool = True
    seq: int = 0


@dataclass(frozen=True, slots=True)
class End:
    """The venue says that nothing more can fill."""

    seq: int
    client_order_id: str
    executed_base: Decimal


@dataclass(frozen=True, slots=True)
class Booked:
    """One row of the order book-keeping."""

    client_order_id: str
    cycle_id: str
    portfolio: str
    symbol: str
    side: str
    amount_base: Decimal
    limit_price_quote: Decimal
    arrival_mid_quote: Decimal
    state: str
    filled_base: Decimal
    attempt: int
    planned_at_ms: int
    settled_at_ms: int | None
    venue_order_id: str | None = None
    follows: str | None = None
    leg_rest_base: Decimal = ZERO
    contradiction: str | None = None


@dataclass(frozen=True, slots=True)
class BookedEvent:
    """One line of an order's history."""

    client_order_id: str
    state: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Period:
    """A span in which a rule held; `to_ms` None: until the end."""

    from_ms: int
    to_ms: int | None
    what: str = ""


@dataclass(frozen=True, slots=True)
class TurnoverCap:
    """Until `to_ms` no more than this was to be traded on that day."""

    to_ms: int
    quote_max: Decimal


@dataclass(frozen=True, slots=True)
class Caps:
    """What no order may go beyond; None: not limited."""

    orders_per_cycle_max: int | None = None
    collar_bps_max: Decimal | None = None
    order_quote_max: Decimal | None = None
    open_orders_max: int | None = None
    cycle_share_bps_max: int | None = None
    turnover: tuple["TurnoverCap", ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a verdict rests on."""

    sent: tuple[Sent, ...]
    trades: tuple[Trade, ...]
    ends: tuple[End, ...]
    orders: tuple[Booked, ...]
    fills: tuple[Trade, ...]
    history: tuple[BookedEvent, ...]
    queued_ids: frozenset[str]
    initial: Mapping[str, Decimal]
    final: Mapping[str, Decimal]
    deposits: Mapping[str, Decimal] = field(default_factory=dict)
    cycle_value_quote: Mapping[str, Decimal] = field(default_factory=dict)
    """What the portfolio was worth when a cycle was planned; the most, where it was told twice."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A broken promise, with where to look."""

    order_id: str
    what: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One check: how much it looked at, and what it found wrong."""

    check: str
    looked_at: int
    violations: tuple[Violation, ...]
