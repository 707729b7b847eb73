"""Whatever the venue's client hands over is read to the digit, or refused as BadData.

The law: each number of a domain value is the number of the field it is named after; what is no
number, time or name is refused; fields nobody asked for change nothing; no other exception.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlalchemy.engine.default import DefaultDialect

from rebalancer.errors import BadData
from rebalancer.money import to_decimal
from rebalancer.settlement import Accepted
from resources.ccxt_client import load_json
from resources.ccxt_errors import explain
from resources.ccxt_market_reading import raw_rule, raw_ticker
from resources.ccxt_reading import (
    find_order,
    find_trade,
    listed_balances,
    raw_balances,
    read_accepted,
    read_fill,
)
from resources.postgres_rows import storable
from resources.retry_after import read_retry_after_ms
from resources.tables_columns import EpochMs
from tests.factories import NOW_MS, make_order, make_symbol
from tests.property.junk import DEEP, ODD_NUMBERS, changed, texts, values, written

ORDER = make_order()
DIALECT = DefaultDialect()
BTC = make_symbol("BTC")
DAYS_3_MS = 3 * 86_400_000
TRADE: dict[str, Any] = {
    "id": "77",
    "order": "28",
    "timestamp": NOW_MS,
    "amount": "0.00400000",
    "price": "49999.99",
    "takerOrMaker": "taker",
    "fee": {"cost": "0.000004", "currency": "BTC"},
    "fees": [{"cost": "0.000004", "currency": "BTC"}],
    "info": {"clientOrderId": ORDER.client_order_id},
}
ANSWER: dict[str, Any] = {
    "id": "28",
    "clientOrderId": ORDER.client_order_id,
    "status": "closed",
    "filled": "1.00000000",
}
TICKER: dict[str, Any] = {"symbol": "BTC/USDC", "bid": "1", "ask": "2", "last": "1", "close": "1"}
MARKET: dict[str, Any] = {
    "precision": {"amount": "0.00001", "price": "0.01"},
    "limits": {"amount": {"min": "0.00001", "max": "9000"}, "cost": {"min": "5"}, "market": {}},
    "info": {"filters": [{"filterType": "NOTIONAL", "minNotional": "5"}]},
}


def refused_or(read: Callable[[], Any]) -> Any:
    """What was read; None when it was refused in the one way that is allowed."""
    try:
        return read()
    except BadData:
        return None


@given(changed(TRADE))
@example(TRADE | {"fees": {"cost": "1"}})
@example(TRADE | {"fees": ["x"], "fee": 3})
@example(TRADE | {"fees": [{"cost": "1", "currency": []}]})
@example(TRADE | {"timestamp": True})
@example(TRADE | {"timestamp": 10**400})
@example(TRADE | {"timestamp": -1})
@example(TRADE | {"id": "7\x007"})
@example(TRADE | {"id": 7.0})
@example(TRADE | {"fee": None, "fees": [{"cost": "1", "currency": "\ud800"}]})
def test_a_fill_says_what_its_trade_said_and_can_be_booked(trade: dict[str, Any]) -> None:
    fill = refused_or(lambda: read_fill(ORDER, trade))
    if fill is None:
        return
    assert fill.amount_base == to_decimal(trade["amount"]) > 0
    assert fill.price_quote == to_decimal(trade["price"]) > 0
    assert fill.filled_at_ms == trade["timestamp"]
    assert fill.trade_id == str(trade["id"])
    for text in (fill.trade_id, fill.fee_asset or ""):
        assert storable(text) == text
    assert EpochMs().process_bind_param(fill.filled_at_ms, DIALECT)
    assert read_fill(ORDER, trade | {"nobody": "asked"}) == fill


@given(changed(ANSWER) | values)
@example(ANSWER | {"status": []})
@example(ANSWER | {"status": {}})
@example(ANSWER | {"id": "2\x008"})
@example(ANSWER | {"id": 28.0})
@example(ANSWER | {"id": {"a": 1}})
@example(ANSWER | {"id": True})
@example(ANSWER | {"filled": True})
@example(ANSWER | {"clientOrderId": []})
def test_an_answer_is_accepted_as_it_stands_or_a_reason(answer: Any) -> None:
    read = read_accepted(ORDER, answer, ORDER.client_order_id)
    if isinstance(read, str):
        assert read
        return
    assert isinstance(read, Accepted)
    assert type(answer["id"]) in (str, int)
    assert read.venue_order_id == str(answer["id"])
    assert storable(read.venue_order_id) == read.venue_order_id
    assert read.filled_base == to_decimal(answer["filled"]) >= 0
    assert read.is_closed == (answer["status"] != "open")
    assert read_accepted(ORDER, answer | {"nobody": 1}, ORDER.client_order_id) == read


@given(changed(TICKER))
def test_a_ticker_keeps_the_digits_it_came_with(ticker: dict[str, Any]) -> None:
    raw = refused_or(lambda: raw_ticker(BTC, ticker, NOW_MS))
    if raw is not None:
        for text, name in ((raw.bid, "bid"), (raw.ask, "ask")):
            assert text == (None if ticker.get(name) is None else str(ticker[name]))
            assert not isinstance(ticker.get(name), (float, bool, list, dict))


@given(
    changed(MARKET),
    changed(MARKET["precision"]),
    changed(MARKET["limits"]),
    st.lists(changed(MARKET["info"]["filters"][0]) | values, max_size=2),
)
@example(MARKET | {"limits": None}, {}, {}, [])
@example(MARKET | {"limits": 5, "precision": []}, {}, {}, [])
@example(MARKET, {}, {"amount": None}, [])
@example(MARKET, {}, {"amount": {}, "cost": "x", "market": 5}, [])
@example({}, {}, {}, [])
def test_market_rules_keep_the_digits_they_came_with(
    market: dict[str, Any], precision: dict[str, Any], limits: dict[str, Any], filters: list[Any]
) -> None:
    inner = {"precision": precision, "limits": limits, "info": {"filters": filters}}
    for whole in (market, market | inner):
        raw = refused_or(lambda whole=whole: raw_rule(BTC, whole, NOW_MS))  # type: ignore[misc]
        if raw is not None:
            for text, name in ((raw.amount_step, "amount"), (raw.price_step, "price")):
                step = (whole.get("precision") or {}).get(name)
                assert text == (None if step is None else str(step))


@given(st.dictionaries(texts, changed({"free": "1", "used": "2", "total": "3"}) | values))
def test_an_account_is_never_poorer_than_it_said(account: dict[str, Any]) -> None:
    rows = refused_or(lambda: raw_balances(account, NOW_MS))
    for row in rows or ():
        assert row.asset in account
        said = account[row.asset]
        assert storable(row.asset) == row.asset
        if said.get("free") is not None:
            assert row.free == str(said["free"])


@given(st.lists(changed({"asset": "BTC", "free": "1", "locked": "2"}), max_size=3) | values)
@example([{"asset": "A\x00", "free": "1", "locked": "0"}])
def test_a_listed_account_keeps_every_row_that_holds_anything(rows: Any) -> None:
    read = refused_or(lambda: listed_balances(rows, str, NOW_MS))
    if read is not None:
        kept = [row for row in rows if not _is_nothing(row)]
        assert [row.asset for row in read] == [row["asset"] for row in kept]
        assert all(storable(row.asset) == row.asset for row in read)


def _is_nothing(row: dict[str, Any]) -> bool:
    try:
        return to_decimal(row["free"]) == 0 == to_decimal(row["locked"])
    except (ValueError, TypeError, KeyError):
        return False


@given(st.lists(changed(TRADE) | values, max_size=3))
@example([TRADE | {"info": [1]}])
@example([TRADE | {"info": "text"}])
def test_a_trade_is_found_by_our_id_alone(rows: list[Any]) -> None:
    found = find_trade(rows, ORDER.client_order_id)
    if found is not None:
        assert ORDER.client_order_id in found["info"].values()
    assert find_order(rows, ORDER.client_order_id) is None


@given(texts | st.from_regex(r"[0-9]{1,25}", fullmatch=True))
@example("9" * 5_000)
@example("٣٠")
@example("1764000000000")
@example("-5")
@example("1.5")
@example("Wed, 21 Oct 2026 07:28:00 GMT")
@example("Wed, 21 Oct 9999 07:28:00 -2400")
def test_a_retry_after_is_whole_seconds_or_a_date_in_bounds_or_unknown(text: str) -> None:
    wait_ms = read_retry_after_ms({"Retry-After": text, "Date": text[::-1]}, now_ms=0)
    if wait_ms is not None:
        assert 0 <= wait_ms <= DAYS_3_MS
        assert text.strip().isascii()
    if text.isascii() and text.strip().isdecimal():
        assert wait_ms == min(Decimal(text) * 1_000, DAYS_3_MS)


@given(st.sampled_from(ODD_NUMBERS) | st.floats().map(repr))
@example("0.1000000000000000055511151231257827")
def test_a_fraction_of_json_keeps_every_digit(text: str) -> None:
    try:
        read = load_json(f'{{"x": {text}}}')["x"]
    except ValueError:
        return
    assert not isinstance(read, float)
    is_word = read is None or isinstance(read, bool)
    # A whole -0 is read as 0: the one number whose sign says nothing.
    assert is_word or str(read) == text.strip() or (read, text.strip()) == (0, "-0")


@given(texts.map(lambda text: f"9{text}Zq7#"), st.sampled_from(["{}", "a {} b", "//x:{}@h/p?k={}"]))
@example("Zq7/+=&", "https://h/p?signature={}&x=1 GET {}")
def test_no_error_is_told_with_a_secret(secret: str, shape: str) -> None:
    said = explain(ValueError(shape.replace("{}", secret)), secrets=[secret])
    assert secret not in said
    assert len(said) <= 300


def test_json_nested_without_end_is_no_answer() -> None:
    with pytest.raises((ValueError, RecursionError)):
        load_json(DEEP)
    assert written(None) == "null"
