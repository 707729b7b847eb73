"""When one order passed each stage of a drain session: ports that note the time and change nothing.

All times are CLOCK_MONOTONIC in ns, which every process of a machine shares; beside the last of
them stands the processor time of this process.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, cast

from bench.order_times import ANSWERED, CLAIMED, CPU, ENDED, GATED, PERMITTED
from rebalancer.desk import Desk
from rebalancer.drain_line import DrainLine
from rebalancer.gate import GateOpen
from rebalancer.orders import VenueName
from rebalancer.ports import Venue
from rebalancer.queue import Claim, Claimed, Denied, NotNow, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt, Submission

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


class _TimedLine(_Timed):
    async def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int, most: int) -> Claimed:
        claimed: Claimed = await self._port.claim(
            tenure, now_ms=now_ms, lease_ms=lease_ms, most=most
        )
        for found in claimed.found:
            if isinstance(found, Claim):
                self._mark(found.order.client_order_id, CLAIMED)
        return claimed

    async def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        self._mark(gate.claim.order.client_order_id, GATED)
        permit: SendPermit | NotNow | Denied = await self._port.permit(gate)
        if isinstance(permit, SendPermit):
            self._mark(permit.order.client_order_id, PERMITTED)
        return permit

    async def acknowledge(self, receipt: LedgerReceipt) -> bool:
        turned_away: bool = await self._port.acknowledge(receipt)
        self._mark(receipt.client_order_id, ENDED)
        self._marks[receipt.client_order_id].setdefault(CPU, time.process_time_ns())
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
        self._mark(permit.order.client_order_id, ANSWERED)
        return answer


def timed(desk: Desk, *, on_probed: Callable[[], None]) -> tuple[Desk, Marks]:
    """The same desk, and where it notes what was when; `on_probed` is called once a venue."""
    marks: Marks = defaultdict(dict)
    venues = {name: _TimedVenue(venue, marks, on_probed) for name, venue in desk.venues.items()}
    timed_desk = replace(
        desk,
        line=cast(DrainLine, _TimedLine(desk.line, marks)),
        venues=cast(Mapping[VenueName, Venue], venues),
    )
    return timed_desk, marks
