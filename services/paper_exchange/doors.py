"""The listening socket, and closing it for a while as a fault asks.

Belongs here: the one address of the exchange, shut and opened again.
Does not belong here: what a request that got in meets (`app`).
"""

import asyncio
import socket

from aiohttp import web

from services.paper_exchange.exchange import Exchange

LOOK_SECONDS = 0.02


class Doors:
    """The addresses the exchange listens on. What it was started with is open already."""

    def __init__(self, exchange: Exchange, runner: web.AppRunner) -> None:
        self._exchange = exchange
        self._runner = runner

    async def watch(self) -> None:
        """Shut and open as the faults say, for as long as the exchange runs."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._refuses():
                await self._shut()

    def _refuses(self) -> bool:
        exchange = self._exchange
        return exchange.faults.standing("refuse_connections", exchange.clock()) is not None

    async def _shut(self) -> None:
        exchange, runner = self._exchange, self._runner
        addresses = list(runner.addresses)
        exchange.doors_closed = True
        for site in list(runner.sites):
            await site.stop()
        # Bound and not listening: they refuse everybody, and nobody takes the port meanwhile.
        kept = [_bind(address) for address in addresses]
        assert runner.server is not None
        for connection in runner.server.connections:
            connection.force_close()
        try:
            while self._refuses():
                await asyncio.sleep(LOOK_SECONDS)
        except asyncio.CancelledError:
            for bound in kept:
                bound.close()
            raise
        exchange.doors_closed = False
        for bound in kept:
            await web.SockSite(runner, bound).start()


def _bind(address: tuple[str | int, ...]) -> socket.socket:
    family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setblocking(False)
    bound.bind(address)
    return bound
