"""What keeps an order that was booked without being sent from being sent after all."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest

from pipelines.venue_watch import VenueWatch
from rebalancer.booking import book
from rebalancer.controls import EVERYTHING, HaltKind, TradingHalt
from rebalancer.credentials import KeyPolicy
from rebalancer.desk import Answered
from rebalancer.errors import LeaseLost, StoreUnavailable
from rebalancer.gate import GateOpen
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.queue import Claim, Denied, NotNow, NotNowReason, SendPermit
from rebalancer.settlement import LedgerReceipt
from tests.factories import NOW_MS, VENUE, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.fakes.venue import FakeVenue
from tests.logic.session import LEASE_MS, drain, make_desk, open_tenure, send_next, take_step
from tests.logic.small_exchange import SmallExchange, Word

ORDER = make_order()
HALT = TradingHalt(EVERYTHING, HaltKind.BY_HAND, "stop", "tester", NOW_MS)
KEY = KeyPolicy(allow_unreadable_rights=False, require_ip_binding=False)


class DyingQueue(FakeQueue):
    """A queue whose process dies before its first acknowledgement."""

    dies = True

    def acknowledge(self, receipt: LedgerReceipt) -> bool:
        if self.dies:
            self.dies = False
            raise StoreUnavailable("killed")
        return super().acknowledge(receipt)


class SlowQueue(FakeQueue):
    """A queue whose permits are seconds on their way back."""

    def __init__(self, clock: FakeClock, orders: Sequence[Order]) -> None:
        super().__init__(clock, orders=orders)
        self._slow_clock = clock

    def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        answer = super().permit(gate)
        self._slow_clock.advance(4_000)
        return answer


async def test_an_order_that_met_a_halt_is_not_sent_after_a_crash_and_a_resume() -> None:
    clock, ledger, venue = FakeClock(), FakeLedger(), SmallExchange()
    controls = FakeControls(clock, halts=[HALT])
    queue = DyingQueue(clock, controls=controls, orders=[ORDER])
    desk = make_desk(venue, queue, ledger, clock, controls=controls)
    with pytest.raises(StoreUnavailable):
        await take_step(desk, open_tenure(queue))
    controls.lift(EVERYTHING, HaltKind.BY_HAND)
    await drain(desk, open_tenure(queue), clock)
    assert venue.sends == ()
    assert ledger.entries[ORDER.client_order_id].state is OrderState.EXPIRED
    assert queue.depth().in_doubt == queue.depth().waiting == 0
    assert controls.halts() == ()


@pytest.mark.parametrize("word", ["refuses", "nothing", "fills"])
async def test_an_order_that_ended_before_a_crash_leaves_the_queue_after_it(word: Word) -> None:
    clock, ledger, venue = FakeClock(), FakeLedger(), SmallExchange([word])
    controls = FakeControls(clock)
    queue = DyingQueue(clock, controls=controls, orders=[replace(ORDER, attempt=2)])
    desk = make_desk(venue, queue, ledger, clock, controls=controls)
    with pytest.raises(StoreUnavailable):
        await take_step(desk, open_tenure(queue))
    before = ledger.entries[ORDER.client_order_id].state
    await drain(desk, open_tenure(queue), clock)
    assert len(venue.sends) == 1
    assert ledger.entries[ORDER.client_order_id].state is before
    assert queue.depth().in_doubt == queue.depth().waiting == 0
    assert controls.halts() == ()


async def test_a_session_that_wakes_late_cannot_end_an_order_that_another_has_sent() -> None:
    clock, ledger, venue = FakeClock(), FakeLedger(), SmallExchange()
    controls = FakeControls(clock, halts=[HALT])
    queue = FakeQueue(clock, controls=controls, orders=[ORDER])
    desk = make_desk(venue, queue, ledger, clock, controls=controls)
    asleep = await send_next(desk, open_tenure(queue))
    assert isinstance(asleep, Answered)
    clock.advance(2 * LEASE_MS)
    controls.lift(EVERYTHING, HaltKind.BY_HAND)
    second = open_tenure(queue, owner="one")
    await drain(desk, second, clock)
    # It wakes: whatever it does, nothing is sent and the order has one end.
    await book(desk, asleep)
    assert venue.sends == ()
    assert ledger.entries[ORDER.client_order_id].filled_base == 0
    assert controls.halts() == ()


async def test_a_claim_that_passed_on_cannot_be_retired() -> None:
    clock = FakeClock()
    queue = FakeQueue(clock, orders=[ORDER])
    first = queue.claim(open_tenure(queue), now_ms=NOW_MS, lease_ms=LEASE_MS)
    clock.advance(2 * LEASE_MS)
    queue.claim(open_tenure(queue), now_ms=clock.now_ms(), lease_ms=LEASE_MS)
    assert isinstance(first, Claim)
    with pytest.raises(LeaseLost):
        queue.retire(first)


async def test_a_permit_that_was_seconds_on_its_way_is_not_used() -> None:
    clock, ledger = FakeClock(), FakeLedger()
    venue = FakeVenue(clock)
    queue = SlowQueue(clock, [replace(ORDER, urgency=Decimal(1))])
    await take_step(make_desk(venue, queue, ledger, clock), open_tenure(queue))
    assert venue.sends == ()
    assert queue.depth().waiting == 1


async def test_a_venue_is_closed_by_the_clock_that_permits_go_by() -> None:
    ours = FakeClock()
    theirs = FakeClock()
    ours.advance(30_000)
    controls = FakeControls(theirs)
    queue = FakeQueue(theirs, controls=controls, orders=[ORDER])
    venue = FakeVenue(ours, clock_skew_ms=-30_000)
    desk = make_desk(venue, queue, FakeLedger(), ours, controls=controls)
    await VenueWatch(desk, {VENUE: KEY}).look()
    claim = queue.claim(open_tenure(queue), now_ms=NOW_MS, lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    answer = queue.permit(GateOpen(claim, valid_until_ms=NOW_MS + LEASE_MS))
    assert isinstance(answer, NotNow)
    assert answer.reason is NotNowReason.MAINTENANCE
