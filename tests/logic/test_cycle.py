"""Whole cycles over fakes: observe, decide, queue, drain; and then there is nothing left to do."""

from decimal import Decimal

import pytest

from rebalancer.balances import RawBalance
from rebalancer.cycle import decide, fetch_books, observe, queue_plan, reserved_cash
from rebalancer.drift import Drift, TargetWeights, is_within_band
from rebalancer.errors import (
    BadConfig,
    BadData,
    EmptyPortfolio,
    StaleInput,
    UnknownMarket,
    UnpricedAsset,
    VenueUnavailable,
)
from rebalancer.money import Asset, Symbol
from rebalancer.order_states import OrderState
from rebalancer.orders import VenueName
from rebalancer.plan import Plan, SkipReason
from rebalancer.settlement import Settlement
from rebalancer.snapshot import Freshness
from tests.factories import (
    CASH,
    FRESHNESS,
    NOW_MS,
    PORTFOLIO,
    enqueue,
    make_context,
    make_order,
    make_policy,
    make_raw_rule,
    make_raw_ticker,
    make_symbol,
)
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.fakes.venue import Answer, FakeVenue
from tests.logic.session import drain, make_desk, open_tenure, send_next, take_step

BTC, ETH = make_symbol("BTC"), make_symbol("ETH")
TARGETS = TargetWeights({BTC.base: 4_000, ETH.base: 4_000, CASH: 2_000})
POLICY = make_policy()


def _held(asset: str, free: str | None) -> RawBalance:
    return RawBalance(Asset(asset), free, "0", NOW_MS)


class World:
    """An account at prices of 100, and everything one session needs."""

    def __init__(
        self, *balances: RawBalance, bid: str | None = "99.95", **script: list[Answer]
    ) -> None:
        self.clock, self.ledger = FakeClock(), FakeLedger()
        self.venue = FakeVenue(
            self.clock,
            rules=[make_raw_rule("BTC"), make_raw_rule("ETH")],
            tickers=[
                make_raw_ticker("BTC", bid=bid, ask="100.05", last="100"),
                make_raw_ticker("ETH", bid="99.95", ask="100.05", last="100"),
            ],
            balances=balances or [_held("BTC", "90"), _held("ETH", "10"), _held(CASH, "0")],
            script={make_symbol(base): answers for base, answers in script.items()},
        )
        self.queue = FakeQueue(self.clock)

    async def look(
        self, *symbols: Symbol, freshness: Freshness = FRESHNESS, cycle_id: str = "c1"
    ) -> tuple[tuple[Drift, ...], Plan]:
        snapshot = await observe(
            self.venue,
            self.clock,
            symbols or (BTC, ETH),
            cash=CASH,
            freshness=freshness,
            peg=None,
        )
        live = self.queue.live_orders(PORTFOLIO)
        busy = reserved_cash(live, taker_fee_bps=POLICY.taker_fee_bps)
        books = await fetch_books(self.venue, symbols or (BTC, ETH))
        context = make_context(cycle_id, busy=busy, books=books)
        return decide(snapshot, TARGETS, POLICY, context)

    async def cycle(self, cycle_id: str) -> Plan:
        _, plan = await self.look(cycle_id=cycle_id)
        await queue_plan(plan, self.queue, self.ledger, by_hand=False, now_ms=self.clock.now_ms())
        desk = make_desk(self.venue, self.queue, self.ledger, self.clock)
        await drain(desk, open_tenure(self.queue), self.clock)
        return plan


async def test_one_cycle_ends_inside_the_band_and_the_next_sends_nothing() -> None:
    world = World()
    plan = await world.cycle("c1")
    assert [order.side for order in plan.orders] == ["sell", "buy"]
    assert [order.side for order in world.venue.sends] == ["sell", "buy"]
    drifts, rest = await world.look(cycle_id="c2")
    assert is_within_band(drifts, drift_bps_min=POLICY.drift_bps_min)
    assert not rest.orders
    assert {skip.reason for skip in rest.skipped} == {SkipReason.BELOW_BAND}


@pytest.mark.parametrize(
    "answer", [a for a in Answer if a not in (Answer.TRADES, Answer.STAYS_OPEN)]
)
async def test_whatever_the_first_answer_two_cycles_end_inside_the_band(answer: Answer) -> None:
    world = World(BTC=[answer])
    await world.cycle("c1")
    await world.cycle("c2")
    drifts, rest = await world.look(cycle_id="c3")
    assert is_within_band(drifts, drift_bps_min=POLICY.drift_bps_min)
    assert not rest.orders
    names = [order.client_order_id for order in world.venue.sends]
    assert len(set(names)) == len(names)


async def test_the_same_cycle_queued_twice_is_queued_once() -> None:
    world = World()
    _, plan = await world.look()
    assert await queue_plan(plan, world.queue, world.ledger, by_hand=False, now_ms=NOW_MS) == 2
    assert await queue_plan(plan, world.queue, world.ledger, by_hand=False, now_ms=NOW_MS + 1) == 0
    _, again = await world.look(cycle_id="c2")
    assert {skip.reason for skip in again.skipped} == {SkipReason.SYMBOL_BUSY}


