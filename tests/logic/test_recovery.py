"""The start path over fakes: what a crash or a lost Redis left is looked up, never resent."""

from dataclasses import dataclass, field, replace

import pytest

from rebalancer.controls import (
    EVERYTHING,
    HaltKind,
    MaintenanceWindow,
    Scope,
    ScopeKind,
    TradingHalt,
)
from rebalancer.cycle import queue_plan
from rebalancer.errors import QueueLost
from rebalancer.ledger import BookedOrder
from rebalancer.order_states import FINAL_STATES, OrderState
from rebalancer.orders import ClientOrderId
from rebalancer.plan import Plan
from rebalancer.queue import Recovery, Stage
from rebalancer.recovery import PLANNED_GRACE_MS, Recovered, recover_queue
from tests.factories import NOW_MS, PORTFOLIO, VENUE, enqueue, make_order
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.logic.session import drain, make_desk, open_tenure
from tests.logic.small_exchange import SmallExchange

ORDER = make_order("BTC")
BEFORE = ClientOrderId("the order before it")
HALT = TradingHalt(
    Scope(ScopeKind.PORTFOLIO, PORTFOLIO), HaltKind.BY_HAND, "a test", "tester", NOW_MS - 5
)
WINDOW = MaintenanceWindow("w1", VENUE, NOW_MS, 60_000, None, None, "a test")


@dataclass
class Start:
    """One start of a process over what is there."""

    ledger: FakeLedger
    queue_is_lost: bool = True
    clock: FakeClock = field(default_factory=FakeClock)
    alarm: RecordingAlarm = field(default_factory=RecordingAlarm)

    def __post_init__(self) -> None:
        self.controls = FakeControls(self.clock)
        self.queue = FakeQueue(self.clock, controls=self.controls, is_lost=self.queue_is_lost)

    async def recover(self) -> Recovered:
        now_ms = self.clock.now_ms()
        return await recover_queue(
            self.queue, self.controls, self.ledger, self.alarm, now_ms=now_ms
        )


def booked(
    state: OrderState,
    *,
    age_ms: int = 2 * PLANNED_GRACE_MS,
    follows: ClientOrderId | None = None,
) -> FakeLedger:
    return FakeLedger(orders=[BookedOrder(ORDER, state, NOW_MS - age_ms, follows)])


@pytest.mark.parametrize(
    "state", [OrderState.QUEUED, OrderState.IN_DOUBT, OrderState.OPEN], ids=str
)
@pytest.mark.parametrize("is_lost", [True, False])
async def test_an_order_the_queue_does_not_know_comes_back_in_doubt(
    state: OrderState, is_lost: bool
) -> None:
    start = Start(booked(state), queue_is_lost=is_lost)
    assert (await start.recover()).orders == 1
    assert start.queue.stages([ORDER.client_order_id]) == {ORDER.client_order_id: Stage.SENT}


async def test_an_order_that_comes_back_is_looked_up_and_never_sent() -> None:
    start, venue = Start(booked(OrderState.QUEUED)), SmallExchange()
    await start.recover()
    desk = make_desk(venue, start.queue, start.ledger, start.clock, controls=start.controls)
    await drain(desk, open_tenure(start.queue), start.clock)
    assert venue.sends == ()
    assert start.ledger.entries[ORDER.client_order_id].state is OrderState.NOT_FOUND


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_plan_that_is_on_its_way_to_the_queue_is_left_alone(is_lost: bool) -> None:
    start = Start(booked(OrderState.PLANNED, age_ms=PLANNED_GRACE_MS - 1), queue_is_lost=is_lost)
    assert (await start.recover()).orders == 0
    assert start.ledger.entries[ORDER.client_order_id].state is OrderState.PLANNED
    assert enqueue(start.queue, [ORDER]) == 1


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_plan_left_behind_before_the_queue_expires_without_a_look_up(
    is_lost: bool,
) -> None:
    start = Start(booked(OrderState.PLANNED), queue_is_lost=is_lost)
    assert (await start.recover()).orders == 0
    assert start.ledger.entries[ORDER.client_order_id].state is OrderState.EXPIRED
    assert not start.queue.stages([ORDER.client_order_id])


@pytest.mark.parametrize("is_lost", [True, False])
async def test_a_successor_that_the_queue_does_not_know_comes_back_in_doubt(is_lost: bool) -> None:
    start = Start(booked(OrderState.PLANNED, follows=BEFORE), queue_is_lost=is_lost)
    assert (await start.recover()).orders == 1
    assert start.queue.stages([ORDER.client_order_id]) == {ORDER.client_order_id: Stage.SENT}


