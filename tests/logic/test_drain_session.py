"""A drain session over fakes: how long it lives, how it leaves, and who may follow it."""

import asyncio

import pytest

from rebalancer.errors import (
    BadData,
    RebalancerError,
    StoreUnavailable,
    VenueUnavailable,
)
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.queue import SendPermit
from rebalancer.settlement import Fill, LedgerReceipt, Settlement, Submission
from tests.factories import enqueue, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.logic.drain_scene import (
    BASES,
    ORDERS,
    SECONDS_MAX,
    desk_of,
    in_time,
    make_session,
    until,
)
from tests.logic.small_exchange import SmallExchange


class SlowExchange(SmallExchange):
    """Holds every submit until `may_answer` is set; remembers how many it held at once."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = asyncio.Event()
        self.is_asked = asyncio.Event()
        self._under_way: list[Order] = []
        self._seen: list[tuple[Order, ...]] = []

    @property
    def seen_under_way(self) -> tuple[tuple[Order, ...], ...]:
        """The orders under way at once, each time one was added."""
        return tuple(self._seen)

    async def submit(self, permit: SendPermit) -> Submission:
        self._under_way.append(permit.order)
        self._seen.append(tuple(self._under_way))
        self.is_asked.set()
        await self.may_answer.wait()
        self._under_way.remove(permit.order)
        return await super().submit(permit)


class BrokenLedger(FakeLedger):
    """Books that refuse one settlement with an error of the test's choice."""

    def __init__(self, error: RebalancerError) -> None:
        super().__init__()
        self._error = error

    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        del settlement, now_ms
        raise self._error


async def test_it_drains_until_nothing_is_left_and_leaves_idle() -> None:
    clock, ledger, venue = FakeClock(), FakeLedger(), SmallExchange()
    queue = FakeQueue(clock, orders=ORDERS)
    settled: list[Settlement] = []
    report = await in_time(make_session(desk_of(venue, queue, ledger), settled=settled).run())
    assert report.left_because == "idle"
    assert report.states == {OrderState.FILLED: len(ORDERS)}
    assert sorted(venue.sends, key=str) == sorted(ORDERS, key=str)
    assert [s.order for s in settled] == [s.order for s in report.recent]
    assert set(queue.acknowledged) == {order.client_order_id for order in ORDERS}
    assert not queue.tenure_state(0).is_held


async def test_it_leaves_when_its_time_is_up_though_orders_wait() -> None:
    clock = FakeClock()
    queue = FakeQueue(clock, orders=ORDERS)
    venue = SmallExchange(latency_ms=10_000)  # The gate holds every order.
    report = await in_time(make_session(desk_of(venue, queue), budget_ms=120).run())
    assert report.left_because == "its time is up"
    assert report.held > 0
    assert "the venue answers in 10000 ms" in (report.last_hold or "")
    assert queue.depth().waiting == len(ORDERS)
    assert not queue.tenure_state(0).is_held


async def test_it_does_not_call_itself_idle_while_an_order_is_under_way() -> None:
    queue = FakeQueue(FakeClock(), orders=ORDERS[:1])
    venue = SlowExchange()
    running = asyncio.create_task(make_session(desk_of(venue, queue), idle_ms=1).run())
    await asyncio.wait_for(venue.is_asked.wait(), SECONDS_MAX)
    await asyncio.sleep(0.1)  # Many times longer than it may idle.
    assert not running.done()
    venue.may_answer.set()
    assert (await in_time(running)).left_because == "idle"


async def test_asked_to_stop_it_sees_its_orders_through_and_takes_no_other() -> None:
    queue, ledger, venue = FakeQueue(FakeClock(), orders=ORDERS), FakeLedger(), SlowExchange()
    session = make_session(desk_of(venue, queue, ledger), concurrency=2)
    running = asyncio.create_task(session.run())
    await asyncio.wait_for(venue.is_asked.wait(), SECONDS_MAX)
    session.stop("asked to stop by SIGTERM")
    session.stop("asked again")
    venue.may_answer.set()
    report = await in_time(running)
    assert report.left_because == "asked to stop by SIGTERM"
    assert 0 < len(venue.sends) <= 2
    assert {ledger.entries[o.client_order_id].state for o in venue.sends} == {OrderState.FILLED}
    assert queue.depth().in_doubt == 0
    assert queue.depth().waiting == len(ORDERS) - len(venue.sends)
    assert not queue.tenure_state(0).is_held


async def test_a_second_session_waits_for_the_slot_and_takes_over() -> None:
    queue, venue = FakeQueue(FakeClock(), orders=ORDERS), SlowExchange()
    desk = desk_of(venue, queue)
    first = make_session(desk, owner="one", concurrency=1)
    second = make_session(desk, owner="two", handover_ms=4_000)
    before = asyncio.create_task(first.run())
    await asyncio.wait_for(venue.is_asked.wait(), SECONDS_MAX)
    after = asyncio.create_task(second.run())
    await asyncio.sleep(0.06)
    assert second.report.epoch is None
    first.stop("its successor is here")
    venue.may_answer.set()
    assert (await in_time(before)).epoch == 1
    report = await in_time(after)
    assert (report.epoch, report.left_because) == (2, "idle")
    assert len(venue.sends) == len(set(venue.sends)) == len(ORDERS)


async def test_a_session_that_gets_no_slot_sends_nothing() -> None:
    queue, venue = FakeQueue(FakeClock(), orders=ORDERS), SmallExchange()
    assert queue.open_tenure(0, owner="another", ttl_ms=60_000)
    report = await in_time(make_session(desk_of(venue, queue), handover_ms=50).run())
    assert report.left_because == "another session holds the slot"
    assert report.epoch is None
    assert venue.sends == ()


