"""What a venue will accept, and how to make an order fit.

Belongs here: market rules, reading them, and the rounding they demand. Directions are fixed:
amounts down, buy prices down, sell prices up, so fitting never spends more or sells cheaper than
was planned.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Literal

from rebalancer.faults import Rejected, judge_fields, part_rows
from rebalancer.money import (
    Symbol,
    ceil_to_step,
    divide_down,
    exact,
    floor_to_step,
    plain,
    to_decimal,
)

Side = Literal["buy", "sell"]

RULES_VERSION_DIGITS = 12

_ZERO_ALLOWED = frozenset({"amount_min", "notional_min"})


@dataclass(frozen=True, slots=True)
class RawRule:
    """One market's rules as the client handed them over; `payload` is the venue's own JSON text.

    `amount_max` None means the venue states none. A venue that states no minimum is "0" here, which
    the adapter decides, because only it knows an absent limit from an unreadable one.
    """

    symbol: Symbol
    amount_step: str | None
    amount_min: str | None
    amount_max: str | None
    price_step: str | None
    notional_min: str | None
    payload: str
    observed_at_ms: int

    @property
    def subject(self) -> str:
        return str(self.symbol)

    @property
    def fields(self) -> dict[str, str | None]:
        named = {
            "amount_step": self.amount_step,
            "amount_min": self.amount_min,
            "price_step": self.price_step,
            "notional_min": self.notional_min,
        }
        return named if self.amount_max is None else {**named, "amount_max": self.amount_max}


@dataclass(frozen=True, slots=True)
class MarketRule:
    """One market's order rules, in the venue's own units, and when they were read.

    A maximum of None means that the venue states none. A minimum may be below one step.
    """

    symbol: Symbol
    amount_base_step: Decimal
    amount_base_min: Decimal
    amount_base_max: Decimal | None
    price_quote_step: Decimal
    notional_quote_min: Decimal
    observed_at_ms: int

    def __post_init__(self) -> None:
        assert self.amount_base_step > 0, self
        assert self.price_quote_step > 0, self
        assert self.amount_base_min >= 0, self
        assert self.amount_base_max is None or self.amount_base_max > 0, self
        assert self.notional_quote_min >= 0, self

    @property
    def version(self) -> str:
        """Names the rules by content: equal rules have equal versions, whenever read."""
        values = [getattr(self, f.name) for f in fields(self) if f.name != "observed_at_ms"]
        text = "|".join(plain(v) if isinstance(v, Decimal) else str(v) for v in values)
        return hashlib.blake2b(text.encode()).hexdigest()[:RULES_VERSION_DIGITS]


def read_rule(raw: RawRule) -> MarketRule | Rejected:
    """Turn one market's raw rules into a MarketRule, or say why they cannot be one."""
    if bad := judge_fields(str(raw.symbol), raw.fields, zero_allowed=_ZERO_ALLOWED):
        return bad
    number = {name: to_decimal(text or "") for name, text in raw.fields.items()}
    return MarketRule(
        symbol=raw.symbol,
        amount_base_step=number["amount_step"],
        amount_base_min=number["amount_min"],
        amount_base_max=number.get("amount_max"),
        price_quote_step=number["price_step"],
        notional_quote_min=number["notional_min"],
        observed_at_ms=raw.observed_at_ms,
    )


def sanitize_rules(
    rules: Sequence[RawRule], wanted: Collection[Symbol]
) -> tuple[dict[Symbol, MarketRule], tuple[Rejected, ...]]:
    """Part raw rules into rules to trade by and rows to quarantine; the unwanted are left out."""
    names = {str(symbol) for symbol in wanted}
    sound, rejected = part_rows(rules, read_rule, wanted=names)
    return {rule.symbol: rule for rule in sound}, rejected


def fit_amount(rule: MarketRule, amount_base: Decimal) -> Decimal:
    """Round an amount down to the venue's step, and cut it to the venue's maximum (base units)."""
    assert amount_base >= 0, amount_base
    if rule.amount_base_max is not None:
        amount_base = min(amount_base, rule.amount_base_max)
    return floor_to_step(amount_base, rule.amount_base_step)


def fit_price(rule: MarketRule, side: Side, price_quote: Decimal) -> Decimal:
    """Round a limit price to the venue's step (quote per base), never worse than asked."""
    assert price_quote > 0, price_quote
    if side == "buy":
        return floor_to_step(price_quote, rule.price_quote_step)
    return ceil_to_step(price_quote, rule.price_quote_step)


def clears_minimum_amount(rule: MarketRule, amount_base: Decimal) -> bool:
    """Say whether a fitted amount is one the venue would take."""
    return amount_base > 0 and amount_base >= rule.amount_base_min


def clears_minimum_notional(rule: MarketRule, amount_base: Decimal, price_quote: Decimal) -> bool:
    """Say whether amount × price reaches the venue's least order value (quote units)."""
    with exact():
        return amount_base * price_quote >= rule.notional_quote_min


def least_amount(rule: MarketRule, price_quote: Decimal) -> Decimal:
    """The least amount the venue takes at this price: its minima, rounded up to its step."""
    assert price_quote > 0, price_quote
    step = rule.amount_base_step
    by_amount = ceil_to_step(max(rule.amount_base_min, step), step)
    by_value = ceil_to_step(divide_down(rule.notional_quote_min, price_quote), step)
    with exact():
        # The quotient was rounded down; on the edge of a step that takes away one step.
        if by_value * price_quote < rule.notional_quote_min:
            by_value += step
    return max(by_amount, by_value)
