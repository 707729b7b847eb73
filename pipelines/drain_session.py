"""One drain session: takes orders from the queue to the books for as long as orders keep coming.

Belongs here: how long a session lives, how many orders are under way at once, when it leaves and
how it hands over. What happens to one order is `rebalancer.cycle`; this file never touches one.

A session holds a slot of the queue under an epoch. It renews it every second; once it has lost it
(a stalled process, a second daemon) every permit is refused, so it can only stop.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pipelines.venue_watch import WATCH_MS, VenueWatch
from rebalancer.booking import book
from rebalancer.desk import Answered, Desk, Unsettled
from rebalancer.errors import BadConfig, BadData, LeaseLost, VenueDenied, VenueUnavailable
from rebalancer.gate import GateHeld
from rebalancer.halting import denial_of, impose_halt
from rebalancer.money import ZERO, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import Order, VenueName
from rebalancer.queue import NotNow, NotNowReason, QueueEmpty, Tenure
from rebalancer.recovery import Recovered, recover_queue
from rebalancer.sending import send_next
from rebalancer.settlement import Settlement

RENEW_MS = 1_000
TENURE_TTL_MS = 3_000
PROBE_MS = 1_000
POLL_MS = 25
RECENT_MAX = 200
PUT_OFF_MAX = 100
"""How many orders whose venue's budget is spent are put off before the session waits for it: those
of other venues wait behind them. More would only keep Redis busy, for all of them come back."""
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


@dataclass(slots=True)
class SessionReport:
    """What one session did; `recent` holds its last settlements, not all of them."""

    epoch: int | None = None
    states: Counter[OrderState] = field(default_factory=Counter)
    asked_quote: Decimal = ZERO
    """Worth of what the orders that ended had asked for, at the mid they were planned at."""
    filled_quote: Decimal = ZERO
    """Worth of what they filled, at the same mid, so that the two compare."""
    recent: deque[Settlement] = field(default_factory=lambda: deque(maxlen=RECENT_MAX))
    unsettled: int = 0
    last_unsettled: str | None = None
    held: int = 0
    last_hold: str | None = None
    waits: Counter[NotNowReason] = field(default_factory=Counter)
    """Permits and look-ups that were put off, by reason."""
    recovered: Recovered | None = None
    left_because: str = "still running"


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
        self._active_at = 0.0
        self._put_off = 0
        self._unreadable: BadData | BadConfig | None = None
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
            await self._run_until_leaving(tenure, renewing)
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            self._desk.queue.close_tenure(tenure)
        if self._unreadable:
            raise self._unreadable
        return self.report

    async def _take_slot(self) -> Tenure | None:
        policy, queue = self._policy, self._desk.queue
        deadline = _now() + policy.handover_ms / 1_000
        while True:
            tenure = queue.open_tenure(policy.slot, owner=policy.owner, ttl_ms=TENURE_TTL_MS)
            if tenure is not None or _now() >= deadline or self._leaving.is_set():
                return tenure
            await asyncio.sleep(POLL_MS / 1_000)

    async def _recover(self) -> None:
        desk = self._desk
        self.report.recovered = await recover_queue(
            desk.queue, desk.controls, desk.ledger, desk.alarm, now_ms=desk.clock.now_ms()
        )

    async def _run_until_leaving(self, tenure: Tenure, renewing: asyncio.Task[None]) -> None:
        self._active_at = _now()
        background = [
            renewing,
            asyncio.create_task(self._every(PROBE_MS, self._probe_all)),
            asyncio.create_task(self._every(WATCH_MS, self._watch.look)),
            asyncio.create_task(self._watch_the_clock()),
        ]
        workers = [asyncio.create_task(self._work(tenure)) for _ in range(self._policy.concurrency)]
        try:
            # A worker ends when the session is leaving or by an error; one error ends them all.
            done, _ = await asyncio.wait(
                [*workers, *background], return_when=asyncio.FIRST_COMPLETED
            )
            errors = [error for task in done if (error := task.exception())]
            self.stop(f"error: {errors[0]}" if errors else "finished")
            # Orders under way are seen through: their clients time out before their leases do, and
            # the slot is renewed until they are done.
            ended = await asyncio.gather(*workers, return_exceptions=True)
            errors += [error for error in ended if isinstance(error, BaseException)]
            if errors:
                raise errors[0]
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)

    async def _work(self, tenure: Tenure) -> None:
        while not self._leaving.is_set():
            wait_ms = await self._step(tenure)
            if wait_ms:
                await asyncio.sleep(wait_ms / 1_000)

    async def _step(self, tenure: Tenure) -> int:
        """Handle at most one order. Returns how long to wait before the next, in ms."""
        try:
            step = await send_next(self._desk, tenure)
            if isinstance(step, QueueEmpty):
                return POLL_MS
            self._active_at = _now()
            match step:
                case NotNow():
                    return self._put_off_by(step)
                case GateHeld(detail=reason):
                    self.report.held += 1
                    self.report.last_hold = reason
                    return 0
                case Answered(claim=claim):
                    self._put_off = 0
                    return await self._book(step, claim.order)
        except LeaseLost:
            # The order is with another session now, or the whole slot is: the renewal will tell.
            return POLL_MS
        except (BadData, BadConfig) as error:
            # One order that cannot be read or placed: leased, so that it holds nobody up.
            self._unreadable = error
            return POLL_MS

    def _put_off_by(self, wait: NotNow) -> int:
        """The order is put off itself. A spent rate is spent for all others of its venue too."""
        self.report.waits[wait.reason] += 1
        if wait.reason is not NotNowReason.RATE_SPENT:
            return 0
        self._put_off += 1
        if len(self._desk.venues) > 1 and self._put_off < PUT_OFF_MAX:
            return 0
        self._put_off = 0
        return min(wait.retry_after_ms, PROBE_MS)

    async def _book(self, answered: Answered, order: Order) -> int:
        try:
            booked = await book(self._desk, answered)
        except (VenueUnavailable, VenueDenied, BadData) as error:
            # Reading back failed; the order stays in doubt and is looked up when its lease ends.
            self._note_unsettled(order, str(error))
            if isinstance(error, VenueDenied):
                await self._halt(order.venue, str(error))
                return 0
            if isinstance(error, VenueUnavailable):
                return min(error.retry_after_ms, PROBE_MS)
            self._unreadable = error
            return 0
        self._active_at = _now()
        if isinstance(booked, Unsettled):
            self._note_unsettled(order, booked.reason)
            return 0
        self._count(booked)
        self.report.recent.append(booked)
        self._on_settled(booked)
        return 0

    async def _halt(self, venue: VenueName, reason: str) -> None:
        """The venue rejects the key: nothing more goes there, and the other venues trade on."""
        desk = self._desk
        halt = denial_of(venue, reason, now_ms=desk.clock.now_ms())
        await impose_halt(halt, controls=desk.controls, ledger=desk.ledger, alarm=desk.alarm)

    def _count(self, booked: Settlement) -> None:
        report, mid = self.report, booked.order.arrival_mid_quote
        report.states[booked.state] += 1
        with exact():
            report.asked_quote += booked.order.amount_base * mid
            report.filled_quote += booked.filled_base * mid

    def _note_unsettled(self, order: Order, reason: str) -> None:
        self.report.unsettled += 1
        self.report.last_unsettled = f"{order.client_order_id[:8]} {order.symbol}: {reason}"

    async def _renew(self, tenure: Tenure) -> None:
        try:
            self._desk.queue.renew_tenure(tenure, ttl_ms=TENURE_TTL_MS)
        except LeaseLost:
            self.stop("another session took the slot")

    async def _probe_all(self) -> None:
        await asyncio.gather(*(venue.probe() for venue in self._desk.venues.values()))

    async def _watch_the_clock(self) -> None:
        deadline = _now() + self._policy.budget_ms / 1_000
        while not self._leaving.is_set():
            await asyncio.sleep(POLL_MS / 1_000)
            if _now() >= deadline:
                self.stop("its time is up")
            elif self._is_idle() and _now() - self._active_at >= self._policy.idle_ms / 1_000:
                self.stop("idle")

    def _is_idle(self) -> bool:
        depth = self._desk.queue.depth()
        return depth.waiting == 0 and depth.in_doubt == 0

    async def _every(self, period_ms: int, act: Callable[[], Coroutine[Any, Any, None]]) -> None:
        while True:
            await asyncio.sleep(period_ms / 1_000)
            await act()


def _now() -> float:
    """Seconds that never go backwards; for waiting only, never for judging an order."""
    return asyncio.get_running_loop().time()
