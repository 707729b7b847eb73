"""DrainLine that asks a queue one step after the other."""

from rebalancer.drain_line import DrainLine
from rebalancer.gate import GateOpen
from rebalancer.ports import OrderQueue
from rebalancer.queue import Claim, Denied, InDoubt, NotNow, QueueEmpty, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt


class OneByOne(DrainLine):
    """The steps of `queue`, each by itself."""

    def __init__(self, queue: OrderQueue) -> None:
        self._queue = queue

    async def claim(
        self, tenure: Tenure, *, now_ms: int, lease_ms: int
    ) -> Claim | InDoubt | QueueEmpty:
        return self._queue.claim(tenure, now_ms=now_ms, lease_ms=lease_ms)

    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        return self._queue.permit(gate)

    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        return self._queue.acknowledge(receipt)
