"""A venue that is some way off: late by the whole of its distance, and in the order of the wire.

Only that nothing comes too early is judged: what a busy machine adds is nobody's promise.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.responder import LeanProtocol, OrderLog

ROUND_TRIP_SECONDS = 0.04
TRIP_NS = 40_000_000
NEVER_SECONDS, PATIENCE_SECONDS = 3_600, 60
ORDER = "POST /api/v3/order?symbol=X00001USDC&quantity=1&price=2&timestamp=3&type=LIMIT&side=BUY"
PING = "GET /api/v3/time"

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def order(name: str) -> str:
    return f"{ORDER}&newClientOrderId={name}"


@asynccontextmanager
async def connected(log: OrderLog, round_trip_seconds: float) -> AsyncIterator[Streams]:
    """A venue so far away, and one connection to it."""
    server = await asyncio.get_running_loop().create_server(
        lambda: LeanProtocol(log, "http://none", round_trip_seconds), "127.0.0.1", 0
    )
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        yield reader, writer
        writer.close()
        await writer.wait_closed()


async def ask(streams: Streams, *requests: str) -> list[bytes]:
    """Send requests at once; the answers as they come."""
    reader, writer = streams
    writer.write("".join(f"{request} HTTP/1.1\r\n\r\n" for request in requests).encode())
    answers = []
    for _ in requests:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.rpartition("Content-Length: ")[2])
        answers.append(await reader.readexactly(length))
    return answers


def test_a_new_connection_costs_one_round_trip_more_and_a_warm_one_none() -> None:
    log = OrderLog()

    async def scenario() -> tuple[int, int, int, int]:
        async with connected(log, ROUND_TRIP_SECONDS) as streams:
            opened_ns = time.monotonic_ns()
            await ask(streams, order("first"))
            warm_ns = time.monotonic_ns()
            await ask(streams, order("second"))
            return opened_ns, warm_ns, time.monotonic_ns(), log.seen["second"].received_ns

    opened_ns, warm_ns, ended_ns, second_read_ns = asyncio.run(scenario())
    assert log.seen["first"].received_ns - opened_ns >= 1.5 * TRIP_NS
    assert warm_ns - log.seen["first"].answered_ns >= 0.5 * TRIP_NS
    assert second_read_ns - warm_ns >= 0.5 * TRIP_NS
    assert ended_ns - log.seen["second"].answered_ns >= 0.5 * TRIP_NS


def test_requests_of_one_connection_are_read_and_answered_in_their_order() -> None:
    names = [f"order-{number}" for number in range(20)]
    log = OrderLog()

    async def scenario() -> list[bytes]:
        async with connected(log, ROUND_TRIP_SECONDS) as streams:
            return await ask(streams, *map(order, names))

    answers = asyncio.run(scenario())
    assert [json.loads(answer)["clientOrderId"] for answer in answers] == names
    assert list(log.seen) == names


def test_connections_do_not_wait_for_each_other() -> None:
    """A request that comes while another is under way is read before that one is answered."""
    log = OrderLog()

    async def scenario() -> None:
        async with (
            connected(log, NEVER_SECONDS) as slow,
            connected(log, ROUND_TRIP_SECONDS) as quick,
        ):
            waiting = asyncio.create_task(ask(slow, order("slow")))
            await ask(quick, order("quick"))
            assert not waiting.done()
            waiting.cancel()

    asyncio.run(scenario())
    assert list(log.seen) == ["quick"]


def test_what_the_venue_saw_is_told_without_delay() -> None:
    async def scenario() -> list[bytes]:
        async with connected(OrderLog(), NEVER_SECONDS) as streams:
            return await asyncio.wait_for(ask(streams, "GET /bench/log"), PATIENCE_SECONDS)

    assert asyncio.run(scenario()) == [b"{}"]


def test_a_venue_on_loopback_answers_before_it_returns() -> None:
    async def scenario() -> list[bytes]:
        async with connected(OrderLog(), 0) as streams:
            return await ask(streams, PING, order("one"))

    ping, sent = asyncio.run(scenario())
    assert "serverTime" in json.loads(ping)
    assert json.loads(sent)["clientOrderId"] == "one"
