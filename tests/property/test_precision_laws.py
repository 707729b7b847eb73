"""Laws of fitting an order to its market: never more, never dearer, never cheaper than asked."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.money import to_decimal
from rebalancer.precision import (
    MarketRule,
    RawRule,
    clears_minimum_amount,
    clears_minimum_notional,
    fit_amount,
    fit_price,
    read_rule,
)
from tests.factories import make_raw_rule, make_rule
from tests.property.strategies import amounts, positive, rules, signed, steps

any_rule = rules("BTC")


@given(any_rule, amounts)
def test_a_fitted_amount_is_the_most_the_venue_takes_and_no_more(
    rule: MarketRule, amount: Decimal
) -> None:
    fitted, step = fit_amount(rule, amount), Fraction(rule.amount_base_step)
    asked = amount if rule.amount_base_max is None else min(amount, rule.amount_base_max)
    assert 0 <= fitted <= asked
    assert Fraction(asked) - Fraction(fitted) < step
    assert (Fraction(fitted) / step).denominator == 1
    assert fit_amount(rule, fitted) == fitted


@given(positive, steps)
def test_a_fitted_price_is_never_worse_than_asked(price: Decimal, step: Decimal) -> None:
    rule = make_rule(price_quote_step=step)
    bought, sold = fit_price(rule, "buy", price), fit_price(rule, "sell", price)
    assert bought <= price <= sold
    assert Fraction(sold) - Fraction(bought) in (0, Fraction(step))
    for fitted in (bought, sold):
        assert (Fraction(fitted) / Fraction(step)).denominator == 1


@given(any_rule, amounts, positive)
def test_the_minima_mean_what_the_venue_means(
    rule: MarketRule, amount: Decimal, price: Decimal
) -> None:
    worth = Fraction(amount) * Fraction(price)
    assert clears_minimum_notional(rule, amount, price) == (worth >= rule.notional_quote_min)
    assert clears_minimum_amount(rule, amount) == (amount > 0 and amount >= rule.amount_base_min)
    assert not clears_minimum_amount(rule, Decimal(0))


@given(any_rule, st.integers(0, 6), st.integers(0, 10**13))
def test_the_version_names_the_content_and_nothing_else(
    rule: MarketRule, zeros: int, at_ms: int
) -> None:
    point = "" if "." in f"{rule.price_quote_step:f}" or not zeros else "."
    padded = to_decimal(f"{rule.price_quote_step:f}{point}{'0' * zeros}")
    same = replace(rule, observed_at_ms=at_ms, price_quote_step=padded)
    other = replace(rule, price_quote_step=rule.price_quote_step * 2)
    assert same.version == rule.version != other.version


limits = (
    st.none() | st.text(max_size=6) | signed.map(str) | st.sampled_from(["NaN", "inf", "1e400"])
)
raw_rules = st.builds(
    make_raw_rule,
    amount_step=limits,
    amount_min=limits,
    amount_max=limits,
    price_step=limits,
    notional_min=limits,
)


@given(raw_rules)
def test_raw_rules_become_exactly_themselves_or_are_refused(raw: RawRule) -> None:
    rule = read_rule(raw)
    if isinstance(rule, MarketRule):
        assert rule.amount_base_step == Decimal(raw.amount_step or "") > 0
        assert rule.price_quote_step == Decimal(raw.price_step or "") > 0
        assert rule.amount_base_min == Decimal(raw.amount_min or "") >= 0
        assert rule.notional_quote_min == Decimal(raw.notional_min or "") >= 0
        assert (rule.amount_base_max is None) == (raw.amount_max is None)
    else:
        assert rule.raw == raw.fields
        assert rule.subject == raw.subject
