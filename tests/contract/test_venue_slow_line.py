"""An order leaves on a line that is there in time, or it does not leave: a permit is for now."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from rebalancer.queue import SendPermit
from rebalancer.settlement import NotSent
from resources import ccxt_orders
from resources.ccxt_session import CcxtSession
from resources.ccxt_venue import CcxtOptions, make_client
from tests.contract.exchanges import make_market
from tests.factories import NOW_MS, VENUE, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

PERMIT_MS = 300
TIMEOUT_MS = 20_000
SECONDS_MAX = 5
PROBES_MS = 600
FILLERS_MAX = 64


@pytest.fixture
def clogged() -> Iterator[socket.socket]:
    """A port that is listened on and whose queue is full: connections to it never come about."""
    with ExitStack() as leaving:
        listening = leaving.enter_context(closing(socket.socket()))
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(FILLERS_MAX):
            filler = leaving.enter_context(closing(socket.socket()))
            filler.settimeout(0.3)
            try:
                filler.connect(listening.getsockname())
            except TimeoutError:
                break
        else:
            raise AssertionError(f"{FILLERS_MAX} connections and its queue is not full")
        yield listening


def make_session(listening: socket.socket, *, timeout_ms: int) -> CcxtSession:
    host, port = listening.getsockname()
    options = CcxtOptions("binance", f"http://{host}:{port}", None, "key", "secret")
    client = make_client(options)
    client.timeout = timeout_ms
    client.set_markets([make_market("binance") | {"info": {"orderTypes": ["LIMIT"]}}])
    client.open()
    clock = FakeClock()
    return CcxtSession(client, name=VENUE, clock=clock, tap=FakeTap(clock), secrets=())


async def test_an_order_whose_line_comes_too_late_was_not_sent(clogged: socket.socket) -> None:
    session = make_session(clogged, timeout_ms=TIMEOUT_MS)
    permit = SendPermit(make_order(), NOW_MS + PERMIT_MS)
    try:
        async with asyncio.timeout(SECONDS_MAX):
            result = await ccxt_orders.submit(session, permit)
    finally:
        await session.client.close()
    assert isinstance(result, NotSent)
    assert "RequestTimeout" in result.reason
    assert session.latency.round_trip_ms is None
    assert _bytes_received(clogged) == 0


async def test_what_need_not_be_prompt_has_all_the_time_of_its_question(
    clogged: socket.socket,
) -> None:
    session = make_session(clogged, timeout_ms=TIMEOUT_MS)
    permit = SendPermit(make_order(), NOW_MS + PERMIT_MS)
    try:
        await ccxt_orders.submit(session, permit)
        looking = asyncio.create_task(ccxt_orders.look_up(session, permit.order))
        await asyncio.wait([looking], timeout=PROBES_MS / 1_000)
        assert not looking.done()
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
    finally:
        await session.client.close()


def _bytes_received(listening: socket.socket) -> int:
    """What came over all lines that were made: an order would be among it."""
    listening.setblocking(False)
    count = 0
    while True:
        try:
            line, _ = listening.accept()
        except BlockingIOError:
            return count
        with closing(line):
            line.setblocking(False)
            with suppress(BlockingIOError):
                count += len(line.recv(1_000))
