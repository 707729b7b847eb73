"""From the books into the queue: what was never in a queue ends unsent, and nothing else does."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import pytest

from rebalancer.ledger import BookedOrder
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import OrderQueue
from rebalancer.queue import Generation, Recovery, Stage
from rebalancer.queueing import LOST_MEANWHILE, RECOVERED_MEANWHILE, HandedOver, hand_on, hand_over
from rebalancer.recovery import PLANNED_GRACE_MS, recover_queue
from tests.contract.order_queue.steps import receipt_of
from tests.factories import NOW_MS, make_order
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.line import OneByOne
from tests.fakes.queue import FakeQueue
from tests.logic.tripwire import Crash, Fuse, Tripwire

ORDER, OTHER = make_order("BTC"), make_order("ETH")
BUSY = make_order("BTC", cycle_id="earlier")
WAITS = OrderState.AWAITING_APPROVAL
WAITED_MS = 2 * PLANNED_GRACE_MS


@dataclass
class Scene:
    """Two orders that wait for a person, and an empty queue."""

    before: OrderState = WAITS
    busy: Sequence[Order] = ()
    clock: FakeClock = field(default_factory=FakeClock)

    def __post_init__(self) -> None:
        self.ledger = FakeLedger(
            orders=[
                BookedOrder(order, self.before, NOW_MS - WAITED_MS, follows=None)
                for order in (ORDER, OTHER)
            ]
        )
        self.queue = FakeQueue(self.clock, orders=self.busy)

    async def approve(self, ledger: FakeLedger, queue: OrderQueue) -> HandedOver:
        return await hand_over(
            (ORDER, OTHER),
            queue,
            ledger,
            before=WAITS,
            generation=self.queue.generation(),
            detail="approved",
            now_ms=NOW_MS,
        )

    async def recover(self) -> int:
        controls, alarm = FakeControls(self.clock), RecordingAlarm()
        return (await recover_queue(self.queue, controls, self.ledger, alarm, now_ms=NOW_MS)).orders

    def state(self, order: Order) -> OrderState:
        return self.ledger.entries[order.client_order_id].state


class RecoveredInBetween(FakeQueue):
    """A queue that somebody fills from the books just before it is asked to take an order."""

    def enqueue(
        self, orders: Sequence[Order], *, generation: Generation
    ) -> frozenset[ClientOrderId]:
        self.recover(Recovery(tuple(orders), {}))
        return super().enqueue(orders, generation=generation)


async def test_orders_go_from_the_books_into_the_queue_and_the_books_say_so_first() -> None:
    scene = Scene()
    handed = await scene.approve(scene.ledger, scene.queue)
    assert handed.queued == {ORDER.client_order_id, OTHER.client_order_id}
    assert handed.unsent == {}
    assert scene.state(ORDER) is OrderState.QUEUED
    assert set(scene.queue.stages(list(handed.queued)).values()) == {Stage.WAITING}


async def test_an_order_whose_symbol_is_busy_ends_at_once_and_the_others_are_queued() -> None:
    scene = Scene(busy=[BUSY])
    handed = await scene.approve(scene.ledger, scene.queue)
    assert handed.queued == {OTHER.client_order_id}
    assert handed.unsent == {ORDER.client_order_id: "another order of BTC/USDC is under way"}
    assert scene.state(ORDER) is OrderState.EXPIRED
    assert await scene.recover() == 0


async def test_an_order_that_somebody_else_moved_is_neither_queued_nor_ended() -> None:
    scene = Scene()
    await scene.ledger.move(
        [ORDER], before=WAITS, after=OrderState.REJECTED, detail="no", now_ms=NOW_MS
    )
    handed = await scene.approve(scene.ledger, scene.queue)
    assert handed.queued == {OTHER.client_order_id}
    assert handed.unsent == {}
    assert scene.state(ORDER) is OrderState.REJECTED
    again = await scene.approve(scene.ledger, scene.queue)
    assert (again.queued, again.unsent) == (frozenset(), {})


async def test_an_order_that_a_recovery_put_in_doubt_first_ends_unsent_and_frees_its_symbol() -> (
    None
):
    scene = Scene()
    scene.queue = RecoveredInBetween(scene.clock)
    handed = await scene.approve(scene.ledger, scene.queue)
    assert handed.queued == frozenset()
    assert set(handed.unsent.values()) == {RECOVERED_MEANWHILE}
    assert scene.state(ORDER) is OrderState.EXPIRED
    assert scene.queue.depth().in_doubt == 0


async def test_orders_meant_for_a_queue_that_was_lost_meanwhile_end_unsent() -> None:
    scene = Scene()
    filled_again = FakeQueue(scene.clock)
    handed = await scene.approve(scene.ledger, filled_again)
    assert set(handed.unsent.values()) == {LOST_MEANWHILE}
    assert scene.state(ORDER) is OrderState.EXPIRED
    assert filled_again.depth().waiting == 0


async def test_a_crash_between_books_and_queue_leaves_the_order_in_doubt_never_ended_unsent() -> (
    None
):
    scene = Scene()
    dies = cast(OrderQueue, Tripwire(scene.queue, Fuse(1, "before")))
    with pytest.raises(Crash, match="before enqueue"):
        await scene.approve(scene.ledger, dies)
    assert scene.state(ORDER) is OrderState.QUEUED
    assert await scene.recover() == 2
    assert scene.queue.depth().in_doubt == 2


@pytest.mark.parametrize("before", [WAITS, OrderState.PLANNED])
async def test_an_order_that_is_not_queued_on_the_books_is_never_put_in_doubt(
    before: OrderState,
) -> None:
    scene = Scene(before=before)
    assert await scene.recover() == 0
    is_planned = before is OrderState.PLANNED
    assert scene.state(ORDER) is (OrderState.EXPIRED if is_planned else WAITS)


async def test_a_successor_whose_symbol_is_held_ends_at_once_as_never_sent() -> None:
    before, in_the_way = make_order(), make_order(cycle_id="c2")
    successor = make_order(attempt=1)
    scene = Scene()
    scene.queue = FakeQueue(scene.clock, is_lost=True)
    scene.queue.recover(Recovery((before, in_the_way), {}))
    await scene.ledger.record_planned([before, successor], now_ms=NOW_MS)
    line = OneByOne(scene.queue)
    await hand_on(receipt_of(before, successor), line, scene.ledger, now_ms=NOW_MS)
    assert scene.state(successor) is OrderState.EXPIRED
    assert scene.queue.live_orders(before.portfolio) == (in_the_way,)
