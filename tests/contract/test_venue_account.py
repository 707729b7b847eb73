"""Resting orders, the account's own lists and the book: asked of the fake and of the exchange."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from rebalancer.account import VenueStatus
from rebalancer.depth import Book, depth_base, read_book, spread_bps
from rebalancer.orders import Order
from rebalancer.ports import Venue
from rebalancer.precision import Side
from rebalancer.settlement import Absent, Accepted, RefusalKind, Refused
from tests.contract.venue_scene import BTC, make_permit, open_venue, quote_of
from tests.factories import NOW_MS, make_order, make_symbol
from tests.plugins.paper import PaperFactory

LONG_AGO_MS = NOW_MS - 60_000


@pytest.fixture(params=["fake", "paper exchange"])
async def venue(request: pytest.FixtureRequest, make_paper: PaperFactory) -> AsyncIterator[Venue]:
    async with open_venue(request.param, make_paper) as opened:
        yield opened


async def post(venue: Venue, *, side: Side = "buy", cycle_id: str = "c1") -> tuple[Order, Accepted]:
    """An order that rests a little away from the market, and the venue's word for it."""
    bid, ask = await quote_of(venue)
    limit = bid - 10 if side == "buy" else ask + 10
    order = make_order(
        side=side,
        cycle_id=cycle_id,
        style="post",
        amount_base=Decimal("0.01"),
        limit_price_quote=limit,
    )
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Accepted)
    return order, answer


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_post_order_rests_and_is_among_the_open_ones(venue: Venue, side: Side) -> None:
    order, answer = await post(venue, side=side)
    assert not answer.is_closed
    assert answer.filled_base == 0
    assert await venue.look_up(order) == answer
    (found,) = await venue.fetch_open_orders([BTC])
    assert found.venue_order_id == answer.venue_order_id
    assert found.client_order_id == order.client_order_id
    assert (found.symbol, found.side) == (BTC, side)
    assert (found.amount_base, found.filled_base) == (order.amount_base, answer.filled_base)
    assert found.limit_price_quote == order.limit_price_quote


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_a_post_order_that_would_take_is_refused_and_not_placed(
    venue: Venue, side: Side
) -> None:
    bid, ask = await quote_of(venue)
    order = make_order(
        side=side,
        style="post",
        amount_base=Decimal("0.01"),
        limit_price_quote=ask if side == "buy" else bid,
    )
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Refused)
    assert answer.kind is RefusalKind.WOULD_TAKE
    assert await venue.look_up(order) == Absent(order)


@pytest.mark.parametrize("by_our_id", [True, False])
async def test_a_cancelled_order_is_closed_and_open_no_more(venue: Venue, by_our_id: bool) -> None:
    order, answer = await post(venue)
    other, _ = await post(venue, cycle_id="c2")
    await venue.cancel(order, None if by_our_id else answer.venue_order_id)
    found = await venue.look_up(order)
    assert found == Accepted(order, answer.venue_order_id, True, Decimal(0))
    left = await venue.fetch_open_orders([BTC])
    assert [row.client_order_id for row in left] == [other.client_order_id]
    assert await venue.fetch_fills(order, answer.venue_order_id) == ()


async def test_cancelling_what_is_not_there_changes_nothing(venue: Venue) -> None:
    _, ask = await quote_of(venue)
    order = make_order(amount_base=Decimal("0.01"), limit_price_quote=ask)
    await venue.cancel(order, None)
    assert await venue.look_up(order) == Absent(order)
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Accepted)
    await venue.cancel(order, answer.venue_order_id)
    assert await venue.look_up(order) == answer


async def test_open_orders_of_other_markets_are_left_out(venue: Venue) -> None:
    await post(venue)
    assert await venue.fetch_open_orders([make_symbol("ETH")]) == ()
    assert await venue.fetch_open_orders([]) == ()


async def test_the_accounts_trades_are_those_of_its_orders(venue: Venue) -> None:
    bid, ask = await quote_of(venue)
    expected = {}
    for side, limit in (("buy", ask), ("sell", bid)):
        order = make_order(side=side, amount_base=Decimal("0.01"), limit_price_quote=limit)  # type: ignore[arg-type]  # a tuple knows no literals
        answer = await venue.submit(make_permit(order))
        assert isinstance(answer, Accepted)
        for fill in await venue.fetch_fills(order, answer.venue_order_id):
            expected[fill.trade_id] = (answer.venue_order_id, side, fill)
    trades = await venue.fetch_account_trades(BTC, since_ms=LONG_AGO_MS)
    assert [trade.trade_id for trade in trades] == list(expected)
    for trade in trades:
        venue_order_id, side, fill = expected[trade.trade_id]
        assert (trade.venue_order_id, trade.symbol, trade.side) == (venue_order_id, BTC, side)
        assert (trade.amount_base, trade.price_quote) == (fill.amount_base, fill.price_quote)
        assert (trade.fee_asset, trade.fee_amount) == (fill.fee_asset, fill.fee_amount)
        assert (trade.is_maker, trade.filled_at_ms) == (fill.is_maker, fill.filled_at_ms)
    after_ms = max(trade.filled_at_ms for trade in trades) + 1
    assert await venue.fetch_account_trades(BTC, since_ms=after_ms) == ()


async def test_the_book_is_sound_and_agrees_with_the_quote(venue: Venue) -> None:
    bid, ask = await quote_of(venue)
    raw = await venue.fetch_book(BTC, levels=5)
    assert raw.observed_at_ms == NOW_MS
    assert max(len(raw.bids), len(raw.asks)) <= 5
    book = read_book(raw)
    assert isinstance(book, Book)
    assert (book.bids[0].price_quote, book.asks[0].price_quote) == (bid, ask)
    assert spread_bps(book) > 0
    assert depth_base(book, "buy", worst_price_quote=ask) == book.asks[0].amount_base


async def test_the_venue_tells_of_itself_and_of_the_key(venue: Venue) -> None:
    assert await venue.fetch_status() is VenueStatus.OPERATIONAL
    rights = await venue.fetch_key_rights()
    assert (rights.may_read, rights.may_trade, rights.may_withdraw) == (True, True, False)
    assert isinstance(await venue.fetch_clock_skew_ms(), int)
