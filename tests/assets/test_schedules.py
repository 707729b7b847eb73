"""What the clock starts: one run per portfolio or venue, named after the tick and nothing else."""

from datetime import UTC, datetime, timedelta, timezone

import dagster as dg
import pytest

from assets.checks import CYCLE_TAG
from pipelines.build import build_definitions
from resources.settings import Settings
from tests.assets.location import make_settings

TICK = datetime(2026, 3, 29, 0, 5, tzinfo=UTC)
"""A day whose clocks change in Europe, five past midnight UTC."""


@pytest.fixture(scope="module")
def two_venues() -> Settings:
    return make_settings(venues=["paper", "second"])


def requests_of(name: str, settings: Settings, at: datetime) -> list[dg.RunRequest]:
    """What the schedule asks for at a tick, as the daemon would ask it."""
    location = build_definitions(settings, config_file=None, resources={"settings": settings})
    schedule = location.resolve_schedule_def(name)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance,
            scheduled_execution_time=at,
            resources={"settings": settings},
            repository_def=location.get_repository_def(),
        ) as context,
    ):
        return list(schedule.evaluate_tick(context).run_requests or [])


def test_every_minute_each_portfolio_gets_a_cycle_named_after_the_tick(
    two_venues: Settings,
) -> None:
    requests = requests_of("rebalance_every_minute", two_venues, TICK)
    assert [request.partition_key for request in requests] == ["core", "core_2"]
    cycles = [request.tags[CYCLE_TAG] for request in requests]
    assert cycles == ["core-20260329T0005", "core_2-20260329T0005"]
    assert [request.run_key for request in requests] == [f"rebalance-{c}" for c in cycles]


@pytest.mark.parametrize("name", ["rebalance_every_minute", "precision_daily"])
def test_a_tick_evaluated_again_asks_for_the_same_runs(name: str, two_venues: Settings) -> None:
    elsewhere = TICK.astimezone(timezone(timedelta(hours=5, minutes=45)))
    first, again, abroad = (requests_of(name, two_venues, at) for at in (TICK, TICK, elsewhere))
    assert _names(first) == _names(again) == _names(abroad)


def test_the_next_tick_is_another_cycle(two_venues: Settings) -> None:
    now = requests_of("rebalance_every_minute", two_venues, TICK)
    later = requests_of("rebalance_every_minute", two_venues, TICK + timedelta(minutes=1))
    assert not {name for name, _ in _names(now)} & {name for name, _ in _names(later)}


def test_every_day_each_venue_gets_the_partition_of_that_day(two_venues: Settings) -> None:
    requests = requests_of("precision_daily", two_venues, TICK)
    assert [request.run_key for request in requests] == [
        "precision-paper-2026-03-29",
        "precision-second-2026-03-29",
    ]
    assert [str(request.partition_key) for request in requests] == [
        "2026-03-29|paper",
        "2026-03-29|second",
    ]


def test_the_partitions_of_the_history_are_made_once_a_day(two_venues: Settings) -> None:
    [request] = requests_of("order_history_daily", two_venues, TICK)
    assert request.partition_key is None


def _names(requests: list[dg.RunRequest]) -> list[tuple[str | None, str]]:
    return [(request.run_key, str(request.partition_key)) for request in requests]
