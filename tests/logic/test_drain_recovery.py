"""What a drain session does before its first order: queue and books are brought together."""

from rebalancer.controls import HaltKind, Scope, ScopeKind, TradingHalt
from rebalancer.ledger import BookedOrder
from rebalancer.order_states import OrderState
from tests.factories import NOW_MS, PORTFOLIO, make_order
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.logic.drain_scene import ORDERS, in_time, make_session
from tests.logic.session import make_desk
from tests.logic.small_exchange import SmallExchange

HALT = TradingHalt(
    Scope(ScopeKind.PORTFOLIO, PORTFOLIO), HaltKind.FREEZE, "balances moved", "trimtab", NOW_MS - 5
)
SENT, QUEUED, PLANNED = ORDERS[0], ORDERS[1], make_order("NEW")
ON_THE_BOOKS = (
    BookedOrder(SENT, OrderState.QUEUED, NOW_MS - 1_000, follows=None),
    BookedOrder(QUEUED, OrderState.QUEUED, NOW_MS - 1_000, follows=None),
    BookedOrder(PLANNED, OrderState.PLANNED, NOW_MS - 1_000, follows=None),
)


async def test_a_lost_queue_is_filled_from_the_books_and_its_orders_are_looked_up_not_sent() -> (
    None
):
    clock, venue = FakeClock(), SmallExchange()
    queue = FakeQueue(clock, is_lost=True)
    desk = make_desk(venue, queue, FakeLedger(orders=ON_THE_BOOKS), clock)
    report = await in_time(make_session(desk, budget_ms=200).run())
    assert report.recovered is not None
    assert (report.recovered.was_lost, report.recovered.orders) == (True, 2)
    assert venue.sends == ()
    assert queue.permitted == ()
    assert queue.depth().in_doubt == 2  # Absence counts twice, spaced: the clock stands still.


async def test_an_order_that_reached_the_venue_before_the_loss_is_booked_as_filled() -> None:
    clock, venue, ledger = FakeClock(), SmallExchange(["silent"]), FakeLedger()
    before = FakeQueue(clock, orders=[SENT])
    await in_time(make_session(make_desk(venue, before, ledger, clock), budget_ms=200).run())
    assert venue.sends == (SENT,)
    after = FakeQueue(clock, is_lost=True)
    report = await in_time(make_session(make_desk(venue, after, ledger, clock)).run())
    assert report.left_because == "idle"
    assert ledger.entries[SENT.client_order_id].state is OrderState.FILLED
    assert venue.sends == (SENT,)


async def test_a_halt_that_only_the_books_kept_is_in_force_before_the_first_order() -> None:
    clock, venue, alarm = FakeClock(), SmallExchange(), RecordingAlarm()
    controls = FakeControls(clock)
    queue = FakeQueue(clock, controls=controls, orders=ORDERS)
    desk = make_desk(venue, queue, FakeLedger(halts=[HALT]), clock, controls=controls, alarm=alarm)
    report = await in_time(make_session(desk).run())
    assert report.recovered is not None
    assert report.recovered.halts == (HALT,)
    assert venue.sends == ()
    assert report.states == {OrderState.EXPIRED: len(ORDERS)}
    assert len(alarm.alerts) == 1
