"""From the client's dictionaries to open orders, account trades, books, states and clocks."""

from decimal import Decimal
from typing import Any

import pytest

from rebalancer.account import VenueStatus
from rebalancer.errors import BadData
from resources.ccxt_account_reading import (
    raw_book,
    read_account_trade,
    read_open_order,
    read_status,
    skew_ms,
)
from resources.ccxt_dialects import DIALECTS, Dialect
from tests.factories import NOW_MS, make_order, make_symbol

BTC = make_symbol()


def make_row(**changes: Any) -> dict[str, Any]:
    fields = {
        "id": "28",
        "clientOrderId": "abc",
        "symbol": "BTC/USDC",
        "side": "buy",
        "timestamp": NOW_MS,
        "amount": "1.00000000",
        "filled": "0",
        "price": "50000",
    }
    return fields | changes


@pytest.mark.parametrize("price", [None, "0", "0.00000000"])
def test_an_open_order_without_a_limit_has_none(price: str | None) -> None:
    assert read_open_order(BTC, make_row(price=price), Dialect()).limit_price_quote is None


@pytest.mark.parametrize("named", [None, ""])
def test_an_open_order_that_names_no_id_of_a_client_has_none(named: str | None) -> None:
    assert read_open_order(BTC, make_row(clientOrderId=named), Dialect()).client_order_id is None


@pytest.mark.parametrize("name", DIALECTS)
def test_an_open_order_shows_our_id_as_far_as_the_venue_keeps_it(name: str) -> None:
    dialect, ours = DIALECTS[name], make_order().client_order_id
    shown = read_open_order(BTC, make_row(clientOrderId=dialect.spell(ours)), dialect)
    assert shown.client_order_id == ours[: dialect.id_digits]


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None}, {"timestamp": None}, {"symbol": "ETH/USDC"}, {"symbol": None},
        {"side": None}, {"amount": None}, {"amount": "0"}, {"amount": 1.5}, {"filled": None},
        {"filled": "-1"}, {"price": "-1"}, {"price": "NaN"}, {"price": 0.1},
    ],
)  # fmt: skip
def test_an_open_order_that_cannot_be_read_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadData, match=r"open order .* of BTC/USDC"):
        read_open_order(BTC, make_row(**changes), Dialect())


@pytest.mark.parametrize(
    "changes", [{"order": None}, {"side": "?"}, {"symbol": "BTCUSDC"}, {"amount": 0.1}]
)
def test_an_account_trade_that_cannot_be_read_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BadData, match="trade 28"):
        read_account_trade(make_row(order="7") | changes)


def test_a_side_listed_from_its_far_end_is_turned_round() -> None:
    book = {"bids": [("98", "1"), ("99", "2")], "asks": [("103", "1"), ("102", "2"), ("101", "3")]}
    raw = raw_book(BTC, book, levels=2, observed_at_ms=NOW_MS)
    assert raw.bids == (("99", "2"), ("98", "1"))
    assert raw.asks == (("101", "3"), ("102", "2"))


def test_a_book_made_of_floats_is_read_by_their_shortest_text() -> None:
    book = {"bids": [[0.1, 1e-05]], "asks": [[0.2, float("nan")]]}
    raw = raw_book(BTC, book, levels=5, observed_at_ms=NOW_MS)
    assert raw.bids == (("0.1", "1e-05"),)
    assert raw.asks == (("0.2", "nan"),)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({"status": "ok"}, VenueStatus.OPERATIONAL),
        ({"status": "ok", "info": {"data": [{"state": "scheduled"}]}}, VenueStatus.OPERATIONAL),
        (
            {"status": "ok", "info": {"data": [{"state": "ongoing"}, {"state": "scheduled"}]}},
            VenueStatus.MAINTENANCE,
        ),
        ({"status": "maintenance"}, VenueStatus.MAINTENANCE),
        ({"status": "shutdown"}, VenueStatus.MAINTENANCE),
        ({"status": "error"}, VenueStatus.UNKNOWN),
        ({"status": None, "info": {"data": [7]}}, VenueStatus.UNKNOWN),
        (None, VenueStatus.UNKNOWN),
    ],
)
def test_an_announcement_is_understood_or_unknown(answer: object, status: VenueStatus) -> None:
    assert read_status(answer) is status


@pytest.mark.parametrize(
    ("venue_at_ms", "our_at_ms", "skew"),
    [
        (5_250, 5_000, 250),
        (5_250, 6_500, -1_250),
        (5_000, 5_000, 0),
        (5_000, 5_999, 0),
        (5_000, 6_100, -101),
        (5_000, 4_000, 1_000),
    ],
)
def test_a_time_in_whole_seconds_may_be_any_within_one(
    venue_at_ms: int, our_at_ms: int, skew: int
) -> None:
    assert skew_ms(venue_at_ms, our_at_ms) == skew


def test_digits_of_a_trade_survive() -> None:
    trade = read_account_trade(make_row(order="7", price="0.000000000000000000000001"))
    assert trade.price_quote == Decimal("0.000000000000000000000001")
