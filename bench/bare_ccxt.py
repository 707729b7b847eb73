"""ccxt's own client of one venue, nothing of ours around it. Only this file here imports ccxt.

What the engine is measured against: the floor keeps it warm, the baseline opens it anew each time.
"""

from typing import Any, Self

from bench.place import API_KEY, API_SECRET
from rebalancer.money import plain
from rebalancer.orders import Order
from resources.ccxt_client import prepare


class BareClient:
    """One client, its own limiter off. Use as `async with`."""

    def __init__(self, url: str) -> None:
        import ccxt.async_support

        self._client: Any = ccxt.async_support.binance(
            {"apiKey": API_KEY, "secret": API_SECRET, "enableRateLimit": False}
        )
        prepare(self._client, url, None)

    async def __aenter__(self) -> Self:
        await self._client.load_markets()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()

    async def ping(self) -> None:
        """One round trip."""
        await self._client.fetch_time()

    async def create(self, order: Order) -> None:
        """Send the order and wait for the answer. The markets are known already."""
        await self._client.create_order(
            str(order.symbol),
            "limit",
            order.side,
            plain(order.amount_base),
            plain(order.limit_price_quote),
            {"timeInForce": "IOC", "newClientOrderId": order.client_order_id},
        )

    async def disconnect(self) -> None:
        """Close its connections; what it knows of the markets stays."""
        await self._client.close()

    def connect(self) -> None:
        """Be ready to connect again."""
        self._client.open()
