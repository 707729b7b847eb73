"""A crash at every call to a port, before and after it: no order doubled, the books end true."""

from typing import cast

import pytest

from rebalancer.cycle import queue_plan
from rebalancer.ledger import Ledger
from rebalancer.order_states import FINAL_STATES, OrderState
from rebalancer.orders import Order
from rebalancer.plan import Plan
from rebalancer.ports import OrderQueue, Venue
from rebalancer.recovery import recover_queue
from tests.factories import make_order
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.logic.session import LEASE_MS, drain, make_desk, open_tenure
from tests.logic.small_exchange import SmallExchange, Word
from tests.logic.tripwire import Crash, Fuse, Tripwire, When

ORDERS = (make_order("ETH", "sell"), make_order("BTC", "buy"))
CALLS_MAX = 60


async def _run(venue: SmallExchange, fuse: Fuse) -> tuple[FakeQueue, FakeLedger]:
    """Plan and drain until the fuse burns, then do both again, as the next process would."""
    clock, ledger = FakeClock(), FakeLedger()
    queue = FakeQueue(clock)

    async def process(
        venue: Venue, queue: OrderQueue, ledger: Ledger, orders: tuple[Order, ...], owner: str
    ) -> None:
        controls, alarm = FakeControls(clock), RecordingAlarm()
        await recover_queue(queue, controls, ledger, alarm, now_ms=clock.now_ms())
        await queue_plan(Plan(orders, ()), queue, ledger, by_hand=False, now_ms=clock.now_ms())
        desk = make_desk(venue, queue, ledger, clock)
        await drain(desk, open_tenure(queue, owner=owner), clock)

    wired = (Tripwire(venue, fuse), Tripwire(queue, fuse), Tripwire(ledger, fuse))
    try:
        await process(
            cast(Venue, wired[0]), cast(OrderQueue, wired[1]), cast(Ledger, wired[2]), ORDERS, "one"
        )
    except Crash:
        clock.advance(10 * LEASE_MS)
        await process(venue, queue, ledger, ORDERS, "two")
    return queue, ledger


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "words",
    [[], ["silent", "silent"], ["half", "half"], ["lost"], ["refuses"], ["unreachable"], ["open"]],
    ids=lambda words: "-".join(words) or "fills",
)
async def test_no_crash_doubles_an_order_or_loses_a_fill(words: list[Word], when: When) -> None:
    for at in range(1, CALLS_MAX):
        venue, fuse = SmallExchange(words), Fuse(at, when)
        queue, ledger = await _run(venue, fuse)
        where = f"{when} call {at}, {fuse.burnt_at}"
        sent = [order.client_order_id for order in venue.sends]
        assert len(set(sent)) == len(sent), where
        assert queue.depth().waiting == queue.depth().in_doubt == 0, where
        assert {order.client_order_id for order in ORDERS} <= set(ledger.entries), where
        for name, entry in ledger.entries.items():
            assert entry.state in FINAL_STATES, where
            assert entry.filled_base == venue.filled_base(name), where
            assert (entry.state == OrderState.NOT_FOUND) <= (name not in venue.taken), where
        assert await ledger.read_halts() == (), where
        if fuse.burnt_at is None:
            return
    raise AssertionError(f"the walk makes {CALLS_MAX} calls or more")
