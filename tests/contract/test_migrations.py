"""The tables that migrations leave are the tables the code expects, whoever upgrades, and when."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text
from sqlalchemy.exc import IntegrityError

from rebalancer.errors import BadConfig
from rebalancer.order_states import OrderState
from resources.embedded import ServerUrls
from resources.postgres_archive import PostgresArchive
from resources.postgres_connection import open_engine
from resources.postgres_ledger import PostgresLedger
from resources.postgres_schema import ensure_order_history_partitions, upgrade_database
from resources.tables import metadata
from tests.factories import NOW_MS, make_order
from tests.plugins.servers import fresh_database

TODAY = date(2023, 11, 14)
"""The day of NOW_MS."""
CATALOG = text(
    """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace AND contype <> 'n'
      AND conrelid::regclass::text !~ '^(order_history_|alembic)'
    UNION ALL
    SELECT tablename, indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND tablename !~ '^(order_history_|alembic)'
    UNION ALL
    SELECT table_name, column_name,
           concat_ws(' ', data_type, is_nullable, column_default, numeric_scale)
    FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name !~ '^(order_history_|alembic)'
    ORDER BY 1, 2, 3
    """
)


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    """A pool on a database without tables."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def migrated(empty: Engine) -> Engine:
    """A database of this test alone, at the newest revision."""
    upgrade_database(empty)
    return empty


def read_catalog(engine: Engine) -> list[tuple[str, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(CATALOG)]


def partitions(engine: Engine) -> set[str]:
    query = text(
        "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:t)"
    )
    with engine.connect() as connection:
        return set(connection.scalars(query, {"t": "order_history"}))


def test_the_migrated_schema_is_the_one_the_code_expects(migrated: Engine) -> None:
    def include_name(name: str | None, kind: str, _: object) -> bool:
        return kind != "table" or not (name or "").startswith("order_history_")

    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": include_name})
        assert compare_metadata(context, metadata) == []


def test_every_column_check_and_index_is_the_one_the_code_expects(
    migrated: Engine, servers: ServerUrls
) -> None:
    with fresh_database(servers) as url:
        declared = open_engine(url)
        metadata.create_all(declared)
        expected = read_catalog(declared)
        declared.dispose()
    assert len(expected) > 100
    assert read_catalog(migrated) == expected


def test_upgrading_twice_changes_nothing(migrated: Engine) -> None:
    before = read_catalog(migrated)
    assert upgrade_database(migrated) == "0005"
    assert read_catalog(migrated) == before


def test_a_url_is_as_good_as_an_engine(database_url: str) -> None:
    assert upgrade_database(database_url) == "0005"


def test_two_processes_may_upgrade_at_once(database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(upgrade_database, [database_url] * 4)) == {"0005"}


def test_upgrading_leaves_logging_alone(empty: Engine) -> None:
    root = logging.getLogger()
    before = (root.level, list(root.handlers), logging.getLogger("alembic").level)
    upgrade_database(empty)
    assert (root.level, list(root.handlers), logging.getLogger("alembic").level) == before


def test_a_database_of_a_newer_version_is_refused_by_name(migrated: Engine) -> None:
    with migrated.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9000'"))
    with pytest.raises(BadConfig, match=r"revision 9000.* up to 0005.*install") as caught:
        upgrade_database(migrated)
    assert str(migrated.url.password) not in str(caught.value)


async def test_history_can_be_neither_changed_nor_removed(migrated: Engine) -> None:
    await PostgresLedger(migrated).record_planned([make_order()], now_ms=NOW_MS)
    for statement in (
        "UPDATE order_history SET detail = 'better'",
        "DELETE FROM order_history",
        "DELETE FROM order_history_default",
        "TRUNCATE order_history",
    ):
        with (
            pytest.raises(IntegrityError, match="append-only"),
            migrated.begin() as connection,
        ):
            connection.execute(text(statement))


def test_partitions_are_made_ahead_once_across_the_new_year(migrated: Engine) -> None:
    made = ensure_order_history_partitions(migrated, today=date(2025, 12, 31), months_ahead=2)
    names = ("order_history_2025_12", "order_history_2026_01", "order_history_2026_02")
    assert made == names
    assert ensure_order_history_partitions(migrated, today=date(2026, 1, 1), months_ahead=1) == ()
    assert partitions(migrated) == {*names, "order_history_default"}


async def test_an_event_without_its_month_is_kept_and_moves_there_later(migrated: Engine) -> None:
    order, ledger = make_order(), PostgresLedger(migrated)
    await ledger.record_planned([order], now_ms=NOW_MS)
    await ledger.note(order, OrderState.QUEUED, detail=None, now_ms=NOW_MS)
    made = ensure_order_history_partitions(migrated, today=TODAY, months_ahead=0)
    assert made == ("order_history_2023_11",)
    with migrated.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM order_history_2023_11")) == 2
        assert connection.scalar(text("SELECT count(*) FROM order_history_default")) == 0
    history = PostgresArchive(migrated).read_history(order.client_order_id)
    assert [event.state for event in history] == [OrderState.PLANNED, OrderState.QUEUED]


async def test_a_default_partition_made_anew_is_append_only_too(migrated: Engine) -> None:
    order, ledger = make_order(), PostgresLedger(migrated)
    await ledger.record_planned([order], now_ms=0)
    await ledger.note(order, OrderState.QUEUED, detail=None, now_ms=NOW_MS)
    ensure_order_history_partitions(migrated, today=TODAY, months_ahead=0)
    for part in ("order_history_default", "order_history_2023_11"):
        with pytest.raises(IntegrityError, match="append-only"), migrated.begin() as connection:
            connection.execute(text(f"DELETE FROM {part}"))


def test_partitions_may_be_ensured_by_several_at_once(migrated: Engine) -> None:
    def ensure(months_ahead: int) -> tuple[str, ...]:
        return ensure_order_history_partitions(migrated, today=TODAY, months_ahead=months_ahead)

    with ThreadPoolExecutor(4) as pool:
        made = [name for names in pool.map(ensure, [5, 5, 5, 5]) for name in names]
    assert len(made) == len(set(made)) == 6
