"""The port through which a drain session takes many orders through the queue at once."""

from abc import ABC, abstractmethod

from rebalancer.gate import GateOpen
from rebalancer.queue import Claim, Claimed, Denied, InDoubt, NotNow, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt


class DrainLine(ABC):
    """The steps that every order takes through the queue, as a drain session asks for them.

    What many orders ask at one time may share one trip to the server; each step is atomic by itself
    and means what the method of that name means on OrderQueue.
    """

    @abstractmethod
    async def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int, most: int) -> Claimed:
        """Lease the most urgent orders, in one step; see OrderQueue.

        An order that cannot be read is leased all the same, so that it holds nobody up.
        """

    @abstractmethod
    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        """Mark the order sent and hand out its only permit; see OrderQueue."""

    @abstractmethod
    async def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        """Give a claim back; see OrderQueue."""

    @abstractmethod
    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        """Remove an order that is on the books; see OrderQueue."""

    @property
    @abstractmethod
    def news(self) -> int:
        """How often it was heard that orders came. Read it before a claim that may find nothing."""

    @abstractmethod
    async def await_news(self, *, since: int, for_ms: int) -> None:
        """Return when `news` has grown beyond `since`, or after `for_ms`: news may get lost."""