async def test_a_session_stopped_while_it_waits_for_the_slot_says_why() -> None:
    queue = FakeQueue(FakeClock(), orders=ORDERS)
    assert queue.open_tenure(0, owner="another", ttl_ms=60_000)
    session = make_session(desk_of(SmallExchange(), queue), handover_ms=60_000)
    running = asyncio.create_task(session.run())
    await asyncio.sleep(0)
    session.stop("asked to stop by SIGTERM")
    assert (await in_time(running)).left_because == "asked to stop by SIGTERM"


async def test_a_lost_slot_ends_the_session_and_nothing_more_is_sent() -> None:
    clock, venue = FakeClock(), SlowExchange()
    queue = FakeQueue(clock, orders=ORDERS)
    running = asyncio.create_task(
        make_session(desk_of(venue, queue, clock=clock), concurrency=1).run()
    )
    await asyncio.wait_for(venue.is_asked.wait(), SECONDS_MAX)
    clock.advance(4_000)  # Its slot runs out: the process stalled for longer than its lease.
    assert queue.open_tenure(0, owner="another", ttl_ms=60_000)
    venue.may_answer.set()
    report = await in_time(running)
    assert report.left_because == "another session took the slot"
    assert len(venue.sends) == 1
    assert queue.tenure_state(0).is_held


async def test_broken_books_end_the_session_with_their_error_and_close_the_slot() -> None:
    error = StoreUnavailable("PostgreSQL is away")
    queue, venue = FakeQueue(FakeClock(), orders=ORDERS), SmallExchange()
    session = make_session(desk_of(venue, queue, BrokenLedger(error)), concurrency=1)
    with pytest.raises(type(error), match=str(error)):
        await in_time(session.run())
    assert session.report.left_because == f"error: {error}"
    assert len(venue.sends) == 1
    assert queue.depth().in_doubt == 1
    assert not queue.tenure_state(0).is_held


async def test_one_workers_error_ends_all_but_their_orders_are_seen_through() -> None:
    queue, venue = FakeQueue(FakeClock(), orders=ORDERS), SmallExchange()
    ledger = FakeLedger(fails_after=2)
    with pytest.raises(StoreUnavailable):
        await in_time(make_session(desk_of(venue, queue, ledger), concurrency=3).run())
    assert len(venue.sends) <= 5
    booked = {e.order for e in ledger.entries.values() if e.state is OrderState.FILLED}
    assert len(booked) == 2
    assert queue.depth().in_doubt == len(venue.sends) - 2


async def test_symbols_are_traded_side_by_side_and_no_symbol_twice_at_once() -> None:
    others = [make_order(base, cycle_id="c2") for base in BASES]
    queue, venue = FakeQueue(FakeClock(), orders=[*ORDERS, *others]), SlowExchange()
    running = asyncio.create_task(make_session(desk_of(venue, queue), concurrency=4).run())
    await asyncio.wait_for(venue.is_asked.wait(), SECONDS_MAX)
    await asyncio.sleep(0.05)
    venue.may_answer.set()
    await in_time(running)
    assert max(len(orders) for orders in venue.seen_under_way) == 4
    for orders in venue.seen_under_way:
        symbols = [order.symbol for order in orders]
        assert len(symbols) == len(set(symbols))


class UnreadableTrades(SmallExchange):
    """Takes orders, but its trades of the first symbol cannot be read back."""

    def __init__(self, error: RebalancerError) -> None:
        super().__init__()
        self._error = error

    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        if order.symbol == ORDERS[0].symbol:
            raise self._error
        return await super().fetch_fills(order, venue_order_id)


async def test_trades_that_cannot_be_fetched_leave_their_order_in_doubt() -> None:
    error = VenueUnavailable("connection reset", retry_after_ms=10)
    queue, venue = FakeQueue(FakeClock(), orders=ORDERS), UnreadableTrades(error)
    session = make_session(desk_of(venue, queue), budget_ms=300, concurrency=1)
    report = await in_time(session.run())
    assert report.left_because == "its time is up"
    assert report.unsettled == 1
    assert report.last_unsettled == f"{ORDERS[0].client_order_id[:8]} BTC/USDC: {error}"
    assert queue.depth().in_doubt == 1


async def test_unreadable_trades_of_one_order_are_told_only_after_the_others_are_traded() -> None:
    error = BadData("trade 7: price was 'NaN'")
    queue, venue = FakeQueue(FakeClock(), orders=ORDERS), UnreadableTrades(error)
    session = make_session(desk_of(venue, queue), budget_ms=300, concurrency=1)
    with pytest.raises(BadData, match="price was 'NaN'"):
        await in_time(session.run())
    assert len(venue.sends) == len(set(venue.sends)) == len(ORDERS)
    assert session.report.states == {OrderState.FILLED: len(ORDERS) - 1}
    assert queue.depth().in_doubt == 1
    assert not queue.tenure_state(0).is_held


async def test_an_order_queued_during_the_session_is_taken_as_well() -> None:
    queue, venue = FakeQueue(FakeClock(), orders=ORDERS[:1]), SmallExchange()
    running = asyncio.create_task(make_session(desk_of(venue, queue), idle_ms=300).run())
    await until(lambda: len(venue.sends) == 1)
    enqueue(queue, ORDERS[1:2])
    report = await in_time(running)
    assert report.states == {OrderState.FILLED: 2}
