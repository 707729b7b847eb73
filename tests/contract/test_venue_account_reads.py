"""Open orders, the account's trades and the book, from a venue that is odd or wrong."""

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from rebalancer.depth import read_book
from rebalancer.errors import BadData, VenueUnavailable
from rebalancer.faults import DataFault, Rejected
from rebalancer.ports import Venue
from tests.contract.binance_scene import ORDER_ID, TRADES, make_answer, make_trade, scene
from tests.contract.raw_server import Behaviour, HangUp, Reply, Silence, answer, error
from tests.factories import NOW_MS, make_symbol

BTC, UNLISTED = make_symbol(), make_symbol("NOSUCH")
OPEN_ORDERS = ("GET", "/api/v3/openOrders")
DEPTH = ("GET", "/api/v3/depth")
QUESTIONS: dict[tuple[str, str], Callable[[Venue], Awaitable[object]]] = {
    OPEN_ORDERS: lambda venue: venue.fetch_open_orders([BTC]),
    TRADES: lambda venue: venue.fetch_account_trades(BTC, since_ms=NOW_MS),
    DEPTH: lambda venue: venue.fetch_book(BTC, levels=5),
}
UNREADABLE: list[Behaviour] = [Reply(""), Reply("[{"), Reply("{}}"), answer({"code": 1})]


def make_open(**changes: Any) -> dict[str, Any]:
    fields = make_answer(status="PARTIALLY_FILLED", executedQty="0.40000000", time=NOW_MS)
    return fields | changes


async def test_open_orders_are_read_exactly_and_a_stranger_is_among_them() -> None:
    stranger = make_open(
        orderId=29, clientOrderId="web_1", side="SELL", origQty="0.000000000000000001"
    )
    async with scene({OPEN_ORDERS: [answer([make_open(), stranger])]}) as (venue, server):
        ours, other = await venue.fetch_open_orders([BTC, UNLISTED])
    assert (ours.venue_order_id, ours.client_order_id) == ("28", ORDER_ID)
    assert (ours.amount_base, ours.filled_base) == (Decimal(1), Decimal("0.4"))
    assert (ours.limit_price_quote, ours.placed_at_ms) == (Decimal(50_000), NOW_MS)
    assert (other.client_order_id, other.side) == ("web_1", "sell")
    assert other.amount_base == Decimal("0.000000000000000001")
    assert [r.params["symbol"] for r in server.asked(*OPEN_ORDERS)] == ["BTCUSDC"]


@pytest.mark.parametrize(
    "row",
    [
        {"origQty": "NaN"},
        {"origQty": "0"},
        {"executedQty": "-1"},
        {"price": "many"},
        {"side": "HOLD"},
        {"orderId": None},
        {"time": None, "transactTime": None},
    ],
)
async def test_an_open_order_that_cannot_be_read_is_an_error(row: dict[str, Any]) -> None:
    async with scene({OPEN_ORDERS: [answer([make_open(**row)])]}) as (venue, _):
        with pytest.raises(BadData, match="reading open orders"):
            await venue.fetch_open_orders([BTC])


@pytest.mark.parametrize("route", QUESTIONS)
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        *((reply, BadData) for reply in UNREADABLE),
        (Reply("", 503), VenueUnavailable),
        (Silence(), VenueUnavailable),
        (HangUp(), VenueUnavailable),
    ],
)
async def test_no_answer_is_not_an_empty_answer(
    route: tuple[str, str], reply: Behaviour, kind: type[Exception]
) -> None:
    async with scene({route: [reply]}, timeout_ms=200) as (venue, _):
        with pytest.raises(kind):
            await QUESTIONS[route](venue)


async def test_a_rate_limit_on_a_read_closes_the_tap_for_as_long_as_the_venue_says() -> None:
    limited = error(-1003, status=418, Retry_After="77")
    async with scene({OPEN_ORDERS: [limited], DEPTH: [Reply("", 503)]}) as (venue, _):
        with pytest.raises(VenueUnavailable) as caught:
            await venue.fetch_open_orders([BTC])
        assert (caught.value.is_rate_limit, caught.value.retry_after_ms) == (True, 77_000)
        with pytest.raises(VenueUnavailable) as caught:
            await venue.fetch_book(BTC, levels=5)
        assert not caught.value.is_rate_limit


