"""One leg of a plan: what would be traded of a symbol, and the bounds it is cut to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.drift import Drift
from rebalancer.money import Symbol, exact, plain
from rebalancer.plan import SkipReason
from rebalancer.precision import (
    MarketRule,
    Side,
    clears_minimum_amount,
    clears_minimum_notional,
    fit_amount,
)
from rebalancer.pricing import OrderPrice
from rebalancer.quotes import Quote
from rebalancer.risk import worth_price

Skip = tuple[SkipReason, str]
"""Why a leg is not made: a word to match and a sentence to read."""


@dataclass(frozen=True, slots=True)
class Leg:
    """What would be traded of one symbol if there were no caps."""

    drift: Drift
    symbol: Symbol
    side: Side
    quote: Quote
    rule: MarketRule
    price: OrderPrice
    amount_base: Decimal

    @property
    def worth_price(self) -> Decimal:
        return worth_price(self.price.worst_quote, self.quote.mid_quote)


@dataclass(frozen=True, slots=True)
class Bound:
    """The most that one thing allows, and what to say when that is too little."""

    amount_base: Decimal
    reason: SkipReason
    detail: str


def cut_leg(
    leg: Leg, amount_base: Decimal, bounds: Sequence[Bound], least_base: Decimal
) -> Decimal | Skip:
    """The most that every bound allows, or the tightest bound when the venue would not take it."""
    tightest = min(bounds, key=lambda bound: bound.amount_base, default=None)
    if tightest is None or tightest.amount_base >= amount_base:
        return amount_base
    allowed = fit_amount(leg.rule, tightest.amount_base)
    return allowed if allowed >= least_base else (tightest.reason, tightest.detail)


def judge_minima(rule: MarketRule, amount: Decimal, price_quote: Decimal) -> Skip | None:
    """Say which of the venue's minima a fitted amount is under, or None."""
    if not clears_minimum_amount(rule, amount):
        least = max(rule.amount_base_min, rule.amount_base_step)
        return SkipReason.BELOW_MIN_AMOUNT, f"{plain(amount)} is under {plain(least)}"
    if not clears_minimum_notional(rule, amount, price_quote):
        with exact():
            worth = plain(amount * price_quote)
        least_quote = plain(rule.notional_quote_min)
        return SkipReason.BELOW_MIN_NOTIONAL, f"worth {worth}, under {least_quote}"
    return None
