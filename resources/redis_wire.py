"""One connection to Redis for one event loop, for one trip at a time. Knows no queue and no key.

The client's own pipelines do the same, and with their locks, hooks and shields take as long again
as the trip itself. As everywhere, no command is repeated: only the caller knows whether it may be.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from hiredis import pack_command
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as NoAnswer

from resources.redis_connection import ANSWER_SECONDS

Command = Sequence[str | int | bytes]


class RedisWire:
    """Made by `open_wire`. Connects with its first trip, and anew with the next after a failure."""

    def __init__(self, connection: AbstractConnection, answer_seconds: float) -> None:
        self._connection = connection
        self._answer_seconds = answer_seconds

    async def trip(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands at once, and read a reply for each; it may be a ResponseError.

        Raises:
            RedisError: the server did not answer them all. Any of them may have run.
        """
        connection = self._connection
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await self._trip(commands)
        except TimeoutError as problem:
            await connection.disconnect(nowait=True)
            raise NoAnswer(f"no answer within {self._answer_seconds:g} s") from problem
        except BaseException:
            # Replies that nobody waits for any more would be taken for those of the next trip.
            await connection.disconnect(nowait=True)
            raise

    async def _trip(self, commands: Sequence[Command]) -> list[Any]:
        connection = self._connection
        if connection.is_connected and await connection.can_read():
            # Nothing is owed to it, so the server has ended it while it lay there.
            await connection.disconnect(nowait=True)
        # The connection's own packing is Python, and took an eighth of a drain's time.
        await connection.send_packed_command([_packed(one) for one in commands])
        return [await self._read_reply() for _ in commands]

    async def _read_reply(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error


def _packed(command: Command) -> bytes:
    packed: bytes = pack_command(tuple(command))  # type: ignore[arg-type]  # Told as a tuple of one.
    return packed


@asynccontextmanager
async def open_wire(
    client: AsyncRedis, *, answer_seconds: float = ANSWER_SECONDS
) -> AsyncIterator[RedisWire]:
    """A wire to the client's server, made as the client would connect."""
    pool = client.connection_pool
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    # A trip has one limit. The connection's own is one for each read and write, and what is written
    # under it leaves a turn of the event loop later, with all that is ready to run before it.
    connection.socket_timeout = None
    try:
        yield RedisWire(connection, answer_seconds)
    finally:
        await connection.disconnect(nowait=True)
