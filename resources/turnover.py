"""What an order counts for in its portfolio's turnover of the day, as Redis counts it.

Redis scripts reckon in doubles, which are exact for whole numbers up to 2**53. Turnover is kept in
whole micro-units of the quote currency, rounded up, and never beyond `MICRO_MAX`: a sum that
reached it stays there until the day is over. A cap beyond it could not be kept and is refused.
"""

from collections.abc import Mapping
from decimal import Decimal

from rebalancer.errors import BadConfig
from rebalancer.money import ONE, ZERO, ceil_to_step, exact, floor_to_step, to_decimal
from rebalancer.orders import Order, PortfolioName
from rebalancer.risk import RiskLimits

MICRO_DIGITS = 6
MICRO_MAX = 9 * 10**15
"""The largest sum kept, in micro-units: 9,000,000,000 units of the quote currency."""
assert 2 * MICRO_MAX < 2**54
assert MICRO_MAX < 2**53


def micro_of(worth_quote: Decimal) -> int:
    """An amount in whole micro-units, rounded up, at most MICRO_MAX."""
    assert worth_quote >= 0, worth_quote
    with exact():
        return min(int(ceil_to_step(worth_quote.scaleb(MICRO_DIGITS), ONE)), MICRO_MAX)


def quote_of(micro: int) -> Decimal:
    """The amount that so many micro-units are, exactly."""
    with exact():
        return to_decimal(micro).scaleb(-MICRO_DIGITS) if micro else ZERO


def micro_of_order(order: Order) -> int:
    """The most an order may trade: all of it, at the worst price of its leg.

    A sell's worst price is below what it will bring, so it counts at the mid it was planned at.
    """
    with exact():
        return micro_of(order.amount_base * max(order.worst_price_quote, order.arrival_mid_quote))


def micro_of_cap(cap_quote: Decimal) -> int:
    """A cap in whole micro-units, rounded down: never more than was allowed."""
    with exact():
        return int(floor_to_step(cap_quote.scaleb(MICRO_DIGITS), ONE))


def require_countable(limits: Mapping[PortfolioName, RiskLimits]) -> None:
    """Refuse a cap on turnover that could not be counted up to.

    Raises:
        BadConfig: naming the portfolio, its cap and the largest one that can be kept.
    """
    for portfolio, limit in limits.items():
        cap_quote = limit.turnover_quote_day_max
        if cap_quote is not None and not 0 <= micro_of_cap(cap_quote) < MICRO_MAX:
            raise BadConfig(
                f"portfolio {portfolio!r}: turnover_quote_day_max is {cap_quote}; expected 0 to "
                f"less than {quote_of(MICRO_MAX)}, the most that is counted exactly. Leave it out "
                "for no cap."
            )
