"""What a plan is made from, read from the real stores: stops, rests, and orders under way."""

import asyncio
from dataclasses import replace
from decimal import Decimal

import dagster as dg
import pytest

from assets.plan_inputs import COOL_DOWN_MS, read_cooling, read_cycle_spent, read_under_way
from rebalancer.controls import (
    EVERYTHING,
    HaltKind,
    MaintenanceWindow,
    Scope,
    ScopeKind,
    TradingHalt,
)
from rebalancer.halting import read_stop
from rebalancer.money import exact
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId, Order, PortfolioName, VenueName
from rebalancer.plan import SkipReason
from rebalancer.queue import Recovery
from rebalancer.settlement import NotFound, settle
from rebalancer.snapshot import Snapshot, take_snapshot
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores
from tests.assets.location import make_location, make_venue
from tests.factories import (
    CASH,
    FRESHNESS,
    PORTFOLIO,
    VENUE,
    make_balance,
    make_order,
    make_quote,
    make_rule,
    make_symbol,
)

BTC = make_symbol("BTC")
OTHER_VENUE, OTHER_PORTFOLIO = VenueName("other"), PortfolioName("savings")
MINUTE_MS = 60_000
NOTHING = Recovery(maybe_sent=(), turnover_quote={})


@pytest.fixture
def now_ms() -> int:
    return SystemClock().now_ms()


def make_snapshot(now_ms: int) -> Snapshot:
    balances = {BTC.base: make_balance("BTC", "1"), CASH: make_balance(CASH, "1")}
    return take_snapshot(
        {BTC: replace(make_rule(), observed_at_ms=now_ms)},
        {BTC: make_quote(observed_at_ms=now_ms)},
        {name: replace(row, observed_at_ms=now_ms) for name, row in balances.items()},
        symbols=[BTC],
        cash=CASH,
        now_ms=now_ms,
        freshness=FRESHNESS,
    )


def halt_of(scope: Scope, now_ms: int) -> TradingHalt:
    return TradingHalt(scope, HaltKind.BY_HAND, "a look at the books", "tester", now_ms)


def record(stores: Stores, order: Order, state: OrderState) -> None:
    asyncio.run(stores.ledger.record_planned([order], now_ms=order.planned_at_ms))
    asyncio.run(stores.ledger.note(order, state, detail=None, now_ms=order.planned_at_ms))


def lose(stores: Stores, order: Order, *, at_ms: int) -> None:
    asyncio.run(stores.ledger.record_planned([order], now_ms=order.planned_at_ms))
    asyncio.run(stores.ledger.record(settle(NotFound(order), ()), now_ms=at_ms))


@pytest.mark.parametrize(
    "scope",
    [EVERYTHING, Scope(ScopeKind.VENUE, VENUE), Scope(ScopeKind.PORTFOLIO, PORTFOLIO)],
)
def test_a_halt_of_all_of_its_venue_or_of_itself_stops_a_portfolio(
    stores: Stores, scope: Scope, now_ms: int
) -> None:
    assert read_stop(stores.controls, VENUE, PORTFOLIO, now_ms=now_ms) is None
    stores.controls.halt(halt_of(scope, now_ms))
    stop = read_stop(stores.controls, VENUE, PORTFOLIO, now_ms=now_ms)
    assert stop == (SkipReason.HALTED, f"{scope} is halted: a look at the books")


def test_a_halt_of_another_venue_or_portfolio_stops_nothing_here(
    stores: Stores, now_ms: int
) -> None:
    stores.controls.halt(halt_of(Scope(ScopeKind.VENUE, OTHER_VENUE), now_ms))
    stores.controls.halt(halt_of(Scope(ScopeKind.PORTFOLIO, OTHER_PORTFOLIO), now_ms))
    assert read_stop(stores.controls, VENUE, PORTFOLIO, now_ms=now_ms) is None


