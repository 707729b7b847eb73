"""What every Ledger says of accounts: orders under way, trades, baselines, whose order is whose."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.account import VenueOrderKey
from rebalancer.ledger import BookedOrder
from rebalancer.money import Asset, to_decimal
from rebalancer.order_states import OPEN_STATES, OrderState
from rebalancer.orders import ClientOrderId, PortfolioName, VenueName
from rebalancer.reconciliation import Baseline, BookedFill, KnownOrder, KnownOrders
from rebalancer.settlement import Expired, settle
from tests.contract.books import Books, make_settlement
from tests.factories import CASH, NOW_MS, PORTFOLIO, VENUE, make_fill, make_order, make_symbol

OTHER = PortfolioName("other")
LATER_MS = NOW_MS + 1_000
BTC = Asset("BTC")
NOBODYS = KnownOrders(frozenset(), frozenset())


def at(base: str, venue_order_id: str) -> VenueOrderKey:
    return VenueOrderKey(make_symbol(base), venue_order_id)


async def test_orders_without_an_end_are_read_the_oldest_first(books: Books) -> None:
    late, early, ended = make_order("BTC"), make_order("ETH"), make_order("SOL")
    await books.ledger.note(late, OrderState.IN_DOUBT, detail="timeout", now_ms=LATER_MS)
    await books.ledger.record_planned([early, ended], now_ms=NOW_MS)
    await books.ledger.record(settle(Expired(ended), ()), now_ms=LATER_MS)
    assert await books.ledger.read_unsettled() == (
        BookedOrder(early, OrderState.PLANNED, NOW_MS, follows=None),
        BookedOrder(late, OrderState.IN_DOUBT, LATER_MS, follows=None),
    )


@pytest.mark.parametrize("state", OPEN_STATES)
async def test_no_open_state_counts_as_an_end(books: Books, state: OrderState) -> None:
    order = make_order(style="post", leg_rest_base=to_decimal("0.123456789012345678901234"))
    await books.ledger.note(order, state, detail=None, now_ms=NOW_MS)
    assert await books.ledger.read_unsettled() == (BookedOrder(order, state, NOW_MS, follows=None),)


async def test_turnover_adds_up_what_ended_since_by_portfolio(books: Books) -> None:
    before, mine, more = make_order("BTC"), make_order("ETH"), make_order("SOL")
    theirs, nothing = make_order(portfolio=OTHER), make_order("ADA", portfolio="idle")
    for order, at_ms in ((before, NOW_MS - 1), (mine, NOW_MS), (more, LATER_MS)):
        await books.ledger.record(make_settlement(order, make_fill(order, "0.1")), now_ms=at_ms)
    trade = make_fill(theirs, "0.3", trade_id="7", price="3.000000000000000000000001")
    await books.ledger.record(make_settlement(theirs, trade), now_ms=LATER_MS)
    await books.ledger.record(make_settlement(nothing), now_ms=LATER_MS)
    assert await books.ledger.read_turnover(since_ms=NOW_MS) == {
        PORTFOLIO: to_decimal(10_000),
        OTHER: Decimal("0.9000000000000000000000003"),
    }


async def test_trades_booked_after_an_instant_come_with_side_and_symbol(books: Books) -> None:
    early, buy, sell = make_order("BTC"), make_order("ETH"), make_order("SOL", side="sell")
    theirs = make_order("ADA", portfolio=OTHER)
    for order, at_ms in ((early, NOW_MS), (buy, LATER_MS), (sell, LATER_MS), (theirs, LATER_MS)):
        await books.ledger.record(make_settlement(order, make_fill(order, "1")), now_ms=at_ms)
    assert await books.ledger.read_traded(PORTFOLIO, since_ms=NOW_MS) == (
        BookedFill(buy.symbol, "buy", make_fill(buy, "1")),
        BookedFill(sell.symbol, "sell", make_fill(sell, "1")),
    )
    assert await books.ledger.read_traded(PORTFOLIO, since_ms=LATER_MS) == ()


async def test_a_portfolio_without_a_baseline_has_none(books: Books) -> None:
    await books.ledger.record_baseline(Baseline(OTHER, {}, NOW_MS))
    assert await books.ledger.read_baseline(PORTFOLIO) is None


async def test_the_newest_baseline_counts_to_the_last_digit(books: Books) -> None:
    digits = to_decimal("123456789.123456789012345678901234")
    newest = Baseline(PORTFOLIO, {BTC: digits, CASH: to_decimal("0")}, LATER_MS)
    older = Baseline(PORTFOLIO, {BTC: to_decimal(1)}, NOW_MS)
    for baseline in (older, newest, older):
        await books.ledger.record_baseline(baseline)
    found = await books.ledger.read_baseline(PORTFOLIO)
    assert found == newest
    assert str(found.totals[BTC]) == str(digits)


async def test_of_two_baselines_of_one_instant_the_last_counts_even_an_empty_one(
    books: Books,
) -> None:
    for totals in ({BTC: to_decimal(1)}, {}):
        await books.ledger.record_baseline(Baseline(PORTFOLIO, totals, NOW_MS))
    assert await books.ledger.read_baseline(PORTFOLIO) == Baseline(PORTFOLIO, {}, NOW_MS)


async def test_orders_of_ours_and_orders_left_alone_are_known(books: Books) -> None:
    planned, ended = make_order("BTC"), make_order("ETH")
    await books.ledger.record_planned([planned], now_ms=NOW_MS)
    await books.ledger.record(make_settlement(ended, venue_order_id="v-7"), now_ms=NOW_MS)
    theirs, mine, nobodys = (at("ETH", name) for name in ("v-8", "v-7", "v-9"))
    await books.ledger.record_ignored(VENUE, theirs, actor="me", reason="by hand", now_ms=NOW_MS)
    unknown = ClientOrderId("nobody's")
    known = await books.ledger.read_known(
        VENUE,
        client_order_ids=[planned.client_order_id, unknown],
        venue_keys=[mine, theirs, nobodys],
    )
    assert known == KnownOrders(
        frozenset(
            {
                KnownOrder(planned.client_order_id, OrderState.PLANNED, None),
                KnownOrder(ended.client_order_id, OrderState.UNFILLED, mine),
            }
        ),
        frozenset({theirs}),
    )


async def test_an_order_asked_about_by_both_ids_is_one_order(books: Books) -> None:
    order = make_order("ETH")
    await books.ledger.record(make_settlement(order, venue_order_id="v-7"), now_ms=NOW_MS)
    known = await books.ledger.read_known(
        VENUE, client_order_ids=[order.client_order_id], venue_keys=[at("ETH", "v-7")]
    )
    assert [one.client_order_id for one in known.ours] == [order.client_order_id]


async def test_the_same_id_in_another_market_is_another_order(books: Books) -> None:
    order = make_order("ETH")
    await books.ledger.record(make_settlement(order, venue_order_id="7"), now_ms=NOW_MS)
    await books.ledger.record_ignored(VENUE, at("ETH", "8"), actor="me", reason="", now_ms=NOW_MS)
    keys = [at("BTC", "7"), at("BTC", "8")]
    assert await books.ledger.read_known(VENUE, client_order_ids=[], venue_keys=keys) == NOBODYS
    await books.ledger.record_ignored(VENUE, at("BTC", "8"), actor="me", reason="", now_ms=NOW_MS)
    known = await books.ledger.read_known(VENUE, client_order_ids=[], venue_keys=keys)
    assert known.ignored == {at("BTC", "8")}


async def test_what_is_known_at_one_venue_is_not_known_at_another(books: Books) -> None:
    order = make_order()
    await books.ledger.record(make_settlement(order), now_ms=NOW_MS)
    await books.ledger.record_ignored(VENUE, at("BTC", "v-2"), actor="me", reason="", now_ms=NOW_MS)
    known = await books.ledger.read_known(
        VenueName("elsewhere"),
        client_order_ids=[order.client_order_id],
        venue_keys=[at("BTC", "v-1"), at("BTC", "v-2")],
    )
    assert known == NOBODYS


async def test_asking_about_no_order_at_all_is_allowed(books: Books) -> None:
    assert await books.ledger.read_known(VENUE, client_order_ids=[], venue_keys=[]) == NOBODYS


async def test_ignoring_an_order_twice_is_ignoring_it_once(books: Books) -> None:
    key = at("BTC", "v-8")
    for actor in ("me", "you"):
        await books.ledger.record_ignored(VENUE, key, actor=actor, reason="", now_ms=NOW_MS)
    known = await books.ledger.read_known(VENUE, client_order_ids=[], venue_keys=[key])
    assert known.ignored == {key}


async def test_an_asset_of_neither_side_that_paid_a_fee_since_is_told(books: Books) -> None:
    coin = Asset("BNB")
    told = {
        "late": (make_order("BTC"), coin, LATER_MS),
        "early": (make_order("SOL"), Asset("OLD"), NOW_MS - 1),
        "base": (make_order("ETH"), Asset("ETH"), LATER_MS),
        "quote": (make_order("ETH", "sell", cycle_id="more"), CASH, LATER_MS),
        "none": (make_order("ADA"), None, LATER_MS),
        "theirs": (make_order("DOT", portfolio=OTHER), Asset("KCS"), LATER_MS),
    }
    for name, (order, asset, at_ms) in told.items():
        fill = replace(make_fill(order, "1", trade_id=name), fee_asset=asset)
        await books.ledger.record(make_settlement(order, fill), now_ms=at_ms)
    assert await books.ledger.read_fee_assets(PORTFOLIO, since_ms=NOW_MS) == {coin}
