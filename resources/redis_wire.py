"""One connection to Redis for one event loop, for one trip at a time. Knows no queue and no key.

The client's own pipelines do the same, and with their locks, hooks and shields take as long again
as the trip itself. As everywhere, no command is repeated: only the caller knows whether it may be.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ResponseError

Command = Sequence[str | int | bytes]


class RedisWire:
    """Made by `open_wire`. Connects with its first trip, and anew with the next after a failure."""

    def __init__(self, connection: AbstractConnection) -> None:
        self._connection = connection

    async def trip(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands at once, and read a reply for each; it may be a ResponseError.

        Raises:
            RedisError: the server did not answer them all. Any of them may have run.
        """
        connection = self._connection
        try:
            if connection.is_connected and await connection.can_read():
                # Nothing is owed to it, so the server has ended it while it lay there.
                await connection.disconnect(nowait=True)
            await connection.send_packed_command(connection.pack_commands(commands))
            return [await self._read_reply() for _ in commands]
        except BaseException:
            # Replies that nobody waits for any more would be taken for those of the next trip.
            await connection.disconnect(nowait=True)
            raise

    async def _read_reply(self) -> Any:
        try:
            return await self._connection.read_response()
        except ResponseError as error:
            return error


@asynccontextmanager
async def open_wire(client: AsyncRedis) -> AsyncIterator[RedisWire]:
    """A wire to the client's server, made as the client would connect."""
    pool = client.connection_pool
    connection: AbstractConnection = pool.make_connection()  # type: ignore[no-untyped-call]
    try:
        yield RedisWire(connection)
    finally:
        await connection.disconnect(nowait=True)
