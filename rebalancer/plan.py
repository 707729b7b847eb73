"""What a plan is: its orders, the legs that were not made and why, and what it was made from.

How a plan is made is in `planning`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebalancer.depth import Book
from rebalancer.money import BPS_WHOLE, Asset, Symbol
from rebalancer.orders import CycleId, Order, PortfolioName, VenueName
from rebalancer.precision import Side
from rebalancer.risk import DenialReason, RiskLimits
from rebalancer.slices import SLICES_MAX


class SkipReason(StrEnum):
    """Why a leg was not made. The caps' words are those of DenialReason."""

    BELOW_BAND = "BELOW_BAND"
    BELOW_MIN_AMOUNT = "BELOW_MIN_AMOUNT"
    BELOW_MIN_NOTIONAL = "BELOW_MIN_NOTIONAL"
    SYMBOL_BUSY = "SYMBOL_BUSY"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    NO_FREE_BASE = "NO_FREE_BASE"
    NO_FREE_QUOTE = "NO_FREE_QUOTE"
    OVER_ORDERS_MAX = "OVER_ORDERS_MAX"
    TOO_THIN = "TOO_THIN"
    NO_BOOK = "NO_BOOK"
    HALTED = "HALTED"
    MAINTENANCE = "MAINTENANCE"
    COOLING_DOWN = "COOLING_DOWN"
    ORDER_TOO_LARGE = "ORDER_TOO_LARGE"
    CYCLE_SHARE_SPENT = "CYCLE_SHARE_SPENT"
    TURNOVER_SPENT = "TURNOVER_SPENT"
    TOO_MANY_OPEN = "TOO_MANY_OPEN"
    OUTSIDE_COLLAR = "OUTSIDE_COLLAR"
    INPUT_TOO_OLD = "INPUT_TOO_OLD"


assert {reason.value for reason in DenialReason} <= {reason.value for reason in SkipReason}


@dataclass(frozen=True, slots=True)
class RebalancePolicy:
    """When to trade, how far, at what worst price, and in what pieces. Whole bps and ms.

    Attributes:
        depth_share_bps_max: Most of the visible depth that one slice takes; None: never sliced.
        slices_max: Most slices of one leg; what is beyond waits for the next cycle.
        post_spread_bps_min: From this spread on an order begins in the book; None: never.
    """

    drift_bps_min: int
    destination_bps: int
    reach_bps_max: int
    taker_fee_bps: int
    orders_max: int
    order_ttl_ms: int
    depth_share_bps_max: int | None
    slices_max: int
    post_spread_bps_min: int | None
    limits: RiskLimits

    def __post_init__(self) -> None:
        assert 0 < self.drift_bps_min < BPS_WHOLE, self
        assert 0 <= self.destination_bps <= BPS_WHOLE, self
        assert 0 <= self.reach_bps_max < BPS_WHOLE, self
        assert 0 <= self.taker_fee_bps < BPS_WHOLE, self
        assert self.orders_max > 0, self
        assert self.order_ttl_ms > 0, self
        assert self.depth_share_bps_max is None or 0 < self.depth_share_bps_max <= BPS_WHOLE, self
        assert 0 < self.slices_max <= SLICES_MAX, self
        assert self.post_spread_bps_min is None or self.post_spread_bps_min > 0, self

    @property
    def cost_bps_max(self) -> int:
        """What trading costs at most, in bps of what is traded: the worst price plus the fee.

        The plain sum is never too low: a buy is sized by both, and a sell pays its fee on less.
        """
        return self.reach_bps_max + self.taker_fee_bps


@dataclass(frozen=True, slots=True)
class SkippedLeg:
    """A leg that was not made, with the reason a program can match and the one a person reads."""

    asset: Asset
    side: Side
    reason: SkipReason
    detail: str
    drift_bps: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one cycle decided: sells first, then buys, each by urgency; and every skip.

    Each order is the first slice of its leg; its `leg_rest_base` follows when it has ended.
    """

    orders: tuple[Order, ...]
    skipped: tuple[SkippedLeg, ...]


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What names a plan's orders, and what the portfolio has under way and behind it.

    Attributes:
        busy: Symbol of each order that is live, or ended after the balances were read → cash its
            leg may have spent since, or may spend yet (0 for a sell).
        cycle_quote_spent: What orders of this very cycle count for that an earlier try of it left
            on the books. An order named again counts twice: the cap is never passed, and a leg that
            it leaves too little for waits for the next cycle.
        turnover_quote_today: What the portfolio has traded today, or may trade yet, by UTC.
        books: What can be seen of the order books; where slices are measured by them, a symbol
            without one is not traded.
        stop: Why nothing of the portfolio may be traded now, or None.
        cooling: Symbols that rest, because an order in them was lost without a trace.
    """

    cycle_id: CycleId
    portfolio: PortfolioName
    venue: VenueName
    busy: Mapping[Symbol, Decimal]
    cycle_quote_spent: Decimal
    turnover_quote_today: Decimal
    books: Mapping[Symbol, Book]
    stop: tuple[SkipReason, str] | None = None
    cooling: frozenset[Symbol] = frozenset()
