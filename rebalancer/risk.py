"""Caps: what an order, a cycle, a day may be at most. A denial has a word that users count.

Belongs here: judging one order against the caps, and what they leave to the legs of one plan. The
caps of an account that many processes share are enforced where the permit is given.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebalancer.money import ZERO, bps_of, exact, plain
from rebalancer.orders import Order


class DenialReason(StrEnum):
    """Why an order is beyond a cap. Stable words."""

    ORDER_TOO_LARGE = "ORDER_TOO_LARGE"
    CYCLE_SHARE_SPENT = "CYCLE_SHARE_SPENT"
    TURNOVER_SPENT = "TURNOVER_SPENT"
    TOO_MANY_OPEN = "TOO_MANY_OPEN"
    OUTSIDE_COLLAR = "OUTSIDE_COLLAR"
    INPUT_TOO_OLD = "INPUT_TOO_OLD"


@dataclass(frozen=True, slots=True)
class RiskLimits:
    """The caps of one portfolio; None: no such cap.

    Attributes:
        order_quote_max: Most that one order may be worth.
        cycle_share_bps_max: Most that the orders of one cycle may be worth together, as a share of
            the portfolio's value. Buys and sells both count.
        turnover_quote_day_max: Most that may be traded in a day, by UTC.
        open_orders_max: Most orders that may be under way at once.
        collar_bps_max: Furthest that an order's worst price may be from the mid it was planned at.
        input_age_ms_max: Oldest price or balance to plan on, and longest that a planned order may
            wait before it is sent.
    """

    order_quote_max: Decimal | None
    cycle_share_bps_max: int | None
    turnover_quote_day_max: Decimal | None
    open_orders_max: int | None
    collar_bps_max: int
    input_age_ms_max: int

    def __post_init__(self) -> None:
        assert self.order_quote_max is None or self.order_quote_max > 0, self
        assert self.cycle_share_bps_max is None or self.cycle_share_bps_max > 0, self
        assert self.turnover_quote_day_max is None or self.turnover_quote_day_max > 0, self
        assert self.open_orders_max is None or self.open_orders_max > 0, self
        assert self.collar_bps_max >= 0, self
        assert self.input_age_ms_max > 0, self


@dataclass(frozen=True, slots=True)
class Denial:
    """An order beyond a cap."""

    reason: DenialReason
    detail: str


@dataclass(frozen=True, slots=True)
class CapLeft:
    """What one cap leaves, in quote units, and the denial when that is too little."""

    quote: Decimal
    denial: Denial


def worth_price(worst_price_quote: Decimal, arrival_mid_quote: Decimal) -> Decimal:
    """The price at which caps count an amount: a buy's worst price, but a sell's mid.

    A sell's worst price is below what it will bring, so counting by it would let more through than
    a cap says.
    """
    return max(worst_price_quote, arrival_mid_quote)


def worth_quote(order: Order) -> Decimal:
    """What an order by itself counts for in the caps; what follows on its leg counts by itself."""
    with exact():
        return order.amount_base * worth_price(order.worst_price_quote, order.arrival_mid_quote)


def leg_worth_quote(order: Order) -> Decimal:
    """What an order and all that may follow on its leg count for in the caps."""
    with exact():
        return worth_quote(order) + order.leg_rest_base * worth_price(
            order.worst_price_quote, order.arrival_mid_quote
        )


def deny_order(order: Order, limits: RiskLimits, *, now_ms: int) -> Denial | None:
    """Judge what one order shows by itself, or None when it is within every cap.

    Args:
        order: The order as it would be sent.
        limits: The caps of its portfolio.
        now_ms: Epoch milliseconds.
    """
    worth, most = worth_quote(order), limits.order_quote_max
    if most is not None and worth > most:
        detail = f"worth {plain(worth)} at most, more than order_quote_max {plain(most)}"
        return Denial(DenialReason.ORDER_TOO_LARGE, detail)
    return deny_price(order.worst_price_quote, order.arrival_mid_quote, limits) or deny_age(
        order.planned_at_ms, limits, now_ms=now_ms
    )


def deny_price(
    worst_price_quote: Decimal, arrival_mid_quote: Decimal, limits: RiskLimits
) -> Denial | None:
    """Judge a worst price by its distance from the mid, to either side."""
    with exact():
        distance = abs(worst_price_quote - arrival_mid_quote)
    if distance <= bps_of(arrival_mid_quote, limits.collar_bps_max):
        return None
    return Denial(
        DenialReason.OUTSIDE_COLLAR,
        f"worst price {plain(worst_price_quote)} is more than {limits.collar_bps_max} bps from mid "
        f"{plain(arrival_mid_quote)}",
    )


def deny_age(seen_at_ms: int, limits: RiskLimits, *, now_ms: int) -> Denial | None:
    """Judge the age of what an order rests on."""
    age_ms = now_ms - seen_at_ms
    if age_ms <= limits.input_age_ms_max:
        return None
    detail = f"rests on what was seen {age_ms} ms ago, more than {limits.input_age_ms_max} ms"
    return Denial(DenialReason.INPUT_TOO_OLD, detail)


class CapsLeft:
    """What the caps leave to one plan. Each leg that is made takes its part."""

    def __init__(
        self,
        limits: RiskLimits,
        *,
        value_quote: Decimal,
        cycle_quote_spent: Decimal,
        turnover_quote_today: Decimal,
        open_orders: int,
    ) -> None:
        self._limits = limits
        self._open_orders = open_orders
        self._left: list[CapLeft] = []
        if (share := limits.cycle_share_bps_max) is not None:
            with exact():
                most = max(bps_of(value_quote, share) - cycle_quote_spent, ZERO)
            what = f"this cycle may trade {plain(most)} (cycle_share_bps_max {share})"
            self._left.append(CapLeft(most, Denial(DenialReason.CYCLE_SHARE_SPENT, what)))
        if (day := limits.turnover_quote_day_max) is not None:
            with exact():
                left = max(day - turnover_quote_today, ZERO)
            what = f"{plain(left)} is left of turnover_quote_day_max {plain(day)}"
            self._left.append(CapLeft(left, Denial(DenialReason.TURNOVER_SPENT, what)))

    def deny_another(self) -> Denial | None:
        """Say why no other order may be opened, or None."""
        most = self._limits.open_orders_max
        if most is None or self._open_orders < most:
            return None
        detail = f"{self._open_orders} orders are planned or under way, open_orders_max is {most}"
        return Denial(DenialReason.TOO_MANY_OPEN, detail)

    @property
    def left(self) -> tuple[CapLeft, ...]:
        """What the caps on the sum of all legs leave, one each."""
        return tuple(self._left)

    def take(self, leg_worth_quote: Decimal) -> None:
        """Count one more leg and all it may be worth."""
        assert all(leg_worth_quote <= cap.quote for cap in self._left), (leg_worth_quote, self.left)
        self._open_orders += 1
        with exact():
            self._left = [CapLeft(cap.quote - leg_worth_quote, cap.denial) for cap in self._left]
