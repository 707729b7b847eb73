"""Reading markets, tickers and balances from a venue that is broken, odd or closed to us."""

import asyncio
import json
import logging
import traceback
from typing import Any

import pytest

from rebalancer.errors import BadConfig, BadData, VenueDenied, VenueUnavailable
from rebalancer.faults import DataFault
from rebalancer.orders import VenueName
from rebalancer.ports import Clock
from rebalancer.quotes import sanitize_tickers
from resources.ccxt_venue import CcxtOptions, CcxtVenue
from tests.contract.binance_scene import (
    ACCOUNT,
    INFO,
    KEY,
    MARKET,
    SECRET,
    TICKERS,
    TIME,
    scene,
)
from tests.contract.raw_server import Behaviour, HangUp, Reply, Silence, answer, error
from tests.factories import NOW_MS, make_symbol
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

BTC = make_symbol()


def make_row(**changes: Any) -> dict[str, Any]:
    fields = {
        "symbol": "BTCUSDC",
        "bidPrice": "49990.00000000",
        "askPrice": "50010.00000000",
        "lastPrice": "50000.00000000",
        "priceChange": "1.00000000",
        "volume": "3.00000000",
        "quoteVolume": "9.00000000",
        "closeTime": NOW_MS,
    }
    return fields | changes


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(-2015, status=401), VenueDenied),
        (error(-1022), VenueDenied),
        (Reply("", 401), VenueDenied),
        (error(-1003, status=429, Retry_After="3"), VenueUnavailable),
        (error(-1021), VenueUnavailable),
        (error(-1000), VenueUnavailable),
        (Reply("", 503), VenueUnavailable),
        (HangUp(), VenueUnavailable),
        (Silence(), VenueUnavailable),
        (Reply(""), BadData),
        (Reply('{"balances": ['), BadData),
        (Reply("{}"), BadData),
        (answer({"balances": "many"}), BadData),
        (answer({"balances": [{"free": "1"}]}), BadData),
        (error(-1121), BadData),
    ],
)
async def test_a_failed_read_says_what_must_happen_next_and_no_secret(
    reply: Behaviour, kind: type[Exception]
) -> None:
    async with scene({ACCOUNT: [reply]}, timeout_ms=300) as (venue, server):
        with pytest.raises(kind) as caught:
            await venue.fetch_balances()
    told = "".join(traceback.format_exception(caught.value))
    assert f"venue paper at {server.url.removeprefix('http://')}, reading balances" in told
    assert not [secret for secret in (KEY, SECRET, "signature=") if secret in told]


async def test_a_limit_tells_when_to_read_again() -> None:
    async with scene({ACCOUNT: [error(-1003, status=429, Retry_After="3")]}) as (venue, _):
        with pytest.raises(VenueUnavailable) as caught:
            await venue.fetch_balances()
    assert caught.value.retry_after_ms == 3_000


async def test_a_denied_key_names_the_settings_to_check() -> None:
    async with scene({ACCOUNT: [error(-2015, status=401)]}) as (venue, _):
        with pytest.raises(VenueDenied, match="TRIMTAB_VENUES__PAPER__API_KEY"):
            await venue.fetch_balances()


async def test_a_venue_that_is_down_is_unavailable_and_has_no_latency() -> None:
    async with scene() as (venue, server):
        await server.stop()
        with pytest.raises(VenueUnavailable, match="rest_url"):
            await venue.fetch_rules([BTC])
        await venue.probe()
        assert venue.conditions.latency_ms is None


async def test_bad_numbers_of_one_row_spoil_no_other_and_keep_their_words() -> None:
    eth = MARKET | {"symbol": "ETHUSDC", "baseAsset": "ETH"}
    sol = MARKET | {"symbol": "SOLUSDC", "baseAsset": "SOL"}
    rows = [
        make_row(lastPrice="NaN", priceChange="NaN", bidPrice="0.00000000"),
        make_row(symbol="ETHUSDC", askPrice="Infinity"),
        make_row(symbol="SOLUSDC"),
    ]
    routes = {INFO: [answer({"symbols": [MARKET, eth, sol]})], TICKERS: [answer(rows)]}
    symbols = [make_symbol(base) for base in ("BTC", "ETH", "SOL")]
    async with scene(routes) as (venue, _):
        tickers = await venue.fetch_tickers(symbols)
    assert [(t.bid, t.ask, t.last) for t in tickers] == [
        ("0.00000000", "50010.00000000", "NaN"),
        ("49990.00000000", "Infinity", "50000.00000000"),
        ("49990.00000000", "50010.00000000", "50000.00000000"),
    ]
    quotes, rejected = sanitize_tickers(tickers, symbols)
    assert list(quotes) == [make_symbol("SOL")]
    assert [row.fault for row in rejected] == [DataFault.NOT_POSITIVE, DataFault.NOT_FINITE]


