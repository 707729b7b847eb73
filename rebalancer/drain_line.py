"""The port through which a drain session takes many orders through the queue at once."""

from abc import ABC, abstractmethod

from rebalancer.gate import GateOpen
from rebalancer.queue import Claim, Denied, InDoubt, NotNow, QueueEmpty, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt


class DrainLine(ABC):
    """The steps that every order takes through the queue, as a drain session asks for them.

    What many orders ask at one time may share one trip to the server; each step is atomic by itself
    and means what the method of that name means on OrderQueue.
    """

    @abstractmethod
    async def claim(
        self, tenure: Tenure, *, now_ms: int, lease_ms: int
    ) -> Claim | InDoubt | QueueEmpty:
        """Lease the most urgent order; see OrderQueue."""

    @abstractmethod
    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        """Mark the order sent and hand out its only permit; see OrderQueue."""

    @abstractmethod
    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        """Remove an order that is on the books; see OrderQueue."""