async def test_a_successor_is_left_alone_while_the_order_before_it_will_bring_it() -> None:
    start = Start(booked(OrderState.PLANNED, follows=BEFORE), queue_is_lost=False)
    start.queue.recover(Recovery((replace(ORDER, client_order_id=BEFORE),), {}))
    assert (await start.recover()).orders == 0
    assert not start.queue.stages([ORDER.client_order_id])


async def test_a_lost_queue_takes_nothing_until_it_is_recovered() -> None:
    start = Start(FakeLedger())
    with pytest.raises(QueueLost):
        enqueue(start.queue, [ORDER])
    assert (await start.recover()).was_lost
    assert enqueue(start.queue, [ORDER]) == 1


async def test_recovering_twice_changes_nothing() -> None:
    start = Start(booked(OrderState.IN_DOUBT))
    await start.recover()
    assert await start.recover() == Recovered(was_lost=False, orders=0, halts=())


async def test_halts_and_windows_are_in_force_again_and_somebody_is_told() -> None:
    start = Start(FakeLedger(halts=[HALT], windows=[WINDOW]))
    assert (await start.recover()).halts == (HALT,)
    assert start.controls.halts() == (HALT,)
    assert start.controls.windows() == (WINDOW,)
    assert len(start.alarm.alerts) == 1
    await start.recover()
    assert len(start.alarm.alerts) == 1


async def test_what_a_portfolio_traded_today_is_counted_again() -> None:
    start = Start(FakeLedger(), queue_is_lost=False)
    await queue_plan(Plan((ORDER,), ()), start.queue, start.ledger, by_hand=False, now_ms=NOW_MS)
    desk = make_desk(SmallExchange(), start.queue, start.ledger, start.clock)
    await drain(desk, open_tenure(start.queue), start.clock)
    traded = start.queue.turnover_quote(PORTFOLIO)
    assert traded > 0
    again = Start(start.ledger)
    await again.recover()
    assert again.queue.turnover_quote(PORTFOLIO) == traded


async def test_an_order_nobody_approved_in_time_expires_and_is_never_queued() -> None:
    stale = replace(ORDER, expires_at_ms=NOW_MS)
    waiting = BookedOrder(stale, OrderState.AWAITING_APPROVAL, NOW_MS - 5, follows=None)
    start = Start(FakeLedger(orders=[waiting]))
    assert (await start.recover()).orders == 0
    assert start.ledger.entries[stale.client_order_id].state is OrderState.EXPIRED
    assert not start.queue.stages([stale.client_order_id])


async def test_an_order_that_waits_for_approval_is_not_queued_by_a_start() -> None:
    start = Start(booked(OrderState.AWAITING_APPROVAL))
    assert (await start.recover()).orders == 0
    assert start.ledger.entries[ORDER.client_order_id].state not in FINAL_STATES


async def test_a_halt_of_everything_ends_what_waits_and_sends_nothing() -> None:
    clock, ledger, venue = FakeClock(), FakeLedger(), SmallExchange()
    halt = TradingHalt(EVERYTHING, HaltKind.BY_HAND, "stop", "tester", NOW_MS)
    controls = FakeControls(clock, halts=[halt])
    queue = FakeQueue(clock, controls=controls, orders=[ORDER])
    desk = make_desk(venue, queue, ledger, clock, controls=controls)
    await drain(desk, open_tenure(queue), clock)
    assert venue.sends == ()
    entry = ledger.entries[ORDER.client_order_id]
    assert entry.state is OrderState.EXPIRED
    assert "everything" in (entry.reason or "")


class LiftedMeanwhile(FakeLedger):
    """Books on which a person ends everything just after they were read for the first time."""

    async def read_halts(self) -> tuple[TradingHalt, ...]:
        told = await super().read_halts()
        for halt in told:
            await self.lift_halt(halt.scope, halt.kind, actor="tester", now_ms=NOW_MS)
        return told

    async def read_windows(self) -> tuple[MaintenanceWindow, ...]:
        told = await super().read_windows()
        for window in told:
            await self.remove_window(window.window_id, actor="tester", now_ms=NOW_MS)
        return told


async def test_what_a_person_lifts_during_a_recovery_does_not_come_back() -> None:
    start = Start(LiftedMeanwhile(halts=[HALT], windows=[WINDOW]))
    assert (await start.recover()).halts == ()
    assert (start.controls.halts(), start.controls.windows()) == ((), ())
    assert await start.ledger.read_halts() == ()
    assert start.alarm.alerts == ()
