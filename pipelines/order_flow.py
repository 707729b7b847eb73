"""Orders out of the queue, side by side, each in a task of its own until it is on the books.

Belongs here: how many are under way at once, and how long an order that was put off holds its
place. What happens to one order is in `rebalancer.sending` and `booking`; how long a session lives
is the session's own matter.
"""

import asyncio
from asyncio import Event, Task
from collections.abc import Callable
from contextlib import suppress

from pipelines.session_report import SessionReport
from rebalancer.booking import book
from rebalancer.desk import Answered, Desk, Unsettled
from rebalancer.errors import BadConfig, BadData, LeaseLost, VenueDenied, VenueUnavailable
from rebalancer.gate import GateHeld
from rebalancer.halting import denial_of, impose_halt
from rebalancer.orders import VenueName
from rebalancer.queue import Claim, InDoubt, NotNow, NotNowReason, QueueEmpty, Tenure
from rebalancer.sending import advance, claim_next
from rebalancer.settlement import Settlement

POLL_MS = 25
WAIT_MS_MAX = 1_000
"""How long an order that must wait keeps its place at most."""
LOOK_MS = 100
LOOK_MS_MIN = 5
"""How often the queue is looked into without news of it, at least and at most."""
CLAIM_MAX = 16
"""How many are claimed in one step. Orders that set out together wait together at every stage; in
smaller companies some are with the venue while others are with the books."""
PUT_OFF_MAX = 100
"""How many orders whose venue's budget is spent are put off before the session waits for it: those
of other venues wait behind them. More would only keep Redis busy, for all of them come back."""


class OrderFlow:
    """The orders of one session that are under way, `most` of them at once.

    Every task of an order is told to `on_ended`, with the error that it failed with, if any.

    Attributes:
        active_at: When an order was last handled, in seconds of the event loop.
        unreadable: The last order that could not be read or placed, if any: to be raised when the
            session ends, for one such order must not keep the others from their venue.
    """

    def __init__(
        self,
        desk: Desk,
        report: SessionReport,
        *,
        most: int,
        on_settled: Callable[[Settlement], None],
        on_ended: Callable[[Task[None]], None],
    ) -> None:
        self._desk, self._report, self._most = desk, report, most
        self._on_settled, self._on_ended = on_settled, on_ended
        self._under_way: set[Task[None]] = set()
        # While a rate is spent nothing is claimed, and then one order at a time, twice as many each
        # time that one goes out: many at once would be claimed, refused and given back.
        self._rest_until = 0.0
        self._claim_max = CLAIM_MAX
        self._has_room = Event()
        self._put_off = 0
        self.active_at = now()
        self.unreadable: BadData | BadConfig | None = None

    async def take(self, tenure: Tenure, leaving: Event) -> None:
        """Take orders while there is room for them, until `leaving`."""
        while not leaving.is_set():
            room = self._most - len(self._under_way)
            if (rest := self._rest_until - now()) > 0:
                await _wait_for(leaving, rest)
            elif room > 0:
                await self._take(tenure, room)
            else:
                self._has_room.clear()
                await self._has_room.wait()

    async def see_through(self) -> None:
        """Wait until none is under way: their clients time out before their leases do."""
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _take(self, tenure: Tenure, room: int) -> None:
        news = self._desk.line.news
        try:
            claimed = await claim_next(self._desk, tenure, most=min(room, self._claim_max))
        except LeaseLost:
            # The slot is with another session now: the renewal will tell.
            await asyncio.sleep(POLL_MS / 1_000)
            return
        except BadData as error:
            self.unreadable = error
            await asyncio.sleep(POLL_MS / 1_000)
            return
        for found in claimed.found:
            if isinstance(found, BadData):
                self.unreadable = found
            else:
                self._begin(found)
        if claimed.empty is not None:
            await self._await_orders(claimed.empty, news)

    async def _await_orders(self, empty: QueueEmpty, news: int) -> None:
        now_ms, due_ms = self._desk.clock.now_ms(), empty.next_at_ms
        for_ms = LOOK_MS if due_ms is None else min(LOOK_MS, max(LOOK_MS_MIN, due_ms - now_ms))
        await self._desk.line.await_news(since=news, for_ms=for_ms)

    def _begin(self, claim: Claim | InDoubt) -> None:
        self.active_at = now()
        task = asyncio.create_task(self._handle(claim))
        self._under_way.add(task)
        task.add_done_callback(self._end)
        task.add_done_callback(self._on_ended)

    def _end(self, task: Task[None]) -> None:
        self._under_way.discard(task)
        self._has_room.set()

    async def _handle(self, claim: Claim | InDoubt) -> None:
        wait_ms = await self._step(claim)
        self.active_at = now()
        if wait_ms:
            await asyncio.sleep(min(wait_ms, WAIT_MS_MAX) / 1_000)

    async def _step(self, claim: Claim | InDoubt) -> int:
        """Handle one order. Returns how long its place stays taken after that, in ms."""
        try:
            match await advance(self._desk, claim):
                case NotNow() as wait:
                    return self._put_off_by(wait, claim)
                case GateHeld() as held:
                    self._report.held += 1
                    self._report.last_hold = held.detail
                    return 0
                case Answered() as answered:
                    self._put_off = 0
                    self._claim_max = min(CLAIM_MAX, 2 * self._claim_max)
                    return await self._book(answered)
        except LeaseLost:
            # The order is with another session now, or the whole slot is: the renewal will tell.
            return POLL_MS
        except (BadData, BadConfig) as error:
            # One order that cannot be read or placed: leased, so that it holds nobody up.
            self.unreadable = error
            return POLL_MS

    def _put_off_by(self, wait: NotNow, claim: Claim | InDoubt) -> int:
        """The order is put off itself. A spent rate is spent for all others of its venue too."""
        self._report.waits[wait.reason] += 1
        if wait.reason is not NotNowReason.RATE_SPENT:
            return 0
        if len(self._desk.venues) == 1 and isinstance(claim, Claim):
            # Not after a look-up: those have a share of the rate, and new orders the rest.
            self._rest_until = now() + min(wait.retry_after_ms, WAIT_MS_MAX) / 1_000
            self._claim_max = 1
            return 0
        self._put_off += 1
        if len(self._desk.venues) > 1 and self._put_off < PUT_OFF_MAX:
            return 0
        self._put_off = 0
        return wait.retry_after_ms

    async def _book(self, answered: Answered) -> int:
        order = answered.claim.order
        try:
            booked = await book(self._desk, answered)
        except (VenueUnavailable, VenueDenied, BadData) as error:
            # Reading back failed; the order stays in doubt and is looked up when its lease ends.
            self._report.add_unsettled(order, str(error))
            if isinstance(error, VenueDenied):
                await self._halt(order.venue, str(error))
                return 0
            if isinstance(error, VenueUnavailable):
                return error.retry_after_ms
            self.unreadable = error
            return 0
        if isinstance(booked, Unsettled):
            self._report.add_unsettled(order, booked.reason)
            return 0
        self._report.add(booked)
        self._on_settled(booked)
        return 0

    async def _halt(self, venue: VenueName, reason: str) -> None:
        """The venue rejects the key: nothing more goes there, and the other venues trade on."""
        desk = self._desk
        halt = denial_of(venue, reason, now_ms=desk.clock.now_ms())
        await impose_halt(halt, controls=desk.controls, ledger=desk.ledger, alarm=desk.alarm)


def now() -> float:
    """Seconds that never go backwards; for waiting only, never for judging an order."""
    return asyncio.get_running_loop().time()


async def _wait_for(event: Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
