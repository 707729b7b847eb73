"""One BTC/USDC market at any exchange ccxt knows, on a server that answers what it is told to.

Markets are put into the client, because what an exchange's own list of markets looks like is not
what is tested through this.
"""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from rebalancer.ports import Clock
from resources.ccxt_session import CcxtSession
from resources.ccxt_venue import CcxtOptions, make_client
from tests.contract.binance_scene import KEY
from tests.contract.raw_server import RawServer, Routes, serving
from tests.factories import VENUE
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

SPOT = {"spot": True, "margin": False, "swap": False, "future": False, "option": False}
IDS = {"okx": "BTC-USDC", "gate": "BTC_USDC", "coinbase": "BTC-USDC", "kraken": "XBTUSDC"}


def make_market(exchange: str) -> dict[str, Any]:
    return {
        "id": IDS.get(exchange, "BTCUSDC"),
        "symbol": "BTC/USDC",
        "base": "BTC",
        "quote": "USDC",
        "baseId": "BTC",
        "quoteId": "USDC",
        "type": "spot",
        "active": True,
        "contract": False,
        **SPOT,
        "precision": {"amount": "0.00001", "price": "0.01"},
        "limits": {"amount": {}, "price": {}, "cost": {}},
        "info": {},
    }


@asynccontextmanager
async def exchange_scene(
    exchange: str, routes: Routes, *, clock: Clock | None = None
) -> AsyncIterator[tuple[CcxtSession, RawServer]]:
    """A session at one exchange, and the server behind it."""
    secret = base64.b64encode(b"secret--Vx42").decode()
    async with serving(routes) as server:
        client = make_client(CcxtOptions(exchange, server.url, None, KEY, secret, "phrase"))
        client.set_markets([make_market(exchange)])
        # Known, so that the first order is not led by questions about the kind of account.
        client.options |= {
            "unifiedAccount": False,
            "enableUnifiedMargin": False,
            "enableUnifiedAccount": True,
        }
        client.open()
        try:
            now = clock or FakeClock()
            session = CcxtSession(client, name=VENUE, clock=now, tap=FakeTap(now), secrets=())
            yield session, server
        finally:
            await client.close()
