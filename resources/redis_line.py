"""DrainLine on Redis: the steps of many orders in one trip.

Redis answers a write when it is on its disk. Ten orders that each waited for a disk would wait
ten times; in one trip they wait once.

A line also listens: the scripts that add orders say so on a channel, and whoever found nothing to
do looks again at once. A message may be lost with a connection, so everybody looks now and then.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from redis import RedisError

from rebalancer.drain_line import DrainLine
from rebalancer.gate import GateOpen
from rebalancer.queue import Claim, Denied, InDoubt, NotNow, QueueEmpty, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt
from resources.gathering import Gathering
from resources.redis_connection import open_async_redis
from resources.redis_queue import RedisOrderQueue
from resources.redis_scripts import Answer, ScriptCall

TRIP_MAX = 64
"""Steps of one trip: other programs' commands wait no longer than for these."""
RECONNECT_SECONDS = 0.5


class RedisLine(DrainLine):
    """The steps of one queue, gathered. Made by `open_line`; one event loop only."""

    def __init__(self, queue: RedisOrderQueue) -> None:
        self._queue = queue
        self._gathering: Gathering[ScriptCall[Any], Any] = Gathering(
            queue.ask_together, most=TRIP_MAX
        )
        self._news = 0
        self._has_news = asyncio.Event()

    async def claim(
        self, tenure: Tenure, *, now_ms: int, lease_ms: int
    ) -> Claim | InDoubt | QueueEmpty:
        call = self._queue.claiming(tenure, now_ms=now_ms, lease_ms=lease_ms)
        return await self._take(call)

    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        return await self._take(self._queue.permitting(gate))

    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        return await self._take(self._queue.acknowledging(receipt))

    @property
    def news(self) -> int:
        return self._news

    async def await_news(self, *, since: int, for_ms: int) -> None:
        if self._news == since:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._has_news.wait(), for_ms / 1_000)

    async def listen(self, redis_url: str) -> None:
        """Count the news until cancelled; a connection that breaks is made anew."""
        async with open_async_redis(redis_url) as client:
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


@asynccontextmanager
async def open_line(queue: RedisOrderQueue, redis_url: str) -> AsyncIterator[RedisLine]:
    """A line that listens for as long as the block lasts."""
    line = RedisLine(queue)
    listening = asyncio.create_task(line.listen(redis_url))
    try:
        yield line
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
