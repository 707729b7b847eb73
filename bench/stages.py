"""When one order passed each stage of a drain session: ports that note the time and change nothing.

All times are CLOCK_MONOTONIC in ns, which every process of a machine shares.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from rebalancer.desk import Desk
from rebalancer.gate import GateOpen
from rebalancer.ledger import Ledger
from rebalancer.orders import VenueName
from rebalancer.ports import OrderQueue, Venue
from rebalancer.queue import Claim, Denied, InDoubt, NotNow, QueueEmpty, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt, Settlement, Submission

Marks = dict[str, dict[str, int]]
"""By client order id: stage → when it was passed."""


class _Timed:
    """Passes everything on to `port`; what a subclass defines is timed on the way."""

    def __init__(self, port: Any, marks: Marks) -> None:
        self._port = port
        self._marks = marks

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    def _mark(self, order_id: str, stage: str) -> None:
        self._marks[order_id].setdefault(stage, time.monotonic_ns())


class _TimedQueue(_Timed):
    def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int) -> Claim | InDoubt | QueueEmpty:
        asked_ns = time.monotonic_ns()
        claim: Claim | InDoubt | QueueEmpty = self._port.claim(
            tenure, now_ms=now_ms, lease_ms=lease_ms
        )
        if isinstance(claim, Claim):
            self._marks[claim.order.client_order_id].setdefault("claiming", asked_ns)
            self._mark(claim.order.client_order_id, "claimed")
        return claim

    def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        self._mark(gate.claim.order.client_order_id, "gated")
        permit: SendPermit | NotNow | Denied = self._port.permit(gate)
        if isinstance(permit, SendPermit):
            self._mark(permit.order.client_order_id, "permitted")
        return permit

    def acknowledge(self, receipt: LedgerReceipt) -> bool:
        turned_away: bool = self._port.acknowledge(receipt)
        self._mark(receipt.client_order_id, "acknowledged")
        return turned_away


class _TimedVenue(_Timed):
    def __init__(self, port: Any, marks: Marks, on_probed: Callable[[], None]) -> None:
        super().__init__(port, marks)
        self._on_probed: Callable[[], None] | None = on_probed

    async def probe(self) -> None:
        await self._port.probe()
        if self._on_probed is not None:
            self._on_probed()
            self._on_probed = None

    async def submit(self, permit: SendPermit) -> Submission:
        answer: Submission = await self._port.submit(permit)
        self._mark(permit.order.client_order_id, "answered")
        return answer


class _TimedLedger(_Timed):
    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        self._mark(settlement.order.client_order_id, "settled")
        receipt: LedgerReceipt = await self._port.record(settlement, now_ms=now_ms)
        self._mark(settlement.order.client_order_id, "recorded")
        return receipt


def timed(desk: Desk, *, on_probed: Callable[[], None]) -> tuple[Desk, Marks]:
    """The same desk, and where it notes what was when; `on_probed` is called once a venue."""
    marks: Marks = defaultdict(dict)
    venues = {name: _TimedVenue(venue, marks, on_probed) for name, venue in desk.venues.items()}
    timed_desk = replace(
        desk,
        queue=cast(OrderQueue, _TimedQueue(desk.queue, marks)),
        ledger=cast(Ledger, _TimedLedger(desk.ledger, marks)),
        venues=cast(Mapping[VenueName, Venue], venues),
    )
    return timed_desk, marks
