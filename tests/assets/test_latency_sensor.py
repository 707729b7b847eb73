"""When a drain session is launched, asked as the daemon asks, on the real stores."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import dagster as dg
import pytest

from rebalancer.errors import StoreUnavailable
from rebalancer.gate import GateOpen
from rebalancer.halting import freeze_of
from rebalancer.orders import Order
from rebalancer.queue import MAIN_SLOT, Claim, Recovery, SendPermit
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, Venues, open_stores
from sensors.latency_sensor import DRAIN_JOB, latency_sensor
from tests.assets.location import FakeVenues, make_settings, make_venue
from tests.factories import enqueue, make_order
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.venue import FakeVenue

Tick = Callable[..., Any]
LATER_MS = 60_000
NOTHING = Recovery(maybe_sent=(), turnover_quote={})


@pytest.fixture
def tick(instance: dg.DagsterInstance, settings: Settings, stores: Stores) -> Tick:
    """Evaluates the sensor once on a venue: the run requests, and the reason to skip."""

    def evaluate(
        venue: FakeVenue | Venues, *, to: Stores = stores
    ) -> tuple[list[dg.RunRequest], str]:
        resources = {
            "settings": settings,
            "venues": venue if isinstance(venue, Venues) else FakeVenues({"paper": venue}),
            "stores": to,
            "clock": SystemClock(),
            "alarm": RecordingAlarm(),
        }
        with dg.build_sensor_context(instance=instance, resources=resources) as context:
            data = latency_sensor.evaluate_tick(context)
        return list(data.run_requests or []), data.skip_message or ""

    return evaluate


def make_queueable_order(urgency: str = "0.3") -> Order:
    now_ms = SystemClock().now_ms()
    return make_order(
        urgency=Decimal(urgency), planned_at_ms=now_ms, expires_at_ms=now_ms + 3_600_000
    )


def queue_order(stores: Stores, *, urgency: str = "0.3") -> Order:
    order = make_queueable_order(urgency)
    if stores.queue.is_lost():
        stores.queue.recover(NOTHING)
    assert enqueue(stores.queue, [order]) == 1
    return order


def send_without_booking(stores: Stores) -> None:
    """Leave the waiting order sent and not acknowledged, as a session that died would."""
    now_ms = SystemClock().now_ms()
    tenure = stores.queue.open_tenure(MAIN_SLOT, owner="dead", ttl_ms=LATER_MS)
    assert tenure is not None
    claim = stores.queue.claim(tenure, now_ms=now_ms, lease_ms=LATER_MS)
    assert isinstance(claim, Claim)
    assert isinstance(stores.queue.permit(GateOpen(claim, now_ms + LATER_MS)), SendPermit)
    stores.queue.close_tenure(tenure)


def start_drain_run(instance: dg.DagsterInstance) -> None:
    @dg.op
    def wait() -> None:
        """Stands for a drain; it is never executed."""

    @dg.job(name=DRAIN_JOB)
    def drain() -> None:
        wait()

    instance.create_run_for_job(drain, status=dg.DagsterRunStatus.STARTED)


def test_nothing_is_launched_and_no_venue_is_asked_while_no_order_waits(tick: Tick) -> None:
    venue = make_venue()
    assert tick(venue) == ([], "no order waits")
    assert venue.conditions.latency_ms is None


def test_a_waiting_order_launches_one_session_when_the_venue_is_fast(
    tick: Tick, stores: Stores
) -> None:
    queue_order(stores)
    [request], _ = tick(make_venue(round_trip_ms=150))
    assert request.run_key.startswith("drain-1-")
    assert request.tags["trimtab/reason"] == "1 orders wait, 0 in doubt"


def test_calm_orders_wait_while_the_venue_is_slow(tick: Tick, stores: Stores) -> None:
    queue_order(stores)
    requests, reason = tick(make_venue(round_trip_ms=151))
    assert requests == []
    assert reason == (
        "1 orders wait, 0 in doubt; paper: the venue answers in 151 ms "
        "(limit 150 ms, urgency 0.3 < 0.8)"
    )


def test_an_urgent_order_launches_whatever_the_latency(tick: Tick, stores: Stores) -> None:
    queue_order(stores, urgency="0.8")
    requests, _ = tick(make_venue(round_trip_ms=5_000))
    assert len(requests) == 1


def test_an_order_in_doubt_launches_whatever_the_latency(tick: Tick, stores: Stores) -> None:
    queue_order(stores)
    send_without_booking(stores)
    [request], _ = tick(make_venue(round_trip_ms=5_000))
    assert request.tags["trimtab/reason"] == "0 orders wait, 1 in doubt"
    assert request.run_key.startswith("drain-2-")


def test_a_session_that_is_starting_needs_no_second(
    tick: Tick, stores: Stores, instance: dg.DagsterInstance
) -> None:
    queue_order(stores)
    start_drain_run(instance)
    requests, reason = tick(make_venue())
    assert requests == []
    assert "a drain session is starting (run " in reason


def test_a_venue_that_is_down_is_a_reason_and_no_crash(tick: Tick, stores: Stores) -> None:
    queue_order(stores)
    requests, reason = tick(make_venue(round_trip_ms=None))
    assert requests == []
    assert "paper: the venue does not answer (limit 150 ms" in reason


def test_a_real_client_of_a_venue_that_is_down_is_a_reason_too(
    tick: Tick, stores: Stores, settings: Settings
) -> None:
    queue_order(stores)
    paper = settings.venues["paper"].model_copy(update={"rest_url": "http://127.0.0.1:1"})
    away = settings.model_copy(update={"venues": {"paper": paper}})
    requests, reason = tick(Venues(away, SystemClock()))
    assert requests == []
    assert "paper: the venue does not answer (limit 150 ms" in reason


def test_a_queue_that_redis_has_lost_is_filled_from_the_books_and_drained(
    tick: Tick, stores: Stores
) -> None:
    order = make_queueable_order()
    halt = freeze_of(order.portfolio, "balances moved without us", now_ms=order.planned_at_ms)
    asyncio.run(stores.ledger.record_planned([order], now_ms=order.planned_at_ms))
    asyncio.run(stores.ledger.record_halt(halt))
    assert stores.queue.is_lost()
    [request], _ = tick(make_venue())
    assert request.tags["trimtab/reason"] == "0 orders wait, 1 in doubt"
    assert stores.queue.live_orders(order.portfolio) == (order,)
    assert stores.controls.halts() == (halt,)
    assert not stores.queue.is_lost()


def test_one_window_asks_under_one_run_key(tick: Tick, stores: Stores) -> None:
    queue_order(stores)
    keys = {tick(make_venue())[0][0].run_key for _ in range(2)}
    assert len(keys) <= 2  # A window may end between the two.
    assert all(key.startswith("drain-1-") for key in keys)


def test_redis_that_is_down_is_told_with_its_place_and_its_setting(
    tick: Tick, migrated: tuple[str, object]
) -> None:
    away = make_settings(database_url=migrated[0], redis_url="redis://127.0.0.1:1/0")
    with open_stores(away) as gone, pytest.raises(StoreUnavailable) as error:
        tick(make_venue(), to=gone)
    assert "127.0.0.1:1" in str(error.value)
    assert "TRIMTAB_REDIS_URL" in str(error.value)
