"""What an upgrade makes of the rows that an older version has written: nothing is lost."""

from collections.abc import Iterator
from datetime import date

import pytest
from alembic import command
from sqlalchemy import Engine, text

from rebalancer.money import to_decimal
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId
from rebalancer.settlement import NotFound, settle
from resources.archive_rows import OrderRow
from resources.postgres_archive import PostgresArchive
from resources.postgres_connection import open_engine
from resources.postgres_ledger import PostgresLedger
from resources.postgres_schema import (
    alembic_config,
    ensure_order_history_partitions,
    upgrade_database,
)
from tests.contract.books import make_settlement
from tests.factories import NOW_MS, PORTFOLIO, make_fill, make_rule

WRITTEN_BEFORE = """
    INSERT INTO market_precision VALUES (
        'paper', 'BTC/USDC', '2023-11-14', 'v1', 0.001, 0.0001, NULL, 0.01, 115, '{}',
        '2023-11-14T12:00Z', '2023-11-14T12:00Z'
    );
    INSERT INTO orders (
        client_order_id, cycle_id, portfolio, asset, venue, symbol, side, amount_base,
        limit_price_quote, arrival_mid_quote, drift_bps, urgency, rules_version, planned_at,
        expires_at, slice_index, attempt, residual_of, state, filled_base, paid_quote,
        recorded_at, settled_at, venue_order_id
    )
    SELECT id, 'c1', 'core', 'BTC', 'paper', 'BTC/USDC', 'buy', 1.50, 50000.00, 49950, -500, 0.5,
        rules, '2023-11-14T12:00Z', '2023-11-14T13:00Z', 0, 0, parent, state, filled, paid,
        '2023-11-14T12:00Z', settled::timestamptz, venue_id
    FROM (VALUES
        ('first', 'v1', NULL, 'partially_filled', 0.5, 25000, '2023-11-14T12:30Z', 'v-1'),
        ('second', 'gone', 'first', 'in_doubt', 0, 0, NULL, NULL),
        ('third', 'v1', NULL, 'not_found', 0, 0, '2023-11-14T12:30Z', NULL)
    ) AS known (id, rules, parent, state, filled, paid, settled, venue_id);
    INSERT INTO fills VALUES (
        'paper', 'BTC/USDC', 't1', 'first', 0.5, 50000, 'USDC', 0.01, false, '2023-11-14T12:15Z'
    );
    INSERT INTO order_history VALUES
        ('first', '2023-11-14T12:00Z', 'queued', NULL),
        ('first', '2023-11-14T12:00Z', 'planned', NULL),
        ('first', '2023-11-14T12:30Z', 'partially_filled', NULL),
        ('third', '2023-11-14T12:30Z', 'not_found', 'absent twice');
"""


