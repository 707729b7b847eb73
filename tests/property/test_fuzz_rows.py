"""Raw rows become what they say or are refused with a reason: never a zero, never an exception."""

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.balances import RawBalance, read_balance
from rebalancer.faults import Rejected, judge_number
from rebalancer.money import Asset, plain, to_decimal
from rebalancer.precision import RawRule, read_rule
from rebalancer.quotes import RawTicker, read_ticker
from tests.factories import NOW_MS, make_raw_rule, make_raw_ticker
from tests.property.junk import ODD_NUMBERS, texts

REASON_LENGTH_MAX = 400

sound = st.sampled_from(["1", "0.5", "3E2", "0.00000001"])
fields = sound | sound | texts | st.none()
tickers = st.builds(make_raw_ticker, bid=fields, ask=fields, last=fields)
rules = st.builds(
    make_raw_rule,
    amount_step=fields,
    amount_min=fields,
    amount_max=fields,
    price_step=fields,
    notional_min=fields,
)
balances = st.builds(RawBalance, texts.map(Asset), fields, fields, st.just(NOW_MS))


def assert_reasoned(refused: Rejected) -> None:
    """It says what is wrong, in a line that fits a table, and keeps the fields as they came."""
    assert refused.detail
    assert len(refused.detail) <= REASON_LENGTH_MAX


@given(tickers)
def test_a_ticker_is_the_digits_it_came_with_or_refused(raw: RawTicker) -> None:
    quote = read_ticker(raw)
    if isinstance(quote, Rejected):
        assert quote.raw == raw.fields
        assert_reasoned(quote)
        return
    read = (quote.bid_quote, quote.ask_quote, quote.last_quote)
    assert read == tuple(to_decimal(text or "") for text in raw.fields.values())
    again = make_raw_ticker(bid=plain(read[0]), ask=plain(read[1]), last=plain(read[2]))
    assert read_ticker(again) == quote


@given(rules)
def test_a_rule_is_the_digits_it_came_with_or_refused(raw: RawRule) -> None:
    rule = read_rule(raw)
    if isinstance(rule, Rejected):
        assert_reasoned(rule)
        return
    assert rule.amount_base_step == to_decimal(raw.amount_step or "")
    assert rule.price_quote_step == to_decimal(raw.price_step or "")
    assert rule.amount_base_min == to_decimal(raw.amount_min or "")
    assert rule.notional_quote_min == to_decimal(raw.notional_min or "")
    assert (rule.amount_base_max is None) == (raw.amount_max is None)


@given(balances)
def test_a_balance_is_the_digits_it_came_with_or_refused(raw: RawBalance) -> None:
    balance = read_balance(raw)
    if isinstance(balance, Rejected):
        assert_reasoned(balance)
        return
    assert balance.free == to_decimal(raw.free or "")
    assert balance.locked == to_decimal(raw.locked or "")
    assert balance.asset == raw.asset


@given(st.sampled_from(ODD_NUMBERS), st.booleans())
def test_an_odd_number_is_refused_or_ascii_and_exact(text: str, zero_allowed: bool) -> None:
    if judge_number(text, zero_allowed=zero_allowed) is None:
        assert text.isascii()
        assert plain(to_decimal(plain(to_decimal(text)))) == plain(to_decimal(text))
