"""DrainLine on Redis: the steps of many orders in one trip.

Redis answers a write when it is on its disk. Ten orders that each waited for a disk would wait
ten times; in one trip they wait once.
"""

from typing import Any

from rebalancer.drain_line import DrainLine
from rebalancer.gate import GateOpen
from rebalancer.queue import Claim, Denied, InDoubt, NotNow, QueueEmpty, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt
from resources.gathering import Gathering
from resources.redis_queue import RedisOrderQueue
from resources.redis_scripts import Answer, ScriptCall

TRIP_MAX = 64
"""Steps of one trip: other programs' commands wait no longer than for these."""


class RedisLine(DrainLine):
    """The steps of one queue, gathered. Use in any event loop."""

    def __init__(self, queue: RedisOrderQueue) -> None:
        self._queue = queue
        self._gathering: Gathering[ScriptCall[Any], Any] = Gathering(
            queue.ask_together, most=TRIP_MAX
        )

    async def claim(
        self, tenure: Tenure, *, now_ms: int, lease_ms: int
    ) -> Claim | InDoubt | QueueEmpty:
        call = self._queue.claiming(tenure, now_ms=now_ms, lease_ms=lease_ms)
        return await self._take(call)

    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        return await self._take(self._queue.permitting(gate))

    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        return await self._take(self._queue.acknowledging(receipt))

    async def _take(self, call: ScriptCall[Answer]) -> Answer:
        answer: Answer = await self._gathering.join(call)
        return answer
