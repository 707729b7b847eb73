"""A drain session whose venue's rate is spent: who waits, and who asks meanwhile."""

import asyncio

from pipelines.order_flow import PUT_OFF_MAX
from rebalancer.money import ZERO
from rebalancer.order_states import OrderState
from rebalancer.queue import NotNowReason, SendPermit
from rebalancer.settlement import Submission
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


async def test_while_the_only_rate_is_spent_few_orders_ask_for_all() -> None:
    clock, venue = FakeClock(), SmallExchange()
    many = [make_order(f"A{number}") for number in range(60)]
    queue = FakeQueue(clock, rates={VENUE: RateLimit(1, 1)}, orders=many)
    session = make_session(desk_of(venue, queue, clock=clock), concurrency=16, budget_ms=2_500)
    report = await in_time(session.run())
    assert len(venue.sends) == 1
    # Those that set out with the first, and then each second those that were claimed before the
    # first of them was refused: few, where sixteen would have been.
    assert 0 < report.waits[NotNowReason.RATE_SPENT] - 15 <= 8


class Holding(SmallExchange):
    """Takes orders, and answers none of them before it may."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()

    async def submit(self, permit: SendPermit) -> Submission:
        answer = await super().submit(permit)
        await self.may_answer.wait()
        return answer


async def test_orders_on_their_way_keep_no_other_from_the_rate() -> None:
    clock, venue = FakeClock(), Holding()
    queue = FakeQueue(clock, rates={VENUE: RateLimit(3)}, orders=ORDERS[:3])
    session = make_session(desk_of(venue, queue, clock=clock))
    running = asyncio.create_task(session.run())
    for number in (1, 2, 3):
        await until(lambda number=number: len(venue.sends) == number)  # type: ignore[misc]
        clock.advance(400)
    assert not queue.acknowledged
    venue.may_answer.set()
    assert (await in_time(running)).states == {OrderState.FILLED: 3}