@pytest.fixture
def upgraded(database_url: str) -> Iterator[Engine]:
    """A database of the version before, with rows, brought to the newest."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0003")
        connection.execute(text(WRITTEN_BEFORE))
    upgrade_database(engine)
    yield engine
    engine.dispose()


def read_orders(engine: Engine) -> dict[str, OrderRow]:
    rows = PostgresArchive(engine).read_orders(limit=10)
    return {row.order.client_order_id: row for row in rows}


def test_orders_of_the_version_before_take_at_their_limit_and_rest_on_no_leg(
    upgraded: Engine,
) -> None:
    rows = read_orders(upgraded)
    for row in rows.values():
        assert row.order.style == "take"
        assert row.order.leg_rest_base == 0
        assert str(row.order.worst_price_quote) == str(row.order.limit_price_quote) == "50000.00"
        assert row.contradiction is None
    assert rows["second"].follows == "first"
    assert rows["first"].follows is None


def test_the_least_of_an_order_comes_from_the_rules_it_was_made_by(upgraded: Engine) -> None:
    rows = read_orders(upgraded)
    # 115 at 50_000 is 0.0023, and amounts go in steps of 0.001.
    assert rows["first"].order.least_base == to_decimal("0.003")
    assert rows["second"].order.least_base == rows["second"].order.amount_base


def test_the_history_of_the_version_before_keeps_its_order(upgraded: Engine) -> None:
    archive, key = PostgresArchive(upgraded), ClientOrderId("first")
    for _ in range(2):
        history = archive.read_history(key)
        assert [event.state for event in history] == ["planned", "queued", "partially_filled"]
        # The events move into the partition of their month.
        ensure_order_history_partitions(upgraded, today=date(2023, 11, 14), months_ahead=0)


async def test_trades_of_the_version_before_count_from_when_their_order_ended(
    upgraded: Engine,
) -> None:
    ledger = PostgresLedger(upgraded)
    settled_at_ms = read_orders(upgraded)["first"].settled_at_ms
    assert settled_at_ms is not None
    assert len(await ledger.read_traded(PORTFOLIO, since_ms=settled_at_ms - 1)) == 1
    assert await ledger.read_traded(PORTFOLIO, since_ms=settled_at_ms) == ()
    assert await ledger.read_turnover(since_ms=settled_at_ms) == {PORTFOLIO: to_decimal(25_000)}
    [booked] = await ledger.read_unsettled()
    assert (booked.order.client_order_id, booked.state) == ("second", OrderState.IN_DOUBT)


async def test_orders_of_the_version_before_go_on_where_they_stood(upgraded: Engine) -> None:
    ledger, now_ms = PostgresLedger(upgraded), NOW_MS + 86_400_000
    rows = read_orders(upgraded)
    doubtful, lost = rows["second"].order, rows["third"].order
    await ledger.record(settle(NotFound(doubtful), ()), now_ms=now_ms)
    late = make_settlement(lost, make_fill(lost, "2", trade_id="t2"))
    receipt = await ledger.record(late, now_ms=now_ms)
    assert "said not_found" in (receipt.contradiction or "")
    ensure_order_history_partitions(upgraded, today=date(2023, 11, 14), months_ahead=0)
    history = PostgresArchive(upgraded).read_history(lost.client_order_id)
    assert [event.state for event in history] == ["not_found", "filled"]
    assert read_orders(upgraded)["third"].filled_base == 2


async def test_rules_of_the_version_before_are_still_in_force(upgraded: Engine) -> None:
    archive, symbol = PostgresArchive(upgraded), make_rule().symbol
    rules = archive.read_rules(
        read_orders(upgraded)["first"].order.venue, [symbol], on_or_before=date(2023, 11, 15)
    )
    assert rules[symbol].amount_base_step == to_decimal("0.001")


CONTROLS_BEFORE = """
    INSERT INTO trading_halts (scope, kind, reason, actor, at)
    VALUES ('portfolio:core', 'halt', 'on holiday', 'ana', '2023-11-14T12:00Z');
    INSERT INTO ignored_orders (venue, venue_order_id, actor, reason, at)
    VALUES ('paper', '77', 'ana', 'her own', '2023-11-14T12:00Z');
"""
AS_0004_ONCE_WAS = """
    ALTER TABLE trading_halts ADD COLUMN is_paged boolean NOT NULL DEFAULT false;
    ALTER TABLE ignored_orders ADD COLUMN symbol text NOT NULL, DROP CONSTRAINT ignored_orders_pkey,
        ADD PRIMARY KEY (venue, symbol, venue_order_id);
    INSERT INTO trading_halts (scope, kind, reason, actor, at, is_paged)
    VALUES ('portfolio:core', 'halt', 'on holiday', 'ana', '2023-11-14T12:00Z', true);
    INSERT INTO ignored_orders (venue, symbol, venue_order_id, actor, reason, at)
    VALUES ('paper', 'BTC/USDC', '77', 'ana', 'her own', '2023-11-14T12:00Z');
"""


def upgrade_from_0004(database_url: str, rows: str) -> tuple[bool, list[str]]:
    """Whether the halt that was there counts as paged, and the markets of the ignored orders."""
    engine = open_engine(database_url)
    with engine.begin() as connection:
        command.upgrade(alembic_config(connection), "0004")
        connection.execute(text(rows))
    upgrade_database(engine)
    with engine.connect() as connection:
        is_paged = connection.execute(text("SELECT is_paged FROM trading_halts")).scalar_one()
        symbols = connection.execute(text("SELECT symbol FROM ignored_orders")).scalars().all()
    engine.dispose()
    return is_paged, list(symbols)


def test_a_halt_of_the_version_before_is_paged_and_ignored_orders_are_asked_about_again(
    database_url: str,
) -> None:
    assert upgrade_from_0004(database_url, CONTROLS_BEFORE) == (False, [])


def test_a_database_whose_0004_held_these_columns_keeps_what_they_say(database_url: str) -> None:
    assert upgrade_from_0004(database_url, AS_0004_ONCE_WAS) == (True, ["BTC/USDC"])
