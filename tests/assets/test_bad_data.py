"""Bad data stops before the database: a red check, a row in quarantine, and no order."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import dagster as dg
import pytest
from pandera.config import CONFIG
from sqlalchemy import Engine, select

from rebalancer.balances import RawBalance
from rebalancer.errors import RebalancerError, VenueUnavailable
from rebalancer.faults import DataFault
from rebalancer.money import Asset
from rebalancer.quotes import RawTicker
from resources.settings import Settings
from resources.tables_market import balance_snapshots, market_precision, ticker_snapshots
from resources.wiring import Stores
from tests.assets.location import (
    HOLDINGS,
    PRICES,
    make_holdings,
    make_location,
    make_tickers,
    make_venue,
    materialized,
    red_checks,
    today,
)
from tests.factories import NOW_MS, make_raw_rule, make_raw_ticker
from tests.fakes.venue import FakeVenue

ROOT = Path(__file__).resolve().parents[2]
SOUND_ETH = make_raw_ticker("ETH", bid=PRICES["ETH"], ask=PRICES["ETH"], last=PRICES["ETH"])

BAD_TICKERS: dict[str, tuple[list[RawTicker], str, DataFault]] = {
    "a NaN bid": (
        make_tickers(ETH=replace(SOUND_ETH, bid="NaN")),
        "ETH/USDC",
        DataFault.NOT_FINITE,
    ),
    "an infinite last": (
        make_tickers(ETH=replace(SOUND_ETH, last="Infinity")),
        "ETH/USDC",
        DataFault.NOT_FINITE,
    ),
    "a minus infinite ask": (
        make_tickers(ETH=replace(SOUND_ETH, ask="-inf")),
        "ETH/USDC",
        DataFault.NOT_FINITE,
    ),
    "a negative bid": (
        make_tickers(ETH=replace(SOUND_ETH, bid="-1")),
        "ETH/USDC",
        DataFault.NOT_POSITIVE,
    ),
    "a crossed book": (
        make_tickers(ETH=replace(SOUND_ETH, bid="2501", ask="2500")),
        "ETH/USDC",
        DataFault.CROSSED_BOOK,
    ),
    "a missing field": (
        make_tickers(ETH=replace(SOUND_ETH, ask=None)),
        "ETH/USDC",
        DataFault.MISSING_FIELD,
    ),
    "a missing symbol": (make_tickers(ETH=None), "ETH/USDC", DataFault.MISSING_ROW),
    "a doubled row": ([*make_tickers(), SOUND_ETH], "ETH/USDC", DataFault.DUPLICATE_ROW),
    "words for a number": (
        make_tickers(ETH=replace(SOUND_ETH, last="soon")),
        "ETH/USDC",
        DataFault.NOT_A_NUMBER,
    ),
}


@pytest.mark.parametrize("case", BAD_TICKERS)
def test_a_bad_ticker_is_quarantined_and_stops_the_cycle(
    case: str, instance: dg.DagsterInstance, settings: Settings, stores: Stores, books: Engine
) -> None:
    tickers, subject, fault = BAD_TICKERS[case]
    venue = make_venue(tickers=tickers)
    location = make_location(instance, settings, venue, stores=stores)
    location.sync()
    result = location.rebalance("c1")
    assert not result.success
    assert "tickers_are_sound" in red_checks(result)
    assert not materialized(result) & {"drift_signals", "rebalance_orders"}
    kept = stores.archive.read_quarantine(source="tickers", limit=10)
    assert {(row.rejected.subject, row.rejected.fault) for row in kept} == {(subject, fault)}
    assert {row.batch_key for row in kept} == {"c1"}
    with books.connect() as connection:
        symbols = set(connection.scalars(select(ticker_snapshots.c.symbol)))
    assert symbols == {"BTC/USDC", "SOL/USDC"}
    _assert_nothing_was_sent(stores, venue)


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        (RawBalance(Asset("BTC"), "NaN", "0", NOW_MS), DataFault.NOT_FINITE),
        (RawBalance(Asset("BTC"), "1", "Infinity", NOW_MS), DataFault.NOT_FINITE),
        (RawBalance(Asset("BTC"), None, "0", NOW_MS), DataFault.MISSING_FIELD),
        (RawBalance(Asset("BTC"), "-1", "0", NOW_MS), DataFault.NOT_POSITIVE),
    ],
)
def test_an_unreadable_balance_is_quarantined_and_never_a_zero(
    row: RawBalance,
    fault: DataFault,
    instance: dg.DagsterInstance,
    settings: Settings,
    stores: Stores,
    books: Engine,
) -> None:
    venue = make_venue(balances=[*make_holdings(USDC=HOLDINGS["USDC"]), row])
    location = make_location(instance, settings, venue, stores=stores)
    location.sync()
    result = location.rebalance("c1")
    assert not result.success
    assert "balances_are_readable" in red_checks(result)
    assert not materialized(result) & {"drift_signals", "rebalance_orders"}
    [kept] = stores.archive.read_quarantine(source="balances", limit=10)
    assert (kept.rejected.subject, kept.rejected.fault) == ("BTC", fault)
    with books.connect() as connection:
        assert set(connection.scalars(select(balance_snapshots.c.asset))) == {"USDC"}
    _assert_nothing_was_sent(stores, venue)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"price_step": "NaN"}, DataFault.NOT_FINITE),
        ({"amount_step": "0"}, DataFault.NOT_POSITIVE),
        ({"notional_min": None}, DataFault.MISSING_FIELD),
        ({"amount_max": "Infinity"}, DataFault.NOT_FINITE),
    ],
)
def test_an_unreadable_rule_is_quarantined_and_its_check_is_red(
    changes: dict[str, str | None],
    fault: DataFault,
    instance: dg.DagsterInstance,
    settings: Settings,
    stores: Stores,
    books: Engine,
) -> None:
    rules = [make_raw_rule("BTC"), make_raw_rule("SOL"), make_raw_rule("ETH", **changes)]
    venue = make_venue(rules=rules)
    location = make_location(instance, settings, venue, stores=stores)
    synced = location.sync()
    assert not synced.success
    assert set(red_checks(synced)) == {"rules_are_sound"}
    [kept] = stores.archive.read_quarantine(source="market_precision", limit=10)
    assert (kept.rejected.subject, kept.rejected.fault) == ("ETH/USDC", fault)
    assert kept.batch_key == f"{today()}|paper"
    with books.connect() as connection:
        stored = set(connection.scalars(select(market_precision.c.symbol)))
    assert stored == {"BTC/USDC", "SOL/USDC"}
    cycle = location.rebalance("c1")
    assert set(red_checks(cycle)) == {"inputs_are_fresh_and_whole"}
    _assert_nothing_was_sent(stores, venue)


def test_pandera_switched_off_in_the_environment_is_refused() -> None:
    code = "from assets.schemas import TICKERS, screen; screen(TICKERS, [], wanted=None)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PANDERA_VALIDATION_ENABLED": "False"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert "BadConfig: pandera validation is switched off" in ended.stderr


@pytest.mark.parametrize("job", ["sync_precision", "rebalance"])
def test_nothing_runs_while_pandera_is_switched_off(
    job: str, instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    venue = make_venue()
    location = make_location(instance, settings, venue, stores=stores)
    CONFIG.validation_enabled = False
    try:
        result = location.sync() if job == "sync_precision" else location.rebalance("c1")
    finally:
        CONFIG.validation_enabled = True
    assert not result.success
    assert not result.get_asset_materialization_events()
    assert "PANDERA_VALIDATION_ENABLED" in _first_error(result)


@pytest.mark.parametrize(
    "error", [VenueUnavailable("the venue does not answer", retry_after_ms=1_000)]
)
def test_a_venue_that_is_down_fails_the_run_and_writes_nothing(
    error: RebalancerError,
    instance: dg.DagsterInstance,
    settings: Settings,
    stores: Stores,
    books: Engine,
) -> None:
    venue = make_venue(reads_fail=error)
    location = make_location(instance, settings, venue, stores=stores)
    result = location.rebalance("c1")
    assert not result.success
    assert "the venue does not answer" in _first_error(result)
    with books.connect() as connection:
        assert not list(connection.scalars(select(ticker_snapshots.c.symbol)))
    _assert_nothing_was_sent(stores, venue)


def _assert_nothing_was_sent(stores: Stores, venue: FakeVenue) -> None:
    assert stores.archive.read_orders(limit=10) == []
    assert stores.queue.depth().waiting == 0
    assert venue.sends == ()


def _first_error(result: dg.ExecuteInProcessResult) -> str:
    [failure, *_] = [event for event in result.all_events if event.is_step_failure]
    error = failure.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.to_string() if error is not None else ""
