"""Connections to Redis for one event loop, each for one trip at a time. Knows no queue and no key.

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


class RedisWires:
    """As many connections as there are trips side by side. Made by `open_wires`."""

    def __init__(self, client: AsyncRedis) -> None:
        self._pool = client.connection_pool
        self._idle: list[AbstractConnection] = []

    async def trip(self, commands: Sequence[Command]) -> list[Any]:
        """Send commands at once, and read a reply for each; it may be a ResponseError.

        Raises:
            RedisError: the server did not answer them all. Any of them may have run.
        """
        wire = self._idle.pop() if self._idle else self._made()
        try:
            if wire.is_connected and await wire.can_read():
                # Nothing is owed to an idle one: the server has ended it, and it is made anew.
                await wire.disconnect(nowait=True)
            await wire.send_packed_command(wire.pack_commands(commands))
            return [await _read_reply(wire) for _ in commands]
        except BaseException:
            # Replies that nobody waits for any more would be taken for those of the next trip.
            await wire.disconnect(nowait=True)
            raise
        finally:
            self._idle.append(wire)

    def _made(self) -> AbstractConnection:
        made: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        return made

    async def aclose(self) -> None:
        """Close those that are idle. None may be in use any more."""
        for wire in self._idle:
            await wire.disconnect(nowait=True)


@asynccontextmanager
async def open_wires(client: AsyncRedis) -> AsyncIterator[RedisWires]:
    """Wires to the client's server, as the client would connect."""
    wires = RedisWires(client)
    try:
        yield wires
    finally:
        await wires.aclose()


async def _read_reply(wire: AbstractConnection) -> Any:
    try:
        return await wire.read_response()
    except ResponseError as error:
        return error
