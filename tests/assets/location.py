"""The code location under test: the real definitions and stores, on a venue that a test scripts.

Belongs here: running jobs in process and reading what Dagster saw. Assertions belong in the tests.
"""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run
from pydantic import SecretStr

from assets.checks import CYCLE_TAG
from pipelines.build import build_definitions
from rebalancer.balances import RawBalance
from rebalancer.money import Asset
from rebalancer.orders import VenueName
from rebalancer.ports import Alarm, Clock, Venue
from rebalancer.quotes import RawTicker
from rebalancer.venue_tap import VenueTap
from resources.settings import DrainSettings, Settings
from resources.settings_portfolio import PortfolioSettings
from resources.settings_venue import VenueSettings
from resources.system_clock import SystemClock
from resources.wiring import Stores
from tests.factories import NOW_MS, make_raw_rule, make_raw_ticker
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.venue import FakeVenue

PRICES = {"BTC": "50000", "ETH": "2500", "SOL": "100"}
HOLDINGS = {"USDC": "25000", "BTC": "1.5"}
TARGETS_BPS = {"BTC": 4_000, "ETH": 3_000, "SOL": 1_500, "USDC": 1_500}
UI = "http://ui.test"
INPUT_ASSETS = ("sanitized_tickers", "balances", "drift_signals", "rebalance_orders")


def make_settings(
    *,
    database_url: str = "postgresql+psycopg2://nobody@127.0.0.1:1/none",
    redis_url: str = "redis://127.0.0.1:1/0",
    venues: Sequence[str] = ("paper",),
) -> Settings:
    """One portfolio on each venue; the first is called core."""
    names = ["core", *(f"core_{number}" for number in range(2, len(venues) + 1))]
    return Settings(
        database_url=SecretStr(database_url),
        dagster_database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        ui_url=UI,
        venues={
            name: VenueSettings(exchange="binance", orders_per_second_max=100) for name in venues
        },
        portfolios={
            name: PortfolioSettings(venue=venue, quote="USDC", targets_bps=TARGETS_BPS)
            for name, venue in zip(names, venues, strict=True)
        },
        drain=DrainSettings(idle_ms=150),
    )


def make_tickers(**changes: RawTicker | None) -> list[RawTicker]:
    """A sound ticker for each targeted base; a change replaces one, None leaves it out."""
    sound = {
        base: make_raw_ticker(base, bid=price, ask=f"{price}.01", last=price)
        for base, price in PRICES.items()
    }
    return [ticker for ticker in (sound | changes).values() if ticker is not None]


def make_holdings(**amounts: str) -> list[RawBalance]:
    return [RawBalance(Asset(name), free, "0", NOW_MS) for name, free in amounts.items()]


def make_venue(clock: Clock | None = None, **changes: object) -> FakeVenue:
    """A venue that lists and quotes what the portfolio targets, and holds too much BTC."""
    fields: dict[str, object] = {
        "rules": [make_raw_rule(base, payload=json.dumps({"symbol": base})) for base in PRICES],
        "tickers": make_tickers(),
        "balances": make_holdings(**HOLDINGS),
    }
    return FakeVenue(clock or SystemClock(), **(fields | changes))  # type: ignore[arg-type]


class FakeVenues:
    """Lends the venues it was made with, in the place of resources.wiring.Venues."""

    def __init__(self, venues: Mapping[str, Venue]) -> None:
        self._venues = dict(venues)

    @asynccontextmanager
    async def connect(self, name: VenueName, tap: VenueTap) -> AsyncIterator[Venue]:
        del tap
        yield self._venues[name]


@dataclass(frozen=True)
class Location:
    """Definitions with their resources, and the Dagster instance they run on."""

    settings: Settings
    instance: dg.DagsterInstance
    resources: Mapping[str, object]
    config_file: Path | None = None

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(
            self.settings, config_file=self.config_file, resources=self.resources
        )

    def run(
        self,
        job: str,
        *,
        partition: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        """One run in this process; a failed one is returned, not raised."""
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            partition_key=partition,
            tags=dict(tags or {}),
            raise_on_error=False,
        )

    def retry(self, job: str, first_run_id: str, *, partition: str) -> dg.JobExecutionResult:
        """Run a job again as Dagster's daemon does: a new run that knows the first of its chain."""
        definition = self.definitions.resolve_job_def(job)
        run = self.instance.create_run_for_job(
            definition,
            tags={"dagster/partition": partition},
            root_run_id=first_run_id,
            parent_run_id=first_run_id,
        )
        return execute_run(InMemoryJob(definition), run, self.instance)

    def sync(self, day: str | None = None, *, venue: str = "paper") -> dg.ExecuteInProcessResult:
        key = dg.MultiPartitionKey({"day": day or today(), "venue": venue})
        return self.run("sync_precision", partition=key)

    def rebalance(self, cycle_id: str, *, portfolio: str = "core") -> dg.ExecuteInProcessResult:
        return self.run("rebalance", partition=portfolio, tags={CYCLE_TAG: cycle_id})

    def drain(self) -> dg.ExecuteInProcessResult:
        return self.run("drain_orders")


def make_location(
    instance: dg.DagsterInstance,
    settings: Settings,
    venue: Venue,
    *,
    stores: Stores | None = None,
    clock: Clock | None = None,
    alarm: Alarm | None = None,
) -> Location:
    """The location with every resource replaced by a value, on one venue for all names."""
    return Location(
        settings,
        instance,
        {
            "settings": settings,
            "clock": clock or SystemClock(),
            "venues": FakeVenues(dict.fromkeys(settings.venues, venue)),
            "stores": stores or dg.ResourceDefinition.none_resource(),
            "alarm": alarm or RecordingAlarm(),
        },
    )


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def red_checks(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    """Each check of the run that was red, with what it said."""
    return {
        evaluation.check_name: evaluation.description or ""
        for evaluation in result.get_asset_check_evaluations()
        if not evaluation.passed
    }


def green_checks(result: dg.ExecuteInProcessResult) -> set[str]:
    return {e.check_name for e in result.get_asset_check_evaluations() if e.passed}


def materialized(result: dg.ExecuteInProcessResult) -> set[str]:
    """The assets this run materialized."""
    return {
        event.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
        if event.asset_key is not None
    }
