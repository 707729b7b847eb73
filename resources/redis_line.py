"""DrainLine on Redis: the steps of many orders in one trip.

Redis answers a write when it is on its disk. Ten orders that each waited for a disk would wait
ten times; in one trip they wait once. The trips are made within the event loop: a thread of their
own would wait for the interpreter more often than for Redis.

A line also listens: the scripts that add orders say so on a channel, and whoever found nothing to
do looks again at once. A message may be lost with a connection, so everybody looks now and then.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import NoScriptError, RedisError

from rebalancer.drain_line import DrainLine
from rebalancer.errors import RebalancerError
from rebalancer.gate import GateOpen
from rebalancer.queue import Claim, Claimed, Denied, InDoubt, NotNow, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt
from resources.gathering import Gathering
from resources.redis_connection import open_async_redis, redis_errors
from resources.redis_queue import RedisOrderQueue
from resources.redis_scripts import Answer, ScriptCall
from resources.redis_wire import RedisWire, open_wire

TRIP_MAX = 64
"""Steps of one trip: other programs' commands wait no longer than for these."""
RECONNECT_SECONDS = 0.5


class RedisLine(DrainLine):
    """The steps of one queue, gathered. Made by `open_line`; one event loop only."""

    def __init__(self, queue: RedisOrderQueue, client: AsyncRedis, wire: RedisWire) -> None:
        self._queue, self._client, self._wire = queue, client, wire
        self._gathering: Gathering[ScriptCall[Any], Any] = Gathering(self._ask, most=TRIP_MAX)
        self._news = 0
        self._has_news = asyncio.Event()

    async def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int, most: int) -> Claimed:
        call = self._queue.claiming(tenure, now_ms=now_ms, lease_ms=lease_ms, most=most)
        return await self._take(call)

    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        return await self._take(self._queue.permitting(gate))

    async def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        return await self._take(self._queue.releasing(claim, retry_at_ms=retry_at_ms))

    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        return await self._take(self._queue.acknowledging(receipt))

    @property
    def news(self) -> int:
        return self._news

    async def await_news(self, *, since: int, for_ms: int) -> None:
        if self._news == since:
            with suppress(TimeoutError):
                async with asyncio.timeout(for_ms / 1_000):
                    await self._has_news.wait()

    async def listen(self, redis_url: str) -> None:
        """Count the news until cancelled; a connection that breaks is made anew."""
        async with open_async_redis(redis_url, answer_seconds=None) as client:
            while True:
                with suppress(RedisError, OSError):
                    async with client.pubsub(ignore_subscribe_messages=True) as channel:
                        await channel.subscribe(self._queue.news_channel)
                        async for _ in channel.listen():
                            self._tell()
                await asyncio.sleep(RECONNECT_SECONDS)

    def _tell(self) -> None:
        self._news += 1
        # Wakes those that wait now; whoever comes later compares the count.
        self._has_news.set()
        self._has_news.clear()

    async def _take(self, call: ScriptCall[Answer]) -> Answer:
        answer: Answer = await self._gathering.join(call)
        return answer

    async def _ask(self, calls: Sequence[ScriptCall[Any]]) -> list[Any]:
        """Run scripts in one trip, in their order; they are no transaction."""
        replies = await self._send(calls, are_taught=True)
        # A server that was started anew knows no script; these did not run.
        unknown = [at for at, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:
            again = await self._send([calls[at] for at in unknown], are_taught=False)
            for at, reply in zip(unknown, again, strict=True):
                replies[at] = reply
        return [self._answer(call, reply) for call, reply in zip(calls, replies, strict=True)]

    async def _send(self, calls: Sequence[ScriptCall[Any]], *, are_taught: bool) -> list[Any]:
        commands = [self._queue.scripts.command(call, is_taught=are_taught) for call in calls]
        with redis_errors(self._client, keys=self._queue.scripts.all_keys):
            return await self._wire.trip(commands)

    def _answer(self, call: ScriptCall[Any], reply: Any) -> Any:
        try:
            return self._queue.scripts.answer(call, reply)
        except RebalancerError as error:
            return error


@asynccontextmanager
async def open_line(queue: RedisOrderQueue, redis_url: str) -> AsyncIterator[RedisLine]:
    """A line that listens for as long as the block lasts."""
    async with open_async_redis(redis_url) as client, open_wire(client) as wire:
        line = RedisLine(queue, client, wire)
        listening = asyncio.create_task(line.listen(redis_url))
        try:
            yield line
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