def test_a_window_stops_its_venue_while_it_is_open(stores: Stores, now_ms: int) -> None:
    starts_at_ms = now_ms + MINUTE_MS
    window = MaintenanceWindow("w1", VENUE, starts_at_ms, MINUTE_MS, None, None, "new engine")
    stores.controls.add_window(window)
    for at_ms, is_open in (
        (starts_at_ms - 1, False),
        (starts_at_ms, True),
        (starts_at_ms + MINUTE_MS - 1, True),
        (starts_at_ms + MINUTE_MS, False),
    ):
        stop = read_stop(stores.controls, VENUE, PORTFOLIO, now_ms=at_ms)
        why = (SkipReason.MAINTENANCE, f"{VENUE} is in maintenance: new engine")
        assert stop == (why if is_open else None), at_ms
    assert read_stop(stores.controls, OTHER_VENUE, PORTFOLIO, now_ms=starts_at_ms) is None


def test_a_symbol_rests_after_an_order_in_it_was_lost_and_only_for_a_while(
    stores: Stores, now_ms: int
) -> None:
    order = make_order("BTC", planned_at_ms=now_ms, expires_at_ms=now_ms + MINUTE_MS)
    lose(stores, order, at_ms=now_ms)
    assert read_cooling(stores, PORTFOLIO, now_ms=now_ms) == {BTC}
    assert read_cooling(stores, PORTFOLIO, now_ms=now_ms + COOL_DOWN_MS) == {BTC}
    assert read_cooling(stores, PORTFOLIO, now_ms=now_ms + COOL_DOWN_MS + 1) == frozenset()
    assert read_cooling(stores, OTHER_PORTFOLIO, now_ms=now_ms) == frozenset()


def test_what_an_earlier_try_of_a_cycle_left_on_the_books_counts_for_its_cap(
    stores: Stores,
) -> None:
    live = make_order("BTC", leg_rest_base=Decimal("0.5"))
    lost, other = make_order("ETH"), make_order("SOL", cycle_id="c2")
    record(stores, live, OrderState.QUEUED)
    record(stores, other, OrderState.QUEUED)
    lose(stores, lost, at_ms=lost.planned_at_ms)
    with exact():
        whole = (live.amount_base + Decimal("0.5")) * live.worst_price_quote
    assert read_cycle_spent(stores, PORTFOLIO, live.cycle_id) == whole


def test_an_order_that_waits_for_approval_is_under_way_for_every_cycle_but_its_own(
    stores: Stores, now_ms: int
) -> None:
    order = make_order("BTC", planned_at_ms=now_ms, expires_at_ms=now_ms + MINUTE_MS)
    record(stores, order, OrderState.AWAITING_APPROVAL)
    snapshot = make_snapshot(now_ms)
    stores.queue.recover(NOTHING)
    assert read_under_way(stores, PORTFOLIO, CycleId("c2"), snapshot) == (order,)
    assert read_under_way(stores, PORTFOLIO, order.cycle_id, snapshot) == ()
    assert read_under_way(stores, OTHER_PORTFOLIO, CycleId("c2"), snapshot) == ()


@pytest.mark.parametrize("stop", ["halt", "window", "rest", "approval"])
def test_a_cycle_plans_nothing_where_it_must_not_and_says_why(
    stop: str,
    instance: dg.DagsterInstance,
    settings: Settings,
    stores: Stores,
    now_ms: int,
) -> None:
    location = make_location(instance, settings, make_venue(), stores=stores)
    assert location.sync().success
    order = make_order("BTC", cycle_id="c0", planned_at_ms=now_ms, expires_at_ms=now_ms + MINUTE_MS)
    match stop:
        case "halt":
            stores.controls.halt(halt_of(EVERYTHING, now_ms))
        case "window":
            stores.controls.add_window(
                MaintenanceWindow("w1", VENUE, now_ms, MINUTE_MS, None, None, "new engine")
            )
        case "rest":
            # Long enough ago that the balances show it: it is at rest, and not under way.
            lose(stores, order, at_ms=now_ms - MINUTE_MS)
        case _:
            record(stores, order, OrderState.AWAITING_APPROVAL)
    assert location.rebalance("c1").success
    reasons = {
        skip.asset: skip.reason for skip in stores.archive.read_skips(CycleId("c1"), PORTFOLIO)
    }
    assert (
        reasons[BTC.base]
        == {
            "halt": SkipReason.HALTED,
            "window": SkipReason.MAINTENANCE,
            "rest": SkipReason.COOLING_DOWN,
            "approval": SkipReason.SYMBOL_BUSY,
        }[stop]
    )