async def test_account_trades_are_read_page_by_page_and_each_once() -> None:
    trades = [make_trade(number) for number in range(1, 2_101)]
    pages: list[Behaviour] = [
        answer(trades[:1_000]),
        answer(trades[1_000:2_000]),
        answer(trades[2_000:] + trades[2_000:]),
    ]
    async with scene({TRADES: pages}) as (venue, server):
        found = await venue.fetch_account_trades(BTC, since_ms=NOW_MS)
    assert [trade.trade_id for trade in found] == [str(number) for number in range(1, 2_101)]
    asked = [r.params for r in server.asked(*TRADES)]
    assert [r.get("fromId") for r in asked] == [None, "1001", "2001"]
    assert [r.get("startTime") for r in asked] == [str(NOW_MS), None, None]


async def test_account_trades_are_exact_and_of_any_order() -> None:
    rows = [
        make_trade(2, orderId=31, isBuyer=False, price="49999.990000000000000001"),
        make_trade(1, commission="0.000000000000000004", isMaker=True),
    ]
    async with scene({TRADES: [answer(rows)]}) as (venue, _):
        first, second = await venue.fetch_account_trades(BTC, since_ms=NOW_MS)
    assert (first.trade_id, first.venue_order_id, first.side) == ("1", "28", "buy")
    assert (first.fee_asset, first.fee_amount) == ("BTC", Decimal("0.000000000000000004"))
    assert first.is_maker
    assert (second.venue_order_id, second.side) == ("31", "sell")
    assert second.price_quote == Decimal("49999.990000000000000001")


@pytest.mark.parametrize(
    "changes", [{"qty": "NaN"}, {"price": "0"}, {"commission": "?"}, {"orderId": None}]
)
async def test_an_account_trade_that_cannot_be_read_is_an_error(changes: dict[str, Any]) -> None:
    async with scene({TRADES: [answer([make_trade(1, **changes)])]}) as (venue, _):
        with pytest.raises(BadData, match="reading the account's trades"):
            await venue.fetch_account_trades(BTC, since_ms=NOW_MS)


async def test_a_trade_told_in_two_ways_is_an_error() -> None:
    rows = [make_trade(1), make_trade(1, qty="0.00500000")]
    async with scene({TRADES: [answer(rows)]}) as (venue, _):
        with pytest.raises(BadData, match="told in two ways"):
            await venue.fetch_account_trades(BTC, since_ms=NOW_MS)


async def test_a_trade_with_oneself_is_two_trades() -> None:
    rows = [make_trade(1), make_trade(1, orderId=29, isBuyer=False)]
    async with scene({TRADES: [answer(rows)]}) as (venue, _):
        assert len(await venue.fetch_account_trades(BTC, since_ms=NOW_MS)) == 2


async def test_a_venue_that_never_ends_its_trades_is_stopped() -> None:
    full = answer([make_trade(number) for number in range(1, 1_001)])
    async with scene({TRADES: [full]}) as (venue, server):
        with pytest.raises(BadData, match="more than 60 pages"):
            await venue.fetch_account_trades(BTC, since_ms=NOW_MS)
    assert len(server.asked(*TRADES)) == 60


async def test_a_book_keeps_every_digit_and_every_word() -> None:
    sides = {
        "bids": [["49999.990000000000000001", "0.10000000"], ["49999.98", "NaN"]],
        "asks": [["50000.01", "1e-8"], ["50000.02", None], ["50000.03", "1"]],
    }
    async with scene({DEPTH: [answer({"lastUpdateId": 1} | sides)]}) as (venue, server):
        book = await venue.fetch_book(BTC, levels=2)
    assert book.bids == (("49999.990000000000000001", "0.10000000"), ("49999.98", "NaN"))
    assert book.asks == (("50000.01", "1e-8"), ("50000.02", None))
    assert book.observed_at_ms == NOW_MS
    assert server.asked(*DEPTH)[0].params["limit"] == "2"
    refused = read_book(book)
    assert isinstance(refused, Rejected)
    assert refused.fault is DataFault.NOT_FINITE


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        ([], [["2", "1"]], DataFault.MISSING_ROW),
        ([["2", "1"]], [["1", "1"]], DataFault.CROSSED_BOOK),
        ([["5", "1"], ["7", "1"], ["4", "1"]], [["9", "1"]], DataFault.UNSORTED_BOOK),
        ([["5", "1"], ["x"]], [["9", "1"]], DataFault.NOT_A_NUMBER),
        ([["5"]], [["9", "1"]], DataFault.MISSING_FIELD),
        ([7], [["9", "1"]], DataFault.MISSING_FIELD),
    ],
)
async def test_a_false_book_is_handed_over_and_refused(
    bids: list[Any], asks: list[Any], fault: DataFault
) -> None:
    async with scene({DEPTH: [answer({"bids": bids, "asks": asks})]}) as (venue, _):
        refused = read_book(await venue.fetch_book(BTC, levels=5))
    assert isinstance(refused, Rejected)
    assert refused.fault is fault
