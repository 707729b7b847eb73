"""Each way a row from outside can be wrong, and the code it is kept under."""

import pytest

from rebalancer.cycle import require_readable
from rebalancer.errors import BadData
from rebalancer.faults import DataFault, Rejected, judge_number
from rebalancer.precision import MarketRule, read_rule
from rebalancer.quotes import Quote, read_ticker, sanitize_tickers
from tests.factories import make_raw_rule, make_raw_ticker, make_symbol


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (None, DataFault.MISSING_FIELD),
        ("", DataFault.MISSING_FIELD),
        (" \t", DataFault.MISSING_FIELD),
        ("NaN", DataFault.NOT_FINITE),
        ("-nan", DataFault.NOT_FINITE),
        ("sNaN", DataFault.NOT_FINITE),
        ("Infinity", DataFault.NOT_FINITE),
        ("-inf", DataFault.NOT_FINITE),
        ("null", DataFault.NOT_A_NUMBER),
        ("nanny", DataFault.NOT_A_NUMBER),
        ("info", DataFault.NOT_A_NUMBER),
        ("1_000", DataFault.NOT_A_NUMBER),
        ("１２", DataFault.NOT_A_NUMBER),
        ("1e400", DataFault.NOT_A_NUMBER),
        ("-1", DataFault.NOT_POSITIVE),
        ("0", DataFault.NOT_POSITIVE),
        ("-0", DataFault.NOT_POSITIVE),
    ],
)
def test_each_bad_number_has_its_own_code(text: str | None, fault: DataFault) -> None:
    assert judge_number(text, zero_allowed=False) == fault


def test_zero_is_sound_only_where_it_may_stand() -> None:
    assert judge_number("0.000", zero_allowed=True) is None
    assert judge_number("-0", zero_allowed=True) is None


def test_a_crossed_book_is_refused_and_a_locked_one_is_not() -> None:
    crossed = read_ticker(make_raw_ticker(bid="101", ask="100"))
    assert isinstance(crossed, Rejected)
    assert crossed.fault == DataFault.CROSSED_BOOK
    assert "101" in crossed.detail
    assert isinstance(read_ticker(make_raw_ticker(bid="100", ask="100.0")), Quote)


def test_a_symbol_that_came_twice_is_refused_each_time_even_when_the_rows_agree() -> None:
    row = make_raw_ticker()
    quotes, rejected = sanitize_tickers([row, row], [row.symbol])
    assert not quotes
    assert [fault.fault for fault in rejected] == [DataFault.DUPLICATE_ROW] * 2


def test_a_symbol_that_never_came_is_refused_as_missing() -> None:
    quotes, [missing] = sanitize_tickers([make_raw_ticker("DOGE")], [make_symbol("BTC")])
    assert not quotes
    assert (missing.subject, missing.fault) == ("BTC/USDC", DataFault.MISSING_ROW)


def test_a_venue_without_a_maximum_states_none_and_zero_is_no_maximum() -> None:
    rule = read_rule(make_raw_rule(amount_max=None))
    assert isinstance(rule, MarketRule)
    assert rule.amount_base_max is None
    assert isinstance(read_rule(make_raw_rule(amount_max="0")), Rejected)


def test_an_unreadable_balance_stops_the_cycle_and_names_the_asset() -> None:
    require_readable([])
    with pytest.raises(BadData, match="BTC: NOT_FINITE"):
        require_readable([Rejected("BTC", DataFault.NOT_FINITE, "free was 'NaN'", {})])