async def test_an_order_the_queue_refuses_ends_as_expired_at_once() -> None:
    world = World()
    earlier, later = make_order("BTC", cycle_id="c1"), make_order("BTC", cycle_id="c2")
    enqueue(world.queue, [earlier])
    assert (
        await queue_plan(
            Plan((later,), ()), world.queue, world.ledger, by_hand=False, now_ms=NOW_MS
        )
        == 0
    )
    entry = world.ledger.entries[later.client_order_id]
    assert (entry.state, entry.settled_at_ms) == (OrderState.EXPIRED, NOW_MS)
    assert "BTC/USDC is under way" in (entry.reason or "")


async def test_a_live_buy_keeps_its_cash_and_a_live_sell_needs_none() -> None:
    world = World()
    _, plan = await world.look()
    await queue_plan(plan, world.queue, world.ledger, by_hand=False, now_ms=NOW_MS)
    sell, buy = plan.orders
    reserved = reserved_cash([sell, buy], taker_fee_bps=10)
    assert reserved[sell.symbol] == 0
    assert reserved[buy.symbol] == buy.amount_base * buy.limit_price_quote * Decimal("1.001")


async def test_an_unreadable_balance_stops_the_cycle() -> None:
    world = World(_held("BTC", "NaN"), _held(CASH, "100"))
    with pytest.raises(BadData, match="BTC: NOT_FINITE"):
        await world.look()


@pytest.mark.parametrize("bid", ["NaN", "-1", "0", None, "", "Infinity", "101"])
async def test_a_bad_ticker_stops_the_cycle(bid: str | None) -> None:
    with pytest.raises(UnpricedAsset, match="BTC/USDC has no valid quote"):
        await World(bid=bid).look()


async def test_an_unlisted_market_stops_the_cycle() -> None:
    with pytest.raises(UnknownMarket, match="DOGE/USDC"):
        await World().look(BTC, make_symbol("DOGE"))


async def test_an_empty_account_stops_the_cycle() -> None:
    with pytest.raises(EmptyPortfolio, match="fund it"):
        await World(_held(CASH, "0")).look()


async def test_a_venue_that_is_down_is_said_to_be_down() -> None:
    world = World()
    world.venue = FakeVenue(
        world.clock, reads_fail=VenueUnavailable("the venue is down", retry_after_ms=1_000)
    )
    with pytest.raises(VenueUnavailable, match="down"):
        await world.look()


async def test_balances_older_than_allowed_stop_the_cycle() -> None:
    world = World()
    snapshot = await observe(
        world.venue, world.clock, [BTC], cash=CASH, freshness=FRESHNESS, peg=None
    )
    assert snapshot.taken_at_ms == NOW_MS

    class LateClock(FakeClock):
        """Reads late: what was observed is old when it is joined."""

        def now_ms(self) -> int:
            return NOW_MS + FRESHNESS.quote_age_ms_max + 1

    with pytest.raises(StaleInput, match="ms old"):
        await observe(world.venue, LateClock(), [BTC], cash=CASH, freshness=FRESHNESS, peg=None)


async def test_an_order_of_a_venue_that_left_the_settings_is_named_and_may_still_expire() -> None:
    world = World()
    order = make_order("BTC", venue=VenueName("gone"))
    await queue_plan(Plan((order,), ()), world.queue, world.ledger, by_hand=False, now_ms=NOW_MS)
    desk = make_desk(world.venue, world.queue, world.ledger, world.clock)
    tenure = open_tenure(world.queue)
    with pytest.raises(BadConfig, match=r"venue 'gone'.*\[venues\.gone\]"):
        await take_step(desk, tenure)
    world.clock.advance(order.expires_at_ms - NOW_MS)
    (booked,) = await drain(desk, tenure, world.clock)
    assert isinstance(booked, Settlement)
    assert booked.state is OrderState.EXPIRED


async def test_a_cycle_planned_again_after_the_queue_lost_everything_sends_nothing_twice() -> None:
    world = World(BTC=[Answer.SILENT_BUT_TRADES], ETH=[Answer.SILENT_BUT_TRADES])
    _, plan = await world.look()
    await queue_plan(plan, world.queue, world.ledger, by_hand=False, now_ms=NOW_MS)
    desk = make_desk(world.venue, world.queue, world.ledger, world.clock)
    await send_next(desk, open_tenure(world.queue))
    assert len(world.venue.sends) == 1

    empty = FakeQueue(world.clock)
    assert await queue_plan(plan, empty, world.ledger, by_hand=False, now_ms=NOW_MS) == 0
    desk = make_desk(world.venue, empty, world.ledger, world.clock)
    await drain(desk, open_tenure(empty), world.clock)
    assert len(world.venue.sends) == 1
