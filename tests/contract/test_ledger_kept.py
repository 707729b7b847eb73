"""What PostgreSQL keeps of halts, windows and baselines for whoever asks later, and how much."""

import asyncio
from dataclasses import replace

import pytest
from sqlalchemy import Engine, Table, func, select

from rebalancer.account import VenueOrderKey
from rebalancer.controls import EVERYTHING, HaltKind, MaintenanceWindow, TradingHalt
from rebalancer.money import to_decimal
from rebalancer.orders import PortfolioName
from rebalancer.reconciliation import Baseline
from resources.postgres_accounts import BASELINES_KEPT
from resources.postgres_ledger import PostgresLedger
from resources.tables_controls import (
    account_baselines,
    baseline_totals,
    ignored_orders,
    maintenance_windows,
    trading_halts,
)
from tests.factories import CASH, NOW_MS, PORTFOLIO, VENUE, make_symbol

LATER_MS = NOW_MS + 1_000
HALT = TradingHalt(EVERYTHING, HaltKind.BY_HAND, "looking into it", "ann", NOW_MS)
WINDOW = MaintenanceWindow("w1", VENUE, NOW_MS, 60_000, None, None, "")


@pytest.fixture
def ledger(engine: Engine) -> PostgresLedger:
    return PostgresLedger(engine)


def rows_of(engine: Engine, table: Table, *names: str) -> list[tuple[object, ...]]:
    query = select(*(table.c[name] for name in names)).order_by(*table.primary_key.columns)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


async def test_a_lifted_halt_is_kept_with_who_lifted_it(
    engine: Engine, ledger: PostgresLedger
) -> None:
    await ledger.record_halt(HALT)
    await ledger.lift_halt(HALT.scope, HALT.kind, actor="bob", now_ms=LATER_MS)
    await ledger.record_halt(replace(HALT, actor="eve", at_ms=LATER_MS))
    assert rows_of(engine, trading_halts, "actor", "at", "lifted_at", "lifted_by") == [
        ("ann", NOW_MS, LATER_MS, "bob"),
        ("eve", LATER_MS, None, None),
    ]


async def test_windows_replaced_and_removed_are_kept_with_who_did_it(
    engine: Engine, ledger: PostgresLedger
) -> None:
    longer = replace(WINDOW, duration_ms=90_000)
    for actor, window in (("ann", WINDOW), ("ann", WINDOW), ("bob", longer)):
        await ledger.record_window(window, actor=actor, now_ms=NOW_MS)
    await ledger.remove_window("w1", actor="eve", now_ms=LATER_MS)
    assert rows_of(
        engine, maintenance_windows, "duration_ms", "added_by", "removed_at", "removed_by"
    ) == [(60_000, "ann", NOW_MS, "bob"), (90_000, "bob", LATER_MS, "eve")]


async def test_rivals_leave_one_halt_and_one_window_in_force(
    engine: Engine, ledger: PostgresLedger
) -> None:
    windows = [replace(WINDOW, duration_ms=60_000 + number) for number in range(8)]
    halts = [replace(HALT, reason=str(number)) for number in range(8)]
    await asyncio.gather(
        *(ledger.record_window(window, actor="ann", now_ms=NOW_MS) for window in windows),
        *(ledger.record_halt(halt) for halt in halts),
    )
    assert len(await ledger.read_halts()) == 1
    assert len(await ledger.read_windows()) == 1
    assert len(rows_of(engine, trading_halts, "reason")) == 1
    assert len(rows_of(engine, maintenance_windows, "row_id")) == 8


async def test_who_ignored_an_order_first_is_kept(engine: Engine, ledger: PostgresLedger) -> None:
    key = VenueOrderKey(make_symbol(), "v-8")
    for actor in ("ann", "bob"):
        await ledger.record_ignored(VENUE, key, actor=actor, reason="\0", now_ms=NOW_MS)
    assert rows_of(engine, ignored_orders, "actor", "reason", "at") == [("ann", "␀", NOW_MS)]


async def test_old_baselines_of_a_portfolio_make_room_for_new_ones(
    engine: Engine, ledger: PostgresLedger
) -> None:
    other = Baseline(PortfolioName("other"), {CASH: to_decimal(7)}, 0)
    await ledger.record_baseline(other)
    for number in range(BASELINES_KEPT + 5):
        await ledger.record_baseline(
            Baseline(PORTFOLIO, {CASH: to_decimal(number)}, NOW_MS + number)
        )
    with engine.connect() as connection:
        for table in (account_baselines, baseline_totals):
            kept = connection.scalar(select(func.count()).select_from(table))
            assert kept == BASELINES_KEPT + 1
    newest = await ledger.read_baseline(PORTFOLIO)
    assert newest is not None
    assert newest.totals == {CASH: to_decimal(BASELINES_KEPT + 4)}
    assert await ledger.read_baseline(other.portfolio) == other
