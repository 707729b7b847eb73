"""Finding an order again, and reading its trades, when the venue answers badly or in pages."""

from decimal import Decimal

import pytest

from rebalancer.errors import BadData, VenueUnavailable
from rebalancer.settlement import Absent, Accepted, Unanswered
from tests.contract.binance_scene import (
    LOOK_UP,
    ORDER,
    ORDER_ID,
    TRADES,
    make_answer,
    make_trade,
    scene,
)
from tests.contract.raw_server import Behaviour, HangUp, Reply, Silence, answer, error
from tests.factories import NOW_MS, make_order

THE_ORDER = make_order()

PROVES_NOTHING: dict[str, Behaviour] = {
    "order not found, with a 5xx": error(-2013, status=503),
    "rate limited": error(-1003, status=429),
    "wrong key": error(-2015, status=401),
    "clock": error(-1021),
    "500": Reply("", 500),
    "404 of a proxy": Reply("<html>", 404),
    "silence": Silence(),
    "closed": HangUp(),
    "empty": Reply(""),
    "truncated": Reply('{"symbol'),
    "an empty object": Reply("{}"),
    "another order": answer(make_answer(clientOrderId="x-other")),
    "unreadable amount": answer(make_answer(executedQty="Infinity")),
}


async def test_only_the_venues_own_word_about_this_order_is_absence() -> None:
    async with scene({LOOK_UP: [error(-2013, "Order does not exist.")]}) as (venue, server):
        assert await venue.look_up(THE_ORDER) == Absent(THE_ORDER)
    (asked,) = server.asked(*LOOK_UP)
    assert asked.params["origClientOrderId"] == ORDER_ID
    assert not server.asked(*ORDER)


@pytest.mark.parametrize("case", PROVES_NOTHING)
async def test_anything_else_leaves_the_order_in_doubt(case: str) -> None:
    async with scene({LOOK_UP: [PROVES_NOTHING[case]]}, timeout_ms=300) as (venue, _):
        assert isinstance(await venue.look_up(THE_ORDER), Unanswered)


async def test_a_found_order_is_accepted_with_the_venues_own_sum() -> None:
    found = make_answer(time=NOW_MS, status="EXPIRED", executedQty="0.40000000")
    async with scene({LOOK_UP: [answer(found)]}) as (venue, _):
        result = await venue.look_up(THE_ORDER)
    assert result == Accepted(THE_ORDER, "28", True, Decimal("0.4"))


async def test_trades_are_read_exactly() -> None:
    trade = make_trade(7, price="49999.990000000000000001", commission="0.000000000000000004")
    async with scene({TRADES: [answer([trade])]}) as (venue, server):
        (fill,) = await venue.fetch_fills(THE_ORDER, "28")
    assert (fill.trade_id, fill.price_quote) == ("7", Decimal("49999.990000000000000001"))
    assert (fill.fee_asset, fill.fee_amount) == ("BTC", Decimal("0.000000000000000004"))
    assert (fill.is_maker, fill.filled_at_ms) == (False, NOW_MS + 7)
    assert server.asked(*TRADES)[0].params["orderId"] == "28"


async def test_trades_are_read_page_by_page() -> None:
    trades = [make_trade(number) for number in range(1, 251)]
    pages: list[Behaviour] = [answer(trades[:100]), answer(trades[100:200]), answer(trades[200:])]
    async with scene({TRADES: pages}) as (venue, server):
        fills = await venue.fetch_fills(THE_ORDER, "28")
    assert [fill.trade_id for fill in fills] == [str(number) for number in range(1, 251)]
    assert [r.params.get("fromId") for r in server.asked(*TRADES)] == [None, "101", "201"]


async def test_trades_of_other_orders_are_left_out() -> None:
    trades = [make_trade(1), make_trade(2, orderId=29)]
    async with scene({TRADES: [answer(trades)]}) as (venue, _):
        fills = await venue.fetch_fills(THE_ORDER, "28")
    assert [fill.trade_id for fill in fills] == ["1"]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer([make_trade(1, qty="NaN")]), BadData),
        (answer([make_trade(1, qty="0")]), BadData),
        (answer([make_trade(1, price=None)]), BadData),
        (answer([make_trade(1, commission="?")]), BadData),
        (Reply("[{"), BadData),
        (Reply("", 503), VenueUnavailable),
    ],
)
async def test_unreadable_trades_are_an_error_not_an_empty_answer(
    reply: Behaviour, kind: type[Exception]
) -> None:
    async with scene({TRADES: [reply]}) as (venue, _):
        with pytest.raises(kind):
            await venue.fetch_fills(THE_ORDER, "28")
