"""The walk over fakes: one order after another, through every answer a venue can give."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.booking import backoff_ms
from rebalancer.desk import Unsettled
from rebalancer.gate import GateHeld
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.queue import QueueEmpty
from rebalancer.settlement import Settlement
from tests.factories import NOW_MS, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.logic.session import GATE, LEASE_MS, Step, drain, make_desk, open_tenure, take_step
from tests.logic.small_exchange import SmallExchange, Word

ORDER = make_order()


async def _drain(venue: SmallExchange, *orders: Order) -> tuple[list[Step], FakeLedger, FakeClock]:
    clock, ledger = FakeClock(), FakeLedger()
    queue = FakeQueue(clock, orders=orders or (ORDER,))
    steps = await drain(make_desk(venue, queue, ledger, clock), open_tenure(queue), clock)
    assert queue.depth().waiting == queue.depth().in_doubt == 0
    return steps, ledger, clock


def _states(steps: list[Step]) -> list[OrderState]:
    return [step.state for step in steps if isinstance(step, Settlement)]


async def test_a_filled_order_is_sent_once_booked_and_gone() -> None:
    venue = SmallExchange()
    steps, ledger, _ = await _drain(venue)
    assert _states(steps) == [OrderState.FILLED]
    assert venue.sends == (ORDER,)
    assert ledger.entries[ORDER.client_order_id].filled_base == ORDER.amount_base
    assert len(ledger.fills) == 2


@pytest.mark.parametrize(
    ("word", "state", "sends"),
    [
        ("refuses", OrderState.REFUSED, 1),
        ("silent", OrderState.FILLED, 1),
        ("open", OrderState.FILLED, 1),
        ("lost", OrderState.NOT_FOUND, 0),
        ("unreachable", OrderState.FILLED, 1),
    ],
)
async def test_each_answer_ends_in_its_state_and_never_in_a_second_send(
    word: Word, state: OrderState, sends: int
) -> None:
    venue = SmallExchange([word])
    steps, ledger, _ = await _drain(venue)
    assert _states(steps) == [state]
    assert len(venue.sends) == sends
    assert ledger.entries[ORDER.client_order_id].state == state


async def test_silence_is_looked_up_only_after_its_lease() -> None:
    venue = SmallExchange(["silent"], silent_look_ups=2)
    steps, ledger, clock = await _drain(venue)
    assert venue.sends == (ORDER,)
    assert clock.now_ms() == NOW_MS + 3 * LEASE_MS
    assert [type(step) for step in steps] == [Unsettled, Unsettled, Unsettled, Settlement]
    assert OrderState.IN_DOUBT in {event.state for event in ledger.events}


async def test_absence_counts_only_when_it_was_seen_twice_a_lease_apart() -> None:
    steps, _, clock = await _drain(SmallExchange(["lost"]))
    assert [type(step) for step in steps] == [Unsettled, Unsettled, Settlement]
    assert clock.now_ms() == NOW_MS + 2 * LEASE_MS


async def test_what_was_never_sent_is_tried_again_ever_later() -> None:
    venue = SmallExchange(["unreachable"] * 6)
    _, _, clock = await _drain(venue)
    assert venue.sends == (ORDER,)
    assert clock.now_ms() == NOW_MS + sum(backoff_ms(ORDER, tries) for tries in range(6))


async def test_late_trades_are_waited_for_and_overlapping_pages_counted_once() -> None:
    steps, ledger, _ = await _drain(SmallExchange(late_reads=3))
    assert [type(step) for step in steps] == [Unsettled] * 3 + [Settlement]
    assert ledger.entries[ORDER.client_order_id].filled_base == ORDER.amount_base


async def test_a_half_filled_order_is_followed_by_the_rest_until_attempts_end() -> None:
    venue = SmallExchange(["half", "half", "half"])
    steps, ledger, _ = await _drain(venue)
    assert [order.amount_base for order in venue.sends] == [
        Decimal(1),
        Decimal("0.5"),
        Decimal("0.25"),
    ]
    assert len({order.client_order_id for order in venue.sends}) == 3
    assert _states(steps) == [OrderState.PARTIALLY_FILLED] * 3
    assert sum(entry.filled_base for entry in ledger.entries.values()) == Decimal("0.875")
    assert [order.urgency for order in venue.sends] == sorted(o.urgency for o in venue.sends)


async def test_an_unfilled_order_is_followed_by_the_whole_again_under_a_new_name() -> None:
    venue = SmallExchange(["nothing"])
    steps, _, _ = await _drain(venue)
    assert _states(steps) == [OrderState.UNFILLED, OrderState.FILLED]
    assert [order.attempt for order in venue.sends] == [0, 1]


@pytest.mark.parametrize("latency_ms", [None, 151])
async def test_a_slow_venue_holds_the_order_until_it_expires(latency_ms: int | None) -> None:
    order = replace(ORDER, expires_at_ms=NOW_MS + 3 * GATE.hold_ms)
    venue = SmallExchange(latency_ms=latency_ms)
    steps, ledger, _ = await _drain(venue, order)
    assert [type(step) for step in steps] == [GateHeld] * 3 + [Settlement]
    assert venue.sends == ()
    assert ledger.entries[order.client_order_id].state == OrderState.EXPIRED


async def test_an_urgent_order_passes_a_slow_venue() -> None:
    venue = SmallExchange(latency_ms=None)
    steps, _, _ = await _drain(venue, replace(ORDER, urgency=Decimal("0.8")))
    assert _states(steps) == [OrderState.FILLED]


async def test_an_old_order_expires_and_is_never_sent() -> None:
    venue = SmallExchange()
    steps, _, _ = await _drain(venue, replace(ORDER, expires_at_ms=NOW_MS))
    assert _states(steps) == [OrderState.EXPIRED]
    assert venue.sends == ()


async def test_buys_wait_for_every_sell_and_its_residual() -> None:
    sell = make_order("ETH", "sell", urgency=Decimal("0.1"))
    buy = make_order("BTC", "buy", urgency=Decimal(1))
    venue = SmallExchange(["half", "silent"])
    await _drain(venue, buy, sell)
    assert [order.side for order in venue.sends] == ["sell", "sell", "buy"]


async def test_a_session_that_lost_its_slot_sends_nothing() -> None:
    clock, ledger, venue = FakeClock(), FakeLedger(), SmallExchange()
    queue = FakeQueue(clock, orders=[ORDER])
    desk, old = make_desk(venue, queue, ledger, clock), open_tenure(queue)
    queue.close_tenure(old)
    new = open_tenure(queue, owner="two")
    with pytest.raises(Exception, match="slot 0"):
        await take_step(desk, old)
    assert isinstance(await take_step(desk, new), Settlement)
    assert isinstance(await take_step(desk, new), QueueEmpty)
    assert venue.sends == (ORDER,)
