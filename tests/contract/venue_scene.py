"""The same small market twice: in the fake, and in ccxt on the paper exchange."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from rebalancer.balances import RawBalance
from rebalancer.money import Asset, Symbol
from rebalancer.orders import Order
from rebalancer.ports import Venue
from rebalancer.queue import SendPermit
from rebalancer.quotes import sanitize_tickers
from resources.ccxt_venue import CcxtOptions, CcxtVenue
from tests.factories import NOW_MS, VENUE, make_raw_rule, make_raw_ticker, make_symbol
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap
from tests.fakes.venue import FakeVenue
from tests.plugins.paper import API_KEY, API_SECRET, PaperFactory

BTC, UNLISTED = make_symbol("BTC"), make_symbol("NOSUCH")
LATER_MS = NOW_MS + 60_000


@asynccontextmanager
async def open_venue(kind: str, make_paper: PaperFactory) -> AsyncIterator[Venue]:
    """One of the two, by name: "fake" or "paper exchange"."""
    if kind == "fake":
        yield make_fake()
        return
    paper = make_paper("--tick-ms", "0")
    options = CcxtOptions("binance", paper.url, paper.ws_url, API_KEY, API_SECRET)
    async with CcxtVenue(VENUE, options, FakeClock(), FakeTap(FakeClock())) as connected:
        yield connected


def make_fake() -> FakeVenue:
    holdings = {"USDC": "20000", "BTC": "0.6"}
    return FakeVenue(
        FakeClock(),
        rules=[make_raw_rule(notional_min="10")],
        tickers=[make_raw_ticker(bid="49990", ask="50010", last="50000")],
        balances=[RawBalance(Asset(a), free, "0", NOW_MS) for a, free in holdings.items()],
    )


def make_permit(order: Order) -> SendPermit:
    return SendPermit(order, valid_until_ms=LATER_MS)


async def quote_of(venue: Venue, symbol: Symbol = BTC) -> tuple[Decimal, Decimal]:
    """Best bid and best ask."""
    quotes, rejected = sanitize_tickers(await venue.fetch_tickers([symbol]), [symbol])
    assert not rejected
    return quotes[symbol].bid_quote, quotes[symbol].ask_quote
