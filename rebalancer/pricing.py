"""The prices of an order: the worst it may trade at, and the one it begins with."""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.money import BPS_WHOLE, bps_of, exact
from rebalancer.orders import OrderStyle
from rebalancer.precision import MarketRule, Side, fit_price
from rebalancer.quotes import Quote


@dataclass(frozen=True, slots=True)
class OrderPrice:
    """How an order begins. `limit_quote` is never worse than `worst_quote`."""

    style: OrderStyle
    limit_quote: Decimal
    worst_quote: Decimal

    @property
    def least_quote(self) -> Decimal:
        """The lower of the two: what clears a minimum value here clears it at the other as well."""
        return min(self.limit_quote, self.worst_quote)


def price_order(
    side: Side,
    quote: Quote,
    rule: MarketRule,
    *,
    reach_bps_max: int,
    post_spread_bps_min: int | None,
) -> OrderPrice | None:
    """Price an order, or None when it would not reach the other side of the book.

    The worst price is `reach_bps_max` from mid, fitted toward it. Where the spread is at least
    `post_spread_bps_min`, the order begins in the book, at the best price of its own side.
    """
    reach = reach_bps_max if side == "buy" else -reach_bps_max
    worst = fit_price(rule, side, bps_of(quote.mid_quote, BPS_WHOLE + reach))
    if post_spread_bps_min is not None and _is_wide(quote, post_spread_bps_min):
        limit = fit_price(rule, side, quote.bid_quote if side == "buy" else quote.ask_quote)
        if limit > 0 and ((limit <= worst) if side == "buy" else (limit >= worst)):
            return OrderPrice("post", limit, worst)
    reaches = worst >= quote.ask_quote if side == "buy" else worst <= quote.bid_quote
    return OrderPrice("take", worst, worst) if reaches else None


def _is_wide(quote: Quote, spread_bps_min: int) -> bool:
    assert spread_bps_min > 0, spread_bps_min
    with exact():
        return quote.ask_quote - quote.bid_quote >= bps_of(quote.mid_quote, spread_bps_min)
