"""DrainLine that asks a queue one step after the other."""

import asyncio

from rebalancer.drain_line import DrainLine
from rebalancer.errors import BadData
from rebalancer.gate import GateOpen
from rebalancer.ports import OrderQueue
from rebalancer.queue import (
    Claim,
    Claimed,
    Denied,
    InDoubt,
    NotNow,
    QueueEmpty,
    SendPermit,
    Tenure,
)
from rebalancer.settlement import LedgerReceipt

LOOK_MS = 10


class OneByOne(DrainLine):
    """The steps of `queue`, each by itself."""

    def __init__(self, queue: OrderQueue) -> None:
        self._queue = queue

    async def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int, most: int) -> Claimed:
        # A trip takes its time, in which others go on.
        await asyncio.sleep(0)
        found: list[Claim | InDoubt | BadData] = []
        while len(found) < most:
            try:
                claim = self._queue.claim(tenure, now_ms=now_ms, lease_ms=lease_ms)
            except BadData as error:
                found.append(error)
                continue
            if isinstance(claim, QueueEmpty):
                return Claimed(tuple(found), claim)
            found.append(claim)
        return Claimed(tuple(found), None)

    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        return self._queue.permit(gate)

    async def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        self._queue.release(claim, retry_at_ms=retry_at_ms)

    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        return self._queue.acknowledge(receipt)

    @property
    def news(self) -> int:
        return 0

    async def await_news(self, *, since: int, for_ms: int) -> None:
        """It hears nothing, and looks often."""
        del since
        await asyncio.sleep(min(for_ms, LOOK_MS) / 1_000)