async def test_a_bare_nan_does_not_make_the_whole_answer_vanish() -> None:
    body = json.dumps([make_row(bidPrice=float("nan"), askPrice=50010.1)])
    assert "NaN" in body
    async with scene({TICKERS: [Reply(body)]}) as (venue, _):
        (ticker,) = await venue.fetch_tickers([BTC])
    assert (ticker.bid, ticker.ask) == ("NaN", "50010.1")


async def test_a_symbol_sent_twice_is_handed_over_twice() -> None:
    async with scene({TICKERS: [answer([make_row(), make_row(lastPrice="1")])]}) as (venue, _):
        tickers = await venue.fetch_tickers([BTC])
    assert [ticker.last for ticker in tickers] == ["50000.00000000", "1"]


async def test_balances_leave_out_only_readable_zeros() -> None:
    rows = [
        {"asset": "BTC", "free": "1.00000000", "locked": "0.00000000"},
        {"asset": "ETH", "free": "0.00000000", "locked": "0.00000000"},
        {"asset": "SOL", "free": "NaN", "locked": "0.00000000"},
        {"asset": "USDC", "free": "0.00000000"},
        {"asset": "BTC", "free": "2.00000000", "locked": "0.00000000"},
    ]
    async with scene({ACCOUNT: [answer({"balances": rows})]}) as (venue, _):
        balances = await venue.fetch_balances()
    assert [(row.asset, row.free, row.locked) for row in balances] == [
        ("BTC", "1.00000000", "0.00000000"),
        ("SOL", "NaN", "0.00000000"),
        ("USDC", "0.00000000", None),
        ("BTC", "2.00000000", "0.00000000"),
    ]


async def test_rules_are_read_anew_on_every_call_and_a_halted_market_is_absent() -> None:
    lot = {"filterType": "LOT_SIZE", "minQty": "1", "maxQty": "9", "stepSize": "3"}
    changed = MARKET | {"filters": [MARKET["filters"][0], lot]}
    halted = MARKET | {"status": "BREAK"}
    pages: list[Behaviour] = [answer({"symbols": [m]}) for m in (MARKET, changed, halted)]
    async with scene({INFO: pages}) as (venue, _):
        (first,) = await venue.fetch_rules([BTC])
        (second,) = await venue.fetch_rules([BTC])
        third = await venue.fetch_rules([BTC])
    assert (first.amount_step, second.amount_step) == ("0.00001000", "3")
    assert (first.notional_min, second.notional_min) == ("5.00000000", "0")
    assert json.loads(second.payload) == changed
    assert not third


class SteppingClock(Clock):
    """A clock that is a second later each time it is read."""

    def __init__(self) -> None:
        self._now_ms = NOW_MS

    def now_ms(self) -> int:
        self._now_ms += 1_000
        return self._now_ms


async def test_data_is_stamped_before_it_was_asked_for() -> None:
    clock = SteppingClock()
    async with scene({TICKERS: [answer([make_row()])]}, clock=clock) as (venue, _):
        (rule,) = await venue.fetch_rules([BTC])
        asked_after_ms = clock.now_ms()
        (ticker,) = await venue.fetch_tickers([BTC])
    assert rule.observed_at_ms == NOW_MS + 1_000
    assert ticker.observed_at_ms == asked_after_ms + 1_000


async def test_a_cancelled_reader_does_not_take_another_along() -> None:
    routes: dict[tuple[str, str], list[Behaviour]] = {
        INFO: [Silence(), answer({"symbols": [MARKET]})]
    }
    async with scene(routes, timeout_ms=5_000) as (venue, server):
        first = asyncio.create_task(venue.fetch_rules([BTC]))
        second = asyncio.create_task(venue.fetch_rules([BTC]))
        async with asyncio.timeout(5):
            while not server.asked(*INFO):
                await asyncio.sleep(0.01)
        first.cancel()
        assert len(await second) == 1
    assert first.cancelled()


async def test_debug_logging_shows_no_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with scene({ACCOUNT: [answer({"balances": []})]}) as (venue, _):
        await venue.fetch_balances()
    assert not [secret for secret in (KEY, SECRET, "signature=") if secret in caplog.text]


async def test_probing_has_the_markets_at_hand_then_asks_one_cheap_question() -> None:
    async with scene() as (venue, server):
        await venue.probe()
        await venue.probe()
    assert [(r.method, r.path) for r in server.requests] == [INFO, TIME, TIME]


@pytest.mark.parametrize(
    ("exchange", "words"),
    [
        ("binanc", "did you mean binance"),
        ("bitfinex", "significant digits"),
        ("bitbank", "no immediate-or-cancel orders"),
        ("upbit", "no fetchMyTrades"),
    ],
)
def test_an_exchange_that_cannot_be_used_is_refused_with_the_cure(
    exchange: str, words: str
) -> None:
    with pytest.raises(BadConfig, match=words):
        CcxtVenue(VenueName("main"), CcxtOptions(exchange), FakeClock(), FakeTap(FakeClock()))


def test_options_never_show_their_secrets() -> None:
    options = CcxtOptions("okx", api_key=KEY, api_secret=SECRET, passphrase="phrase-Qw7")
    assert not [secret for secret in options.secrets if secret in repr(options)]
