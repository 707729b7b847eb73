"""Whatever stands in a row of the books, it is read to the digit or refused as BadData.

A person with SQL in hand can write what this program never would. Such a row is named, never
guessed at, and no other exception leaves the reader.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, RowMapping, Table, select, text
from sqlalchemy.exc import DBAPIError

from rebalancer.errors import BadData
from rebalancer.faults import DataFault, Rejected
from rebalancer.money import parse_symbol, to_decimal
from rebalancer.orders import Order
from rebalancer.settlement import Accepted, settle
from resources.postgres_archive import PostgresArchive
from resources.postgres_connection import translated
from resources.postgres_ledger import PostgresLedger
from resources.postgres_rows import fill_of, order_of
from resources.tables_books import fills, orders
from tests.factories import NOW_MS, VENUE, make_fill, make_order
from tests.property.junk import texts

MESSAGE_LENGTH_MAX = 400
ORDER_COLUMNS = ("symbol", "amount_base", "drift_bps", "planned_at", "expires_at", "portfolio")
FILL_COLUMNS = ("amount_base", "price_quote", "fee_amount", "fee_asset", "filled_at", "symbol")
# SQL, as somebody would type it.
TYPED = (
    *("'NaN'", "'Infinity'", "'-Infinity'", "1e100000", "1e-1000", "0", "-1", "NULL", "''"),
    *("'BTCUSDC'", "'BTC/USDC/X'", "'/'", "'infinity'", "'-infinity'", "'20000-01-01Z'"),
    *("'0044-03-15 BC'", "E'\\u001f'", "repeat('9', 30)::numeric", "'1969-12-31Z'"),
)

bounded = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
async def settled(engine: Engine) -> Order:
    """An order with a fill, on the books."""
    order = make_order(cycle_id=uuid4().hex)
    fill = make_fill(order, "0.5", trade_id=uuid4().hex)
    accepted = Accepted(order, "v-1", is_closed=True, filled_base=Decimal("0.5"))
    await PostgresLedger(engine).record(settle(accepted, [fill]), now_ms=NOW_MS)
    return order


def read_changed(
    engine: Engine, table: Table, column: str, value: str, read: Callable[[RowMapping], Any]
) -> Any:
    """The first row with one column set to what somebody typed; None where it was refused."""
    with engine.connect() as connection, connection.begin() as undone:
        try:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(f"UPDATE {table.name} SET {column} = {value}"))
            with translated(engine.url):
                row = connection.execute(select(table)).mappings().first()
            return None if row is None else read(row)
        except DBAPIError:
            return None
        except BadData as refusal:
            said = str(refusal)
        finally:
            undone.rollback()
    assert "PostgreSQL" in said
    assert len(said) < MESSAGE_LENGTH_MAX
    return None


@bounded
@given(st.sampled_from(ORDER_COLUMNS), st.sampled_from(TYPED))
@example("planned_at", "'infinity'")
@example("planned_at", "'20000-01-01Z'")
@example("amount_base", "1e100000")
@example("symbol", "'BTCUSDC'")
def test_an_order_row_written_by_hand_is_read_exactly_or_refused(
    engine: Engine, settled: Order, column: str, value: str
) -> None:
    order = read_changed(engine, orders, column, value, order_of)
    if order is not None:
        assert isinstance(order, Order)
        assert order.client_order_id == settled.client_order_id
        assert to_decimal(order.amount_base) > 0
        assert parse_symbol(str(order.symbol)) == order.symbol


@bounded
@given(st.sampled_from(FILL_COLUMNS), st.sampled_from(TYPED))
@example("filled_at", "'infinity'")
@example("price_quote", "1e-1000")
def test_a_fill_row_written_by_hand_is_read_exactly_or_refused(
    engine: Engine, settled: Order, column: str, value: str
) -> None:
    fill = read_changed(engine, fills, column, value, fill_of)
    if fill is not None:
        assert fill.client_order_id == settled.client_order_id
        assert to_decimal(fill.amount_base) > 0
        assert to_decimal(fill.price_quote) > 0
        assert to_decimal(fill.fee_amount).is_finite()


@bounded
@given(texts, texts, texts)
def test_a_refused_row_of_any_text_is_kept_and_read_again(
    engine: Engine, subject: str, detail: str, raw: str
) -> None:
    archive, batch = PostgresArchive(engine), uuid4().hex
    row = Rejected(subject, DataFault.NOT_A_NUMBER, detail, {"bid": raw, raw: None})
    archive.record_quarantine("tickers", batch, VENUE, [row], at_ms=NOW_MS)
    (kept,) = [one for one in archive.read_quarantine(limit=10_000) if one.batch_key == batch]
    assert kept.rejected.fault is DataFault.NOT_A_NUMBER
