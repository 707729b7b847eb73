"""One connection for many trips: each gets its own replies, whatever became of the one before."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.exceptions import RedisError, ResponseError

from resources.redis_connection import open_async_redis, open_redis
from resources.redis_wire import RedisWire, open_wire

PAUSE_MS = 10_000
PATIENCE_SECONDS = 0.2


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[RedisWire]:
    async with open_async_redis(redis_url) as client, open_wire(client) as wire:
        yield wire


async def echo(wire: RedisWire, *words: str) -> list[object]:
    return await wire.trip([("ECHO", word) for word in words])


async def test_each_command_has_its_reply_and_an_error_is_one(wire: RedisWire) -> None:
    first, error, last = await wire.trip([("ECHO", "a"), ("HGET",), ("ECHO", "b")])
    assert (first, last) == (b"a", b"b")
    assert isinstance(error, ResponseError)
    assert await echo(wire, "c") == [b"c"]


async def test_a_line_that_the_server_ended_while_it_lay_idle_is_made_anew(
    wire: RedisWire, redis_url: str
) -> None:
    assert await echo(wire, "a") == [b"a"]
    with open_redis(redis_url) as other:
        other.client_kill_filter(_type="normal", skipme=True)
    await asyncio.sleep(0.1)  # The end of the line is on its way.
    assert await echo(wire, "b") == [b"b"]


async def test_replies_that_came_too_late_are_nobodys(wire: RedisWire, redis_url: str) -> None:
    assert await echo(wire, "a") == [b"a"]
    with open_redis(redis_url) as other:
        other.client_pause(PAUSE_MS, all=False)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(wire.trip([("SET", "b", "1"), ("ECHO", "c")]), PATIENCE_SECONDS)
        other.client_unpause()
    assert await echo(wire, "d", "e") == [b"d", b"e"]


async def test_a_line_cut_in_the_middle_of_a_trip_is_told(wire: RedisWire, redis_url: str) -> None:
    assert await echo(wire, "a") == [b"a"]
    with open_redis(redis_url) as other:
        other.client_pause(PAUSE_MS, all=False)
        waiting = asyncio.create_task(wire.trip([("ECHO", "b"), ("SET", "b", "1"), ("ECHO", "c")]))
        async with asyncio.timeout(PAUSE_MS / 1_000):
            while not other.info("clients")["blocked_clients"]:
                await asyncio.sleep(0.005)
        other.client_kill_filter(_type="normal", skipme=True)
        with pytest.raises(RedisError):
            await waiting
        other.client_unpause()
    assert await echo(wire, "c") == [b"c"]


async def test_a_server_that_says_nothing_is_given_up_and_asked_anew(redis_url: str) -> None:
    async with (
        open_async_redis(redis_url) as client,
        open_wire(client, answer_seconds=PATIENCE_SECONDS) as wire,
    ):
        assert await echo(wire, "a") == [b"a"]
        with open_redis(redis_url) as other:
            other.client_pause(PAUSE_MS, all=False)
            with pytest.raises(RedisError, match=r"no answer within 0\.2 s"):
                await wire.trip([("SET", "b", "1")])
            other.client_unpause()
        assert await echo(wire, "c") == [b"c"]


async def test_commands_are_packed_as_the_client_packs_them(wire: RedisWire) -> None:
    words = ["a b", "\r\n", "ü", "7", ""]
    assert await echo(wire, *words) == [word.encode() for word in words]
    assert await wire.trip([("ECHO", 7), ("ECHO", b"\xff\x00")]) == [b"7", b"\xff\x00"]
