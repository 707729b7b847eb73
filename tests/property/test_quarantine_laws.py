"""Laws of data from outside: a row is used exactly as it came, or quarantined; never repaired."""

from collections import Counter
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.balances import RawBalance, sanitize_balances
from rebalancer.faults import DataFault, judge_number
from rebalancer.money import Asset, to_decimal
from rebalancer.precision import RawRule, sanitize_rules
from rebalancer.quotes import RawTicker, sanitize_tickers
from tests.factories import NOW_MS, make_raw_rule, make_raw_ticker, make_symbol
from tests.property.strategies import signed

POISON: tuple[str | None, ...] = (
    *(None, "", " ", "\t\n", "null", "NaN", "nan", "-NaN", "sNaN1", "inf", "-Infinity"),
    *("1e400", "-1e400", "1e-25", "9" * 30, "1_000", "１２", "٣", "0x1F", "1,5", "1 2"),
    *("--1", "1e", "5\x00"),
)
BASES = ("BTC", "ETH", "SOL")

sound_numbers = st.sampled_from(["1", "2", "3.5", "1e3", "0.000001", "+7", "99999999"])
number_texts = st.sampled_from(POISON) | sound_numbers | signed.map(str) | st.text(max_size=5)
tickers = st.builds(
    make_raw_ticker,
    base=st.sampled_from((*BASES, "DOGE")),
    bid=sound_numbers | number_texts,
    ask=sound_numbers | number_texts,
    last=sound_numbers | number_texts,
)
balances = st.builds(
    RawBalance,
    st.sampled_from([Asset(base) for base in BASES]),
    sound_numbers | number_texts,
    sound_numbers | number_texts,
    st.just(NOW_MS),
)


@given(st.sampled_from(POISON), st.booleans())
def test_poison_is_never_a_number(text: str | None, zero_allowed: bool) -> None:
    assert judge_number(text, zero_allowed=zero_allowed) is not None


@given(number_texts, st.booleans())
def test_a_judged_number_is_finite_and_of_the_right_sign(
    text: str | None, zero_allowed: bool
) -> None:
    if judge_number(text, zero_allowed=zero_allowed) is None:
        number = to_decimal(text or "")
        assert number.is_finite()
        assert number > 0 or (zero_allowed and number == 0)


@given(st.lists(tickers, max_size=6), st.sets(st.sampled_from(BASES)))
def test_each_wanted_symbol_is_quoted_or_refused_and_never_both(
    raw: list[RawTicker], bases: set[str]
) -> None:
    wanted = {make_symbol(base) for base in bases}
    quotes, rejected = sanitize_tickers(raw, wanted)
    refused = {row.subject for row in rejected}
    assert {str(symbol) for symbol in quotes} | refused == {str(symbol) for symbol in wanted}
    assert not {str(symbol) for symbol in quotes} & refused
    for symbol, quote in quotes.items():
        [row] = [row for row in raw if row.symbol == symbol]
        assert (quote.symbol, quote.observed_at_ms) == (symbol, row.observed_at_ms)
        assert quote.bid_quote == Decimal(row.bid or "")
        assert quote.ask_quote == Decimal(row.ask or "")
        assert quote.last_quote == Decimal(row.last or "")
        assert 0 < quote.bid_quote <= quote.mid_quote <= quote.ask_quote


@given(st.lists(tickers, max_size=6))
def test_every_wanted_row_is_used_or_kept_in_quarantine(raw: list[RawTicker]) -> None:
    wanted = [make_symbol(base) for base in BASES]
    quotes, rejected = sanitize_tickers(raw, wanted)
    count = Counter(str(row.symbol) for row in raw if row.symbol in wanted)
    kept = Counter(row.subject for row in rejected if row.fault != DataFault.MISSING_ROW)
    assert count == kept + Counter(str(symbol) for symbol in quotes)
    for subject, times in count.items():
        faults = {row.fault for row in rejected if row.subject == subject}
        assert (DataFault.DUPLICATE_ROW in faults) == (times > 1)


@given(st.lists(balances, max_size=6))
def test_a_balance_is_exactly_what_was_sent_or_nothing(raw: list[RawBalance]) -> None:
    sound, rejected = sanitize_balances(raw)
    assert set(sound) | {Asset(row.subject) for row in rejected} == {row.asset for row in raw}
    assert not set(sound) & {Asset(row.subject) for row in rejected}
    for asset, balance in sound.items():
        [row] = [row for row in raw if row.asset == asset]
        assert balance.free == Decimal(row.free or "") >= 0
        assert balance.locked == Decimal(row.locked or "") >= 0


@given(
    st.lists(st.builds(make_raw_rule, base=st.sampled_from(BASES), price_step=number_texts)),
    st.sets(st.sampled_from(BASES)),
)
def test_each_wanted_rule_is_sound_or_refused_and_never_both(
    raw: list[RawRule], bases: set[str]
) -> None:
    wanted = {make_symbol(base) for base in bases}
    sound, rejected = sanitize_rules(raw, wanted)
    refused = {row.subject for row in rejected}
    assert {str(symbol) for symbol in sound} | refused == {str(symbol) for symbol in wanted}
    assert not {str(symbol) for symbol in sound} & refused
