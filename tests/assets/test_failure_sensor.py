"""One alert for each failed run, and none for what nobody needs to know."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from rebalancer.errors import VenueUnavailable
from rebalancer.ports import Alert
from resources.settings import Settings
from resources.wiring import Stores
from sensors.failure_sensor import failure_sensor
from tests.assets.location import UI, Location, make_location, make_tickers, make_venue
from tests.factories import make_raw_ticker
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.venue import FakeVenue

Tick = Callable[[], tuple[Alert, ...]]
LocationMaker = Callable[[FakeVenue], Location]


@pytest.fixture
def location_of(instance: dg.DagsterInstance, settings: Settings, stores: Stores) -> LocationMaker:
    return lambda venue: make_location(instance, settings, venue, stores=stores)


@pytest.fixture
def tick(instance: dg.DagsterInstance, settings: Settings) -> Tick:
    """Evaluates the sensor once more, as the daemon would; returns what it sent at that tick."""
    cursors: list[str | None] = [None]

    def evaluate() -> tuple[Alert, ...]:
        alarm = RecordingAlarm()
        with dg.build_sensor_context(
            instance=instance,
            cursor=cursors[-1],
            resources={"settings": settings, "alarm": alarm},
        ) as context:
            data = failure_sensor.evaluate_tick(context)
        cursors.append(data.cursor)
        return alarm.alerts

    return evaluate


def down() -> FakeVenue:
    return make_venue(reads_fail=VenueUnavailable("connection refused", retry_after_ms=1_000))


def test_a_failed_run_raises_one_alert_that_says_what_and_where(
    tick: Tick, location_of: LocationMaker
) -> None:
    tick()
    result = location_of(down()).rebalance("c1")
    [alert] = tick()
    assert alert.title.startswith("rebalance failed at ")
    assert "connection refused" in alert.title
    assert "connection refused" in alert.detail
    assert alert.link == f"{UI}/runs/{result.run_id}"
    assert alert.tags["job"] == "rebalance"
    assert alert.tags["asset"] in ("sanitized_tickers", "balances")
    assert alert.tags["partition"] == "core"
    assert alert.tags["run"] == result.run_id


def test_a_run_failed_by_a_red_check_raises_one_alert_that_names_the_check(
    tick: Tick, location_of: LocationMaker
) -> None:
    tick()
    bad = make_raw_ticker("ETH", bid="NaN")
    location_of(make_venue(tickers=make_tickers(ETH=bad))).rebalance("c1")
    [alert] = tick()
    assert "sanitized_tickers" in alert.title
    assert "red check sanitized_tickers.tickers_are_sound" in alert.detail
    assert "sanitized_tickers.tickers_are_sound" in alert.fingerprint


def test_the_same_failure_again_has_the_same_fingerprint(
    tick: Tick, location_of: LocationMaker
) -> None:
    tick()
    location = location_of(down())
    location.rebalance("c1")
    location.rebalance("c2")
    first, second = tick()
    assert first.fingerprint == second.fingerprint
    assert first.link != second.link


def test_a_run_that_ended_well_raises_nothing(tick: Tick, location_of: LocationMaker) -> None:
    tick()
    location = location_of(make_venue())
    assert location.sync().success
    assert location.rebalance("c1").success
    assert tick() == ()


def test_the_first_tick_tells_nothing_of_what_was_before_it(
    tick: Tick, location_of: LocationMaker
) -> None:
    location_of(down()).rebalance("c1")
    assert tick() == ()
    assert tick() == ()


def test_an_alert_is_sent_once(tick: Tick, location_of: LocationMaker) -> None:
    tick()
    location_of(down()).rebalance("c1")
    assert len(tick()) == 1
    assert tick() == ()
    location_of(down()).rebalance("c2")
    assert len(tick()) == 1


def test_a_backfill_is_named_by_its_first_and_last_day(
    tick: Tick, location_of: LocationMaker
) -> None:
    tick()
    tags = {
        "dagster/asset_partition_range_start": "2025-06-01|paper",
        "dagster/asset_partition_range_end": "2025-06-02|paper",
    }
    location = location_of(make_venue())
    job = location.definitions.resolve_job_def("sync_precision")
    run = location.instance.create_run_for_job(job, tags=tags)
    location.instance.report_run_failed(run, "the worker was killed")
    [alert] = tick()
    assert alert.tags["partition"] == "2025-06-01|paper … 2025-06-02|paper"


def test_a_run_that_was_killed_raises_an_alert_too(tick: Tick, location_of: LocationMaker) -> None:
    tick()
    location = location_of(make_venue())
    run = location.instance.create_run_for_job(location.definitions.resolve_job_def("rebalance"))
    location.instance.report_run_failed(run, "the worker was killed")
    [alert] = tick()
    assert "the worker was killed" in alert.title
    assert alert.tags["run"] == run.run_id


def test_a_red_check_of_a_run_that_ended_well_raises_an_alert_too(
    tick: Tick, instance: dg.DagsterInstance
) -> None:
    tick()

    @dg.asset(check_specs=[dg.AssetCheckSpec("is_round", asset="wheel")])
    def wheel() -> Iterator[Any]:
        yield dg.AssetCheckResult(passed=False, check_name="is_round", description="square")
        yield dg.MaterializeResult()

    assert dg.materialize([wheel], instance=instance).success
    [alert] = tick()
    assert "wheel.is_round" in alert.title
    assert "square" in alert.detail
    assert tick() == ()
