"""ccxt on the paper exchange, with the exchange's journal as the witness of what was sent."""

import time
from collections.abc import AsyncIterator

import pytest

from rebalancer.credentials import KeyFault, KeyPolicy, judge_key
from rebalancer.money import to_decimal
from rebalancer.orders import Order
from rebalancer.ports import Clock
from rebalancer.queue import SendPermit
from rebalancer.quotes import sanitize_tickers
from rebalancer.settlement import Accepted, Unanswered
from resources.ccxt_venue import CcxtOptions, CcxtVenue
from tests.factories import VENUE, make_order, make_symbol
from tests.fakes.tap import FakeTap
from tests.plugins.paper import API_KEY, API_SECRET, PaperFactory, PaperProcess

BTC, ETH, SOL = (make_symbol(base) for base in ("BTC", "ETH", "SOL"))


class RunningClock(Clock):
    """Real time: what is measured here is real waiting."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    return make_paper("--tick-ms", "0")


@pytest.fixture
async def venue(paper: PaperProcess) -> AsyncIterator[CcxtVenue]:
    options = CcxtOptions("binance", paper.url, paper.ws_url, API_KEY, API_SECRET, timeout_ms=1_000)
    async with CcxtVenue(VENUE, options, RunningClock(), FakeTap(RunningClock())) as connected:
        await connected.fetch_rules([BTC])
        yield connected


async def test_an_order_that_timed_out_was_sent_once_and_is_found(
    venue: CcxtVenue, paper: PaperProcess
) -> None:
    (ticker,) = await venue.fetch_tickers([BTC])
    order = make_order(
        amount_base=to_decimal("0.01"), limit_price_quote=to_decimal(ticker.ask or "")
    )
    paper.set_latency_ms(1_600)
    answer = await venue.submit(SendPermit(order, RunningClock().now_ms() + 60_000))
    assert isinstance(answer, Unanswered)
    assert venue.conditions.latency_ms is None
    paper.set_latency_ms(0)
    # Half of the latency passes on the way in: the exchange acts, and answers nobody.
    deadline = time.monotonic() + 5
    while not isinstance(found := await venue.look_up(order), Accepted):
        assert time.monotonic() < deadline
    assert found.filled_base == order.amount_base
    assert len(await venue.fetch_fills(order, found.venue_order_id)) >= 1
    sent = paper.journal_lines(method="POST", path_end="/api/v3/order")
    assert [line["params"]["newClientOrderId"] for line in sent] == [order.client_order_id]


async def test_latency_follows_the_venue_within_three_answers(
    venue: CcxtVenue, paper: PaperProcess
) -> None:
    for _ in range(5):
        await venue.probe()
    paper.set_latency_ms(300)
    for _ in range(3):
        await venue.probe()
    assert venue.conditions.latency_ms is not None
    assert venue.conditions.latency_ms >= 300


async def test_bent_tickers_are_quarantined_and_the_sound_one_is_used(
    venue: CcxtVenue, paper: PaperProcess
) -> None:
    paper.set_quote("BTCUSDC", bidPrice="NaN")
    paper.set_quote("ETHUSDC", lastPrice="Infinity")
    quotes, rejected = sanitize_tickers(await venue.fetch_tickers([BTC, ETH, SOL]), [BTC, ETH, SOL])
    assert list(quotes) == [SOL]
    assert {row.subject for row in rejected} == {"BTC/USDC", "ETH/USDC"}


async def post_below_the_market(venue: CcxtVenue, cycle_id: str) -> tuple[Order, Accepted]:
    (ticker,) = await venue.fetch_tickers([BTC])
    order = make_order(
        cycle_id=cycle_id,
        style="post",
        amount_base=to_decimal("0.01"),
        limit_price_quote=to_decimal(ticker.bid or "") - 10,
    )
    answer = await venue.submit(SendPermit(order, RunningClock().now_ms() + 60_000))
    assert isinstance(answer, Accepted)
    return order, answer


async def test_an_order_sent_elsewhere_is_seen_among_the_open_ones(
    venue: CcxtVenue, paper: PaperProcess
) -> None:
    options = CcxtOptions("binance", paper.url, paper.ws_url, API_KEY, API_SECRET)
    async with CcxtVenue(VENUE, options, RunningClock(), FakeTap(RunningClock())) as elsewhere:
        order, _ = await post_below_the_market(elsewhere, "other")
    (found,) = await venue.fetch_open_orders([BTC, ETH])
    assert found.client_order_id == order.client_order_id
    assert abs(found.placed_at_ms - RunningClock().now_ms()) < 60_000


async def test_a_cancel_whose_answer_never_came_was_sent_once_and_is_found_out(
    venue: CcxtVenue, paper: PaperProcess
) -> None:
    order, answer = await post_below_the_market(venue, "c1")
    paper.set_latency_ms(1_600)
    await venue.cancel(order, answer.venue_order_id)
    paper.set_latency_ms(0)
    deadline = time.monotonic() + 5
    while not (isinstance(found := await venue.look_up(order), Accepted) and found.is_closed):
        assert time.monotonic() < deadline
    assert found.filled_base == 0
    assert len(paper.journal_lines(method="DELETE", path_end="/api/v3/order")) == 1


async def test_a_resting_order_that_the_market_comes_to_fills_as_a_maker(
    venue: CcxtVenue, paper: PaperProcess
) -> None:
    order, answer = await post_below_the_market(venue, "c1")
    paper.move_price("BTCUSDC", -200)
    found = await venue.look_up(order)
    assert isinstance(found, Accepted)
    assert (found.is_closed, found.filled_base) == (True, order.amount_base)
    fills = await venue.fetch_fills(order, answer.venue_order_id)
    assert {fill.is_maker for fill in fills} == {True}
    trades = await venue.fetch_account_trades(
        BTC, since_ms=min(fill.filled_at_ms for fill in fills)
    )
    assert [trade.trade_id for trade in trades] == [fill.trade_id for fill in fills]


async def test_a_key_that_may_withdraw_is_found_out(make_paper: PaperFactory) -> None:
    paper = make_paper("--tick-ms", "0", "--key-may-withdraw")
    options = CcxtOptions("binance", paper.url, paper.ws_url, API_KEY, API_SECRET)
    async with CcxtVenue(VENUE, options, RunningClock(), FakeTap(RunningClock())) as connected:
        rights = await connected.fetch_key_rights()
    policy = KeyPolicy(allow_unreadable_rights=False, require_ip_binding=False)
    found = judge_key(rights, clock_skew_ms=0, policy=policy)
    assert [row.fault for row in found if row.stops_trading] == [KeyFault.MAY_WITHDRAW]


async def test_on_one_machine_the_clocks_agree(venue: CcxtVenue) -> None:
    skew_ms = await venue.fetch_clock_skew_ms()
    assert skew_ms is not None
    assert abs(skew_ms) < 1_000
