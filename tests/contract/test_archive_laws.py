"""PostgreSQL itself refuses what must never be in a table, even from SQL written by hand."""

from decimal import Decimal

import pytest
from sqlalchemy import Column, Connection, Engine, Numeric, Table, text
from sqlalchemy.exc import IntegrityError

from resources.tables import metadata
from resources.tables_market import ticker_snapshots

COLUMNS = [
    (table, column)
    for table in metadata.sorted_tables
    for column in table.columns
    if isinstance(column.type, Numeric)
]
MONEY = [pytest.param(*pair, id=f"{pair[0].name}.{pair[1].name}") for pair in COLUMNS]
SIGNED = {"gap_quote", "drift_bps", "slippage_bps", "fee_amount", "total"}
ZERO_ALLOWED = SIGNED | {
    "amount_base_min", "notional_quote_min", "free", "locked", "value_quote", "target_quote",
    "weight_bps", "urgency", "filled_base", "paid_quote", "leg_rest_base",
}  # fmt: skip
SOUND: dict[str, object] = {
    "day": "2023-11-14",
    "precision_day": None,
    "ticker_symbol": None,
    "balance_asset": None,
    "follows": None,
    "settled_at": None,
    "style": "take",
    "scope": "venue:paper",
    "kind": "halt",
    "lifted_at": None,
    "lifted_by": None,
    "until_at": None,
    "removed_at": None,
    "removed_by": None,
    "slippage_bps": None,
    "filled_base": 0,
    "side": "buy",
    "state": "planned",
    "raw": "{}",
    "urgency": Decimal("0.5"),
    "is_maker": False,
}
LONG_AGO = "2023-11-13T12:00:00Z"
BY_TYPE: dict[type, object] = {int: 1, Decimal: Decimal(1), str: "x", bool: False}


def sound_row(table: Table) -> dict[str, object]:
    """A row that every check of the table accepts, as text PostgreSQL can read."""
    row: dict[str, object] = {}
    for column in table.columns:
        if column.name in SOUND:
            row[column.name] = SOUND[column.name]
        elif column.name == "at" or column.name.endswith("_at"):
            row[column.name] = "2023-11-14T12:00:00Z"
        else:
            row[column.name] = BY_TYPE[column.type.python_type]
    return row


def insert_by_hand(connection: Connection, table: Table, row: dict[str, object]) -> None:
    # Foreign keys are triggers: off here, so that only the law of the one row is asked.
    connection.execute(text("SET LOCAL session_replication_role = replica"))
    names, places = ", ".join(row), ", ".join(f":{name}" for name in row)
    connection.execute(text(f"INSERT INTO {table.name} ({names}) VALUES ({places})"), row)


def test_no_column_of_money_rounds_to_a_scale() -> None:
    assert len(COLUMNS) >= 32
    types = [column.type for _, column in COLUMNS if isinstance(column.type, Numeric)]
    assert all(kind.scale is None for kind in types)


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_a_sound_row_is_taken(engine: Engine, table: Table) -> None:
    with engine.begin() as connection:
        insert_by_hand(connection, table, sound_row(table))


@pytest.mark.parametrize(("table", "column"), MONEY)
def test_no_number_column_takes_nan_or_infinity(
    engine: Engine, table: Table, column: Column[Decimal]
) -> None:
    for value in ("NaN", "Infinity", "-Infinity"):
        wrong = sound_row(table) | {column.name: Decimal(value)}
        with pytest.raises(IntegrityError, match="check"), engine.begin() as connection:
            insert_by_hand(connection, table, wrong)


@pytest.mark.parametrize(("table", "column"), MONEY)
def test_a_number_below_zero_is_taken_only_where_a_sign_has_a_meaning(
    engine: Engine, table: Table, column: Column[Decimal]
) -> None:
    refused = [value for value, ok in ((-1, SIGNED), (0, ZERO_ALLOWED)) if column.name not in ok]
    for value in refused:
        with pytest.raises(IntegrityError, match="check"), engine.begin() as connection:
            insert_by_hand(connection, table, sound_row(table) | {column.name: value})


def test_a_crossed_book_is_refused(engine: Engine) -> None:
    crossed = sound_row(ticker_snapshots) | {"bid_quote": 2, "ask_quote": 1}
    with (
        pytest.raises(IntegrityError, match="ticker_snapshots_book_check"),
        engine.begin() as connection,
    ):
        insert_by_hand(connection, ticker_snapshots, crossed)


@pytest.mark.parametrize(
    ("table", "wrong", "check"),
    [
        ("orders", {"filled_base": 1}, "orders_filled_check"),
        ("orders", {"state": "filled"}, "orders_filled_check"),
        ("orders", {"state": "lost"}, "orders_state_check"),
        ("orders", {"state": "expired"}, "orders_settled_check"),
        ("orders", {"settled_at": "2023-11-14T12:00:00Z"}, "orders_settled_check"),
        ("orders", {"state": "denied"}, "orders_settled_check"),
        ("orders", {"state": "open", "filled_base": 1}, "orders_filled_check"),
        ("orders", {"style": "hold"}, "orders_style_check"),
        ("trading_halts", {"scope": "venue:"}, "trading_halts_scope_check"),
        ("trading_halts", {"scope": "everything"}, "trading_halts_scope_check"),
        ("trading_halts", {"kind": "pause"}, "trading_halts_kind_check"),
        ("trading_halts", {"lifted_by": "me"}, "trading_halts_lifted_check"),
        ("maintenance_windows", {"duration_ms": 0}, "maintenance_windows_duration_ms_check"),
        ("maintenance_windows", {"duration_ms": 2}, "maintenance_windows_repeats_check"),
        ("maintenance_windows", {"until_at": LONG_AGO}, "maintenance_windows_until_check"),
        ("maintenance_windows", {"removed_at": LONG_AGO}, "maintenance_windows_removed_check"),
        ("orders", {"side": "hold"}, "orders_side_check"),
        ("orders", {"urgency": 2}, "orders_urgency_check"),
        ("market_precision", {"day": "2023-11-13"}, "market_precision_day_check"),
    ],
)
def test_a_row_that_contradicts_itself_is_refused(
    engine: Engine, table: str, wrong: dict[str, object], check: str
) -> None:
    row = sound_row(metadata.tables[table]) | wrong
    with pytest.raises(IntegrityError, match=check), engine.begin() as connection:
        insert_by_hand(connection, metadata.tables[table], row)
