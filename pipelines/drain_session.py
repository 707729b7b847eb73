"""One drain session: takes orders from the queue to the books for as long as orders keep coming.

Belongs here: how long a session lives, when it leaves and how it hands over. The orders that are
under way side by side are `order_flow`; this file never touches one.

A session holds a slot of the queue under an epoch. It renews it every second; once it has lost it
(a stalled process, a second daemon) every permit is refused, so it can only stop.
"""

import asyncio
import gc
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pipelines.order_flow import OrderFlow, now
from pipelines.session_report import SessionReport
from pipelines.venue_watch import WATCH_MS, VenueWatch
from rebalancer.desk import Desk
from rebalancer.errors import LeaseLost
from rebalancer.queue import Tenure
from rebalancer.recovery import recover_queue
from rebalancer.settlement import Settlement

RENEW_MS = 1_000
TENURE_TTL_MS = 3_000
PROBE_MS = 1_000
POLL_MS = 25
assert TENURE_TTL_MS >= 3 * RENEW_MS
"""One lost renewal must not cost the session its slot."""


@dataclass(frozen=True, slots=True)
class SessionPolicy:
    """How one session behaves."""

    slot: int
    owner: str
    budget_ms: int
    idle_ms: int
    handover_ms: int
    """How long to wait for the session before this one to leave the slot."""
    concurrency: int

    def __post_init__(self) -> None:
        assert self.budget_ms > 0, self
        assert self.idle_ms > 0, self
        assert self.handover_ms >= 0, self
        assert self.concurrency > 0, self


class DrainSession:
    """Runs once. `stop` asks it to finish what is under way and leave."""

    def __init__(
        self,
        desk: Desk,
        policy: SessionPolicy,
        *,
        watch: VenueWatch,
        on_settled: Callable[[Settlement], None],
    ) -> None:
        self._desk = desk
        self._watch = watch
        self._policy = policy
        self._on_settled = on_settled
        self._leaving = asyncio.Event()
        self._errors: list[BaseException] = []
        self.report = SessionReport()

    def stop(self, reason: str) -> None:
        if not self._leaving.is_set():
            self.report.left_because = reason
            self._leaving.set()

    async def run(self) -> SessionReport:
        """Bring queue and books together, then drain until idle, out of time, or told to stop.

        Raises:
            StoreUnavailable: Redis or PostgreSQL is gone, or Redis has lost the queue; nothing more
                was sent. Run again.
            BadConfig: an order waits for a venue or portfolio that the settings do not name.
            BadData: an order, or its trades, cannot be read. This and the one above are raised at
                the end: one such order must not keep the others from their venue.
        """
        tenure = await self._take_slot()
        if tenure is None:
            self.stop("another session holds the slot")
            return self.report
        self.report.epoch = tenure.epoch
        # From the first moment on: recovery and a slow venue may take longer than the slot lasts.
        renewing = asyncio.create_task(self._every(RENEW_MS, lambda: self._renew(tenure)))
        try:
            await self._recover()
            await asyncio.gather(self._probe_all(), self._watch.look())
            with _collecting_only_what_is_new():
                await self._run_until_leaving(tenure, renewing)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            self._desk.queue.close_tenure(tenure)
        return self.report

    async def _take_slot(self) -> Tenure | None:
        policy, queue = self._policy, self._desk.queue
        deadline = now() + policy.handover_ms / 1_000
        while True:
            tenure = queue.open_tenure(policy.slot, owner=policy.owner, ttl_ms=TENURE_TTL_MS)
            if tenure is not None or now() >= deadline or self._leaving.is_set():
                return tenure
            await asyncio.sleep(POLL_MS / 1_000)

    async def _recover(self) -> None:
        desk = self._desk
        self.report.recovered = await recover_queue(
            desk.queue, desk.controls, desk.ledger, desk.alarm, now_ms=desk.clock.now_ms()
        )

    async def _run_until_leaving(self, tenure: Tenure, renewing: asyncio.Task[None]) -> None:
        flow = OrderFlow(
            self._desk,
            self.report,
            most=self._policy.concurrency,
            on_settled=self._on_settled,
            on_ended=self._fail_with,
        )
        taking = asyncio.create_task(flow.take(tenure, self._leaving))
        background = [
            renewing,
            asyncio.create_task(self._every(PROBE_MS, self._probe_all)),
            asyncio.create_task(self._every(WATCH_MS, self._watch.look)),
            asyncio.create_task(self._watch_the_clock(flow)),
        ]
        for task in (taking, *background):
            task.add_done_callback(self._fail_with)
        try:
            # The taking ends when the session is leaving; one error of anything ends all.
            await asyncio.wait([taking, *background], return_when=asyncio.FIRST_COMPLETED)
            self.stop("finished")
            # Orders under way are seen through, and the slot is renewed until they are done.
            await asyncio.wait([taking])
            await flow.see_through()
        finally:
            for task in (taking, *background):
                task.cancel()
            await asyncio.gather(taking, *background, return_exceptions=True)
        if error := next(iter(self._errors), flow.unreadable):
            raise error

    def _fail_with(self, task: asyncio.Task[None]) -> None:
        """The first error of anything ends the session, and is what it ends with."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)
            self.stop(f"error: {error}")

    async def _renew(self, tenure: Tenure) -> None:
        try:
            self._desk.queue.renew_tenure(tenure, ttl_ms=TENURE_TTL_MS)
        except LeaseLost:
            self.stop("another session took the slot")

    async def _probe_all(self) -> None:
        await asyncio.gather(*(venue.probe() for venue in self._desk.venues.values()))

    async def _watch_the_clock(self, flow: OrderFlow) -> None:
        policy, begun = self._policy, now()
        while not self._leaving.is_set():
            await asyncio.sleep(POLL_MS / 1_000)
            if now() - begun >= policy.budget_ms / 1_000:
                self.stop("its time is up")
            elif now() - flow.active_at >= policy.idle_ms / 1_000 and self._is_empty():
                self.stop("idle")

    def _is_empty(self) -> bool:
        return self._desk.queue.depth().is_empty

    async def _every(self, period_ms: int, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(period_ms / 1_000)
            await act()


@contextmanager
def _collecting_only_what_is_new() -> Iterator[None]:
    """Leave out of garbage collections what was there before: mostly imported code.

    Walking through that stops every order for long, and finds nothing.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
