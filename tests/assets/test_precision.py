"""Market rules by day: today from the venue, a past day from the archive, a lost day says so."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import Engine, select

from rebalancer.money import Symbol
from rebalancer.orders import VenueName
from rebalancer.precision import MarketRule
from resources.settings import Settings
from resources.tables_market import market_precision
from resources.wiring import Stores
from tests.assets.location import (
    FakeVenues,
    Location,
    make_location,
    make_settings,
    make_venue,
    materialized,
    red_checks,
)
from tests.factories import VENUE, make_raw_rule, make_rule, make_symbol
from tests.fakes.clock import FakeClock

DAY = date(2025, 6, 15)
NOON_MS = int(datetime(2025, 6, 15, 12, tzinfo=UTC).timestamp() * 1_000)
DAY_MS = 86_400_000
FIRST, LAST = DAY - timedelta(days=9), DAY
ARCHIVED = [DAY - timedelta(days=back) for back in (9, 7, 5, 3, 1)]
RANGE_TAGS = {
    "dagster/asset_partition_range_start": f"{FIRST}|paper",
    "dagster/asset_partition_range_end": f"{LAST}|paper",
}


def _archive(stores: Stores, *, venue: VenueName = VENUE) -> None:
    for day in ARCHIVED:
        at_ms = NOON_MS - (DAY - day).days * DAY_MS
        rule = make_rule("BTC", observed_at_ms=at_ms)
        stores.archive.record_rules(venue, day, [(rule, json.dumps({"day": str(day)}))])


@pytest.fixture
def location(instance: dg.DagsterInstance, settings: Settings, stores: Stores) -> Location:
    clock = FakeClock(NOON_MS)
    return make_location(instance, settings, make_venue(clock), stores=stores, clock=clock)


def test_a_backfill_in_one_run_materializes_only_the_days_that_were_observed(
    location: Location, stores: Stores, books: Engine
) -> None:
    _archive(stores)
    result = location.run("sync_precision", tags=RANGE_TAGS)
    assert result.success
    done = {event.partition for event in result.get_asset_materialization_events()}
    assert done == {f"{day}|paper" for day in [*ARCHIVED, DAY]}
    notes = _observations(result)
    assert set(notes) == {f"{DAY - timedelta(days=back)}|paper" for back in (8, 6, 4, 2)}
    for key, note in notes.items():
        assert note == f"nobody observed paper on {key[:10]}; its rules that day are unknown"
    with books.connect() as connection:
        assert set(connection.scalars(select(market_precision.c.day))) == {*ARCHIVED, DAY}


def test_the_partitions_view_shows_which_days_are_known(location: Location, stores: Stores) -> None:
    _archive(stores)
    result = location.run("sync_precision", tags=RANGE_TAGS)
    key = dg.AssetKey("market_precision")
    known = location.instance.get_materialized_partitions(key)
    assert known == {f"{day}|paper" for day in [*ARCHIVED, DAY]}
    partitions = location.definitions.resolve_assets_def(key).partitions_def
    assert partitions is not None
    days = [FIRST + timedelta(days=number) for number in range(10)]
    status = location.instance.get_status_by_partition(
        key, [f"{day}|paper" for day in days], partitions
    )
    assert status is not None
    seen = {day for day in days if status[f"{day}|paper"] is not None}
    assert seen == {*ARCHIVED, DAY}
    assert result.success


def test_todays_rules_are_kept_under_today_with_the_payload_of_the_venue(
    location: Location, stores: Stores
) -> None:
    result = location.sync(str(DAY))
    assert result.success
    rows = stores.archive.read_precision_day(VENUE, DAY)
    assert {row.rule.symbol.base: json.loads(row.payload) for row in rows} == {
        base: {"symbol": base} for base in ("BTC", "ETH", "SOL")
    }
    [event] = result.get_asset_materialization_events()
    assert event.partition == f"{DAY}|paper"
    assert event.materialization.metadata["source"].value == "venue"


@pytest.mark.parametrize("days_ago", [-1, 1, 30])
def test_todays_rules_are_never_written_under_another_day(
    days_ago: int, location: Location, books: Engine
) -> None:
    day = DAY - timedelta(days=days_ago)
    result = location.sync(str(day))
    assert result.success
    assert materialized(result) == set()
    assert list(_observations(result)) == [f"{day}|paper"]
    with books.connect() as connection:
        assert list(connection.scalars(select(market_precision.c.day))) == []


def test_rules_that_changed_since_the_last_observation_are_counted(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    _archive(stores)
    clock = FakeClock(NOON_MS)
    changed = [make_raw_rule("BTC", price_step="0.1"), make_raw_rule("ETH"), make_raw_rule("SOL")]
    venue = make_venue(clock, rules=changed)
    location = make_location(instance, settings, venue, stores=stores, clock=clock)
    [event] = location.sync(str(DAY)).get_asset_materialization_events()
    assert event.materialization.metadata["changed_since_last"].value == 1


def test_the_archive_is_read_by_the_day_a_cycle_belongs_to(
    location: Location, stores: Stores
) -> None:
    _archive(stores)
    location.sync(str(DAY))
    yesterday = _rules(stores, DAY - timedelta(days=1))
    assert set(yesterday) == {make_symbol("BTC")}
    assert set(_rules(stores, DAY)) == {make_symbol(base) for base in ("BTC", "ETH", "SOL")}


def test_a_bad_rule_of_today_does_not_stop_the_recall_of_past_days(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    _archive(stores)
    clock = FakeClock(NOON_MS)
    venue = make_venue(clock, rules=[make_raw_rule("BTC", price_step="NaN")])
    location = make_location(instance, settings, venue, stores=stores, clock=clock)
    result = location.run("sync_precision", tags=RANGE_TAGS)
    assert not result.success
    assert set(red_checks(result)) == {"rules_are_sound"}
    assert instance.get_materialized_partitions(dg.AssetKey("market_precision")) >= {
        f"{day}|paper" for day in ARCHIVED
    }


def test_a_backfill_over_two_venues_keeps_them_apart(
    instance: dg.DagsterInstance, migrated: tuple[str, Engine], redis_url: str, stores: Stores
) -> None:
    two = make_settings(database_url=migrated[0], redis_url=redis_url, venues=["paper", "second"])
    _archive(stores, venue=VenueName("second"))
    clock = FakeClock(NOON_MS)
    location = make_location(instance, two, make_venue(clock), stores=stores, clock=clock)
    tags = {name: text.replace("|paper", "|second") for name, text in RANGE_TAGS.items()}
    assert location.run("sync_precision", tags=tags).success
    known = instance.get_materialized_partitions(dg.AssetKey("market_precision"))
    assert known == {f"{day}|second" for day in [*ARCHIVED, DAY]}


@pytest.mark.parametrize("bad_venue", [None, "paper", "second"])
def test_one_run_over_two_venues_observes_both_under_one_check(
    bad_venue: str | None,
    instance: dg.DagsterInstance,
    migrated: tuple[str, Engine],
    redis_url: str,
    stores: Stores,
) -> None:
    two = make_settings(database_url=migrated[0], redis_url=redis_url, venues=["paper", "second"])
    clock = FakeClock(NOON_MS)
    poisoned = [make_raw_rule(base, price_step="NaN") for base in ("BTC", "ETH", "SOL")]
    venues = {
        name: make_venue(clock, rules=poisoned) if name == bad_venue else make_venue(clock)
        for name in two.venues
    }
    location = make_location(instance, two, venues["paper"], stores=stores, clock=clock)
    location = replace(location, resources={**location.resources, "venues": FakeVenues(venues)})
    tags = {
        "dagster/asset_partition_range_start": f"{DAY}|paper",
        "dagster/asset_partition_range_end": f"{DAY}|second",
    }
    result = location.run("sync_precision", tags=tags)
    assert result.success == (bad_venue is None)
    assert len(result.get_asset_check_evaluations()) == 1
    sound = {name for name in two.venues if stores.archive.read_precision_day(VenueName(name), DAY)}
    assert sound == set(two.venues) - {bad_venue}
    known = instance.get_materialized_partitions(dg.AssetKey("market_precision"))
    assert known == {f"{DAY}|{name}" for name in sound}


def _rules(stores: Stores, day: date) -> Mapping[Symbol, MarketRule]:
    symbols = [make_symbol(base) for base in ("BTC", "ETH", "SOL")]
    return stores.archive.read_rules(VENUE, symbols, on_or_before=day)


def _observations(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Partition → what the observation says of it."""
    told = [event.asset_observation_data.asset_observation for event in _observed(result)]
    return {str(seen.partition): str(seen.metadata["note"].value) for seen in told}


def _observed(result: dg.ExecuteInProcessResult) -> list[dg.DagsterEvent]:
    return [event for event in result.all_events if event.is_asset_observation]
