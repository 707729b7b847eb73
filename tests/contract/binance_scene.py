"""The least that Binance says, and a venue pointed at a server that says it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from rebalancer.ports import Clock
from rebalancer.venue_tap import VenueTap
from resources.ccxt_venue import CcxtOptions, CcxtVenue
from tests.contract.raw_server import Behaviour, RawServer, Reply, Route, Routes, answer, serving
from tests.factories import NOW_MS, VENUE, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

KEY, SECRET = "key-Zq81", "secret-Vx42"
ORDER = ("POST", "/api/v3/order")
LOOK_UP = ("GET", "/api/v3/order")
TRADES = ("GET", "/api/v3/myTrades")
ACCOUNT = ("GET", "/api/v3/account")
TICKERS = ("GET", "/api/v3/ticker/24hr")
INFO = ("GET", "/api/v3/exchangeInfo")
TIME = ("GET", "/api/v3/time")
ORDER_ID = make_order().client_order_id

MARKET: dict[str, Any] = {
    "symbol": "BTCUSDC",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDC",
    "isSpotTradingAllowed": True,
    "orderTypes": ["LIMIT", "MARKET"],
    "permissions": ["SPOT"],
    "filters": [
        {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
        {
            "filterType": "LOT_SIZE",
            "minQty": "0.00001000",
            "maxQty": "9000.00000000",
            "stepSize": "0.00001000",
        },
        {"filterType": "NOTIONAL", "minNotional": "5.00000000"},
    ],
}


def make_answer(**changes: Any) -> dict[str, Any]:
    """What Binance answers about the default order, filled whole."""
    fields = {
        "symbol": "BTCUSDC",
        "orderId": 28,
        "clientOrderId": ORDER_ID,
        "transactTime": NOW_MS,
        "price": "50000.00000000",
        "origQty": "1.00000000",
        "executedQty": "1.00000000",
        "cummulativeQuoteQty": "50000.00000000",
        "status": "FILLED",
        "timeInForce": "IOC",
        "type": "LIMIT",
        "side": "BUY",
    }
    return fields | changes


def make_trade(trade_id: int, **changes: Any) -> dict[str, Any]:
    fields = {
        "symbol": "BTCUSDC",
        "id": trade_id,
        "orderId": 28,
        "orderListId": -1,
        "price": "49999.99000000",
        "qty": "0.00400000",
        "commission": "0.00000400",
        "commissionAsset": "BTC",
        "time": NOW_MS + trade_id,
        "isBuyer": True,
        "isMaker": False,
    }
    return fields | changes


@asynccontextmanager
async def scene(
    routes: Routes | None = None,
    *,
    market: Mapping[str, Any] = MARKET,
    timeout_ms: int = 2_000,
    clock: Clock | None = None,
    tap: VenueTap | None = None,
) -> AsyncIterator[tuple[CcxtVenue, RawServer]]:
    """A venue and the server behind it; markets and time are answered unless told otherwise."""
    defaults: dict[Route, Sequence[Behaviour]] = {
        INFO: [answer({"symbols": [market]})],
        TIME: [Reply(f'{{"serverTime": {NOW_MS}}}')],
    }
    async with serving(defaults | dict(routes or {})) as server:
        options = CcxtOptions(
            "binance", server.url, api_key=KEY, api_secret=SECRET, timeout_ms=timeout_ms
        )
        now = clock or FakeClock()
        async with CcxtVenue(VENUE, options, now, tap or FakeTap(now)) as venue:
            yield venue, server
