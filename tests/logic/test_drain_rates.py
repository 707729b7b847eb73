"""A drain session whose venue's rate is spent: who waits, and who asks meanwhile."""

import asyncio

from pipelines.order_flow import PUT_OFF_MAX
from rebalancer.money import ZERO
from rebalancer.order_states import OrderState
from rebalancer.queue import NotNowReason
from resources.rate_limit import RateLimit
from tests.factories import VENUE, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.logic.drain_scene import (
    ORDERS,
    OTHER,
    desk_of,
    desk_of_two,
    in_time,
    make_session,
    until,
)
from tests.logic.small_exchange import SmallExchange


async def test_a_spent_rate_budget_makes_the_order_wait_and_not_fail() -> None:
    clock, venue = FakeClock(), SmallExchange()
    queue = FakeQueue(clock, rates={VENUE: RateLimit(1, 1)}, orders=ORDERS[:2])
    session = make_session(desk_of(venue, queue, clock=clock), concurrency=1)
    running = asyncio.create_task(session.run())
    await until(lambda: len(venue.sends) == 1)
    await asyncio.sleep(0.1)
    assert len(venue.sends) == 1
    # The second after the first one's answer, and one more because clocks are rounded down.
    clock.advance(1_001)
    assert (await in_time(running)).states == {OrderState.FILLED: 2}


async def test_orders_of_another_venue_do_not_wait_for_a_venue_whose_rate_is_spent() -> None:
    clock, spent, other = FakeClock(), SmallExchange(), SmallExchange()
    elsewhere = make_order("DOGE", venue=OTHER, urgency=ZERO)
    rates = {VENUE: RateLimit(1, 1), OTHER: RateLimit(100, 100)}
    queue = FakeQueue(clock, rates=rates, orders=[*ORDERS, elsewhere])
    session = make_session(desk_of_two(spent, other, queue, clock), concurrency=1)
    running = asyncio.create_task(session.run())
    await until(lambda: other.sends == (elsewhere,))
    assert len(spent.sends) == 1
    session.stop("seen enough")
    await in_time(running)


async def test_while_every_budget_is_spent_the_queue_is_not_asked_without_end() -> None:
    clock, spent = FakeClock(), SmallExchange()
    many = [make_order(f"A{number}") for number in range(2 * PUT_OFF_MAX)]
    queue = FakeQueue(clock, rates={VENUE: RateLimit(1, 1), OTHER: RateLimit(1)}, orders=many)
    desk = desk_of_two(spent, SmallExchange(), queue, clock)
    report = await in_time(make_session(desk, budget_ms=800, concurrency=1).run())
    assert len(spent.sends) == 1
    assert report.waits[NotNowReason.RATE_SPENT] == PUT_OFF_MAX


async def test_while_the_only_rate_is_spent_one_order_asks_for_all() -> None:
    clock, venue = FakeClock(), SmallExchange()
    many = [make_order(f"A{number}") for number in range(20)]
    queue = FakeQueue(clock, rates={VENUE: RateLimit(1, 1)}, orders=many)
    session = make_session(desk_of(venue, queue, clock=clock), concurrency=8, budget_ms=1_500)
    report = await in_time(session.run())
    assert len(venue.sends) == 1
    # Seven that set out with the first, and one a second later.
    assert report.waits[NotNowReason.RATE_SPENT] == 8
