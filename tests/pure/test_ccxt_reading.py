"""From the client's dictionaries to raw rows: the venue's digits, or a refusal."""

from decimal import Decimal
from typing import Any

import pytest

from rebalancer.errors import BadData
from rebalancer.precision import MarketRule, read_rule
from rebalancer.settlement import Accepted
from resources.ccxt_market_reading import is_tradable, raw_rule, raw_ticker
from resources.ccxt_reading import find_trade, raw_balances, read_accepted, read_fill, read_text
from tests.factories import NOW_MS, make_order, make_symbol

BTC = make_symbol()
ORDER = make_order()
LOT = {"filterType": "LOT_SIZE", "stepSize": "0.001"}


def make_market(
    *, filters: list[dict[str, Any]] | None = None, **limits: dict[str, str]
) -> dict[str, Any]:
    return {
        "spot": True,
        "active": True,
        "precision": {"amount": "0.001", "price": "0.02"},
        "limits": {"amount": {"min": None, "max": None}, "cost": {"min": None}} | limits,
        "info": {} if filters is None else {"filters": filters},
    }


def make_trade(**changes: Any) -> dict[str, Any]:
    fields = {
        "id": "7",
        "order": "28",
        "timestamp": NOW_MS,
        "amount": "0.1",
        "price": "50000",
        "takerOrMaker": "maker",
        "fee": {"cost": "-0.01", "currency": "USDC"},
    }
    return fields | changes


def test_a_venue_without_minima_or_maximum_has_none() -> None:
    raw = raw_rule(BTC, make_market(), NOW_MS)
    assert (raw.amount_min, raw.amount_max, raw.notional_min) == ("0", None, "0")
    assert isinstance(read_rule(raw), MarketRule)


def test_a_minimum_below_one_step_is_kept() -> None:
    raw = raw_rule(BTC, make_market(amount={"min": "0.0000001"}), NOW_MS)
    assert (raw.amount_min, raw.amount_step) == ("0.0000001", "0.001")


def test_the_strictest_minimum_notional_counts() -> None:
    filters = [
        {"filterType": "MIN_NOTIONAL", "minNotional": "5"},
        {"filterType": "NOTIONAL", "minNotional": "10.00"},
    ]
    assert raw_rule(BTC, make_market(filters=filters), NOW_MS).notional_min == "10.00"


@pytest.mark.parametrize("stated", [{}, {"minNotional": None}])
def test_a_notional_filter_that_states_nothing_is_a_fault(stated: dict[str, Any]) -> None:
    filters = [{"filterType": "NOTIONAL", **stated}]
    assert raw_rule(BTC, make_market(filters=filters), NOW_MS).notional_min is None


def test_a_lot_filter_without_a_minimum_is_a_fault() -> None:
    assert raw_rule(BTC, make_market(filters=[LOT]), NOW_MS).amount_min is None


@pytest.mark.parametrize(
    ("lot", "market_lot", "expected"),
    [("9", None, "9"), ("9", "4", "4"), ("9", "0.00", "9"), (None, "4", "4"), ("9", "?", "?")],
)
def test_the_lower_of_two_lot_limits_counts(
    lot: str | None, market_lot: str | None, expected: str
) -> None:
    market = make_market()
    market["limits"] |= {"amount": {"max": lot}, "market": {"max": market_lot}}
    assert raw_rule(BTC, market, NOW_MS).amount_max == expected


@pytest.mark.parametrize("value", [0.1, float("nan"), True, Decimal(1), ["1"]])
def test_what_was_not_text_or_whole_is_refused(value: object) -> None:
    with pytest.raises(BadData, match="expected text"):
        read_text(value, "price")


def test_a_float_step_is_refused_not_converted() -> None:
    market = make_market()
    market["precision"]["amount"] = 1e-05
    with pytest.raises(BadData, match="amount step"):
        raw_rule(BTC, market, NOW_MS)


@pytest.mark.parametrize(
    ("changes", "tradable"),
    [({}, True), ({"active": None}, True), ({"active": False}, False), ({"spot": False}, False)],
)
def test_only_active_spot_markets_are_traded(changes: dict[str, Any], tradable: bool) -> None:
    assert is_tradable(make_market() | changes) is tradable
    assert not is_tradable(None)


def test_a_ticker_keeps_every_word() -> None:
    ticker = {"bid": "NaN", "ask": None, "last": None, "close": "1e400"}
    raw = raw_ticker(BTC, ticker, NOW_MS)
    assert (raw.bid, raw.ask, raw.last) == ("NaN", None, "1e400")


def test_balances_keep_what_cannot_be_read_and_drop_readable_zeros() -> None:
    account = {
        "info": {"free": "9"},
        "free": {},
        "BTC": {"free": "0.10000000", "used": None, "total": "0.3"},
        "ETH": {"free": "0.0", "used": "0", "total": None},
        "SOL": {"free": None, "used": "NaN", "total": "1"},
        "USDC": {"free": "5", "used": None, "total": None},
    }
    rows = [(row.asset, row.free, row.locked) for row in raw_balances(account, NOW_MS)]
    assert rows == [("BTC", "0.10000000", "0.2"), ("SOL", None, "NaN"), ("USDC", "5", None)]


def test_an_order_is_accepted_only_when_everything_is_readable() -> None:
    answer = {"id": 28, "status": "canceled", "filled": "0.4", "clientOrderId": "t-1"}
    assert read_accepted(ORDER, answer, "t-1") == Accepted(ORDER, "28", True, Decimal("0.4"))
    for change in ({"id": None}, {"status": None}, {"filled": None}, {"filled": 0.4}):
        assert isinstance(read_accepted(ORDER, answer | change, "t-1"), str)
    assert isinstance(read_accepted(ORDER, answer, "t-2"), str)


def test_a_rebate_is_a_negative_fee() -> None:
    fill = read_fill(ORDER, make_trade())
    assert (fill.fee_asset, fill.fee_amount, fill.is_maker) == ("USDC", Decimal("-0.01"), True)


def test_fees_in_one_asset_add_up_and_in_two_are_refused() -> None:
    one = {"cost": "0.1", "currency": "BNB"}
    fill = read_fill(ORDER, make_trade(fees=[one, one]))
    assert (fill.fee_asset, fill.fee_amount) == ("BNB", Decimal("0.2"))
    with pytest.raises(BadData, match="one asset"):
        read_fill(ORDER, make_trade(fees=[one, one | {"currency": "BTC"}]))


def test_a_trade_without_a_fee_has_none() -> None:
    fill = read_fill(ORDER, make_trade(fee=None))
    assert fill.fee_asset is None
    assert fill.fee_amount == 0


@pytest.mark.parametrize(
    "changes", [{"id": None}, {"timestamp": None}, {"amount": "0"}, {"price": 1.5}, {"amount": "-"}]
)
def test_a_trade_that_cannot_be_read_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadData, match=str(ORDER.client_order_id)):
        read_fill(ORDER, make_trade(**changes))


def test_a_trade_is_found_by_our_id_in_the_venues_own_text() -> None:
    ours = make_trade(info={"cl_ord_id": "abc"})
    assert find_trade([make_trade(info={"x": "y"}), make_trade(), ours], "abc") == ours
    assert find_trade([make_trade(info=None)], "abc") is None
