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
from rebalancer.ports import Alarm, OrderQueue, TradingControls
from rebalancer.queue import Recovery

DAY_MS = 86_400_000
PLANNED_GRACE_MS = 60_000
"""How long a planned order may take to reach the queue before it counts as left behind."""


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

    An order without an end that the queue does not know may have been sent, whatever its state
    says: the note of a state can be lost, the order itself cannot. It comes back in doubt, is
    looked up, and ends by the venue's evidence; it is never sent again.
    """
    was_lost = queue.is_lost()
    forgotten = await _restore_controls(controls, ledger, alarm)
    unsettled = await ledger.read_unsettled()
    for booked in unsettled:
        if booked.state is OrderState.AWAITING_APPROVAL and now_ms >= booked.order.expires_at_ms:
            await ledger.note(
                booked.order, OrderState.EXPIRED, detail="nobody approved it", now_ms=now_ms
            )
    missing = unsettled if was_lost else _left_behind(unsettled, queue, now_ms=now_ms)
    maybe_sent = tuple(b.order for b in missing if b.state is not OrderState.AWAITING_APPROVAL)
    count = 0
    if was_lost or maybe_sent:
        traded = await ledger.read_turnover(since_ms=now_ms - now_ms % DAY_MS)
        count = queue.recover(Recovery(maybe_sent, traded))
    return Recovered(was_lost, count, forgotten)


def _left_behind(
    unsettled: Collection[BookedOrder], queue: OrderQueue, *, now_ms: int
) -> tuple[BookedOrder, ...]:
    """Orders without an end that the queue does not hold: a crash came between books and queue."""
    held = queue.stages([booked.order.client_order_id for booked in unsettled])
    return tuple(
        booked
        for booked in unsettled
        if booked.order.client_order_id not in held
        and (
            booked.state is not OrderState.PLANNED
            or now_ms - booked.recorded_at_ms >= PLANNED_GRACE_MS
        )
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
