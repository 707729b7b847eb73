"""Recovery is the start path: every start does what a start after a crash must.

First Redis and PostgreSQL are brought together, then the account is compared with the books.
Nothing here sends an order or cancels one.
"""

from collections.abc import Collection
from dataclasses import dataclass

from rebalancer.controls import TradingHalt
from rebalancer.halting import restore_halts
from rebalancer.ledger import BookedOrder, Ledger
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId
from rebalancer.ports import Alarm, OrderQueue, TradingControls
from rebalancer.queue import Recovery

DAY_MS = 86_400_000
PLANNED_GRACE_MS = 60_000
"""How long a planned order may take to reach the queue before it counts as left behind."""
NEVER_QUEUED = "whoever planned it ended before it was queued; it was never sent"


@dataclass(frozen=True, slots=True)
class Recovered:
    """What a start found to bring together."""

    was_lost: bool
    orders: int
    """Orders put back into the queue, all in doubt."""
    halts: tuple[TradingHalt, ...]
    """Halts that the books kept and the queue had forgotten."""


async def recover_queue(
    queue: OrderQueue,
    controls: TradingControls,
    ledger: Ledger,
    alarm: Alarm,
    *,
    now_ms: int,
) -> Recovered:
    """Bring the queue to what the books say. Safe at any time, from any number of processes.

    An order without an end that the queue does not know may have been sent, unless the books prove
    that it never was in a queue: the note of a permit can be lost, the note of queueing cannot. It
    comes back in doubt, is looked up, and ends by the venue's evidence; it is never sent again.
    """
    was_lost = queue.is_lost()
    forgotten = await _restore_controls(controls, ledger, alarm)
    unsettled = await ledger.read_unsettled()
    held = _held(unsettled, queue)
    reached = []
    for booked in unsettled:
        if booked.order.client_order_id in held:
            continue
        if booked.was_never_queued:
            await _end_when_old(booked, ledger, now_ms=now_ms)
        else:
            reached.append(booked)
    maybe_sent = tuple(
        booked.order
        for booked in reached
        if was_lost or not _is_on_its_way(booked, held, now_ms=now_ms)
    )
    count = 0
    if was_lost or maybe_sent:
        traded = await ledger.read_turnover(since_ms=now_ms - now_ms % DAY_MS)
        count = queue.recover(Recovery(maybe_sent, traded))
    return Recovered(was_lost, count, forgotten)


def _held(unsettled: Collection[BookedOrder], queue: OrderQueue) -> Collection[ClientOrderId]:
    """The orders that the queue holds, of these and of those they follow."""
    names = {booked.order.client_order_id for booked in unsettled}
    return queue.stages(names | {booked.follows for booked in unsettled if booked.follows})


async def _end_when_old(booked: BookedOrder, ledger: Ledger, *, now_ms: int) -> None:
    """End an order that never was in a queue once nobody will bring it there any more.

    Whoever still meant to finds that it has moved, and leaves it alone.
    """
    order = booked.order
    if booked.state is OrderState.AWAITING_APPROVAL:
        is_old, why = now_ms >= order.expires_at_ms, "nobody approved it"
    else:
        is_old, why = now_ms - booked.recorded_at_ms >= PLANNED_GRACE_MS, NEVER_QUEUED
    if is_old:
        await ledger.move(
            [order], before=booked.state, after=OrderState.EXPIRED, detail=why, now_ms=now_ms
        )


def _is_on_its_way(booked: BookedOrder, held: Collection[ClientOrderId], *, now_ms: int) -> bool:
    """Whether a successor may yet come into the queue, with the receipt of the order before it."""
    return booked.state is OrderState.PLANNED and (
        booked.follows in held or now_ms - booked.recorded_at_ms < PLANNED_GRACE_MS
    )


async def _restore_controls(
    controls: TradingControls, ledger: Ledger, alarm: Alarm
) -> tuple[TradingHalt, ...]:
    """Put halts and windows of the books back in force, before anything may be permitted."""
    restored = await restore_halts(controls=controls, ledger=ledger, alarm=alarm)
    kept = {window.window_id for window in controls.windows()}
    added = [window for window in await ledger.read_windows() if window.window_id not in kept]
    for window in added:
        controls.add_window(window)
    # One that a person removed between our reading and our writing must not come back.
    booked = {window.window_id for window in await ledger.read_windows()} if added else set()
    for window in added:
        if window.window_id not in booked:
            controls.remove_window(window.window_id)
    return restored
