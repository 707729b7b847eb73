"""Between the domain's values and the rows of our tables, and the bulk writes all stores share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from operator import attrgetter
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Table
from sqlalchemy.dialects.postgresql import insert

from rebalancer.errors import BadData
from rebalancer.money import Symbol, parse_symbol, to_decimal
from rebalancer.orders import Order
from rebalancer.settlement import Fill
from resources.tables_columns import timestamp_of

_ORDER_TEXTS = (
    "client_order_id",
    "cycle_id",
    "portfolio",
    "venue",
    "side",
    "rules_version",
    "style",
)
_ORDER_NUMBERS = (
    "amount_base",
    "limit_price_quote",
    "worst_price_quote",
    "arrival_mid_quote",
    "drift_bps",
    "urgency",
    "leg_rest_base",
    "least_base",
)
_ORDER_COUNTS = ("slice_index", "attempt")
_ORDER_PLAIN = (*_ORDER_TEXTS, *_ORDER_NUMBERS, *_ORDER_COUNTS)
ORDER_COLUMNS = (*_ORDER_PLAIN, "asset", "symbol", "planned_at", "expires_at")
"""What `order_values` gives."""
# Every column of an answer costs as much to announce as to read: a few arrays, not twenty columns.
DESCRIPTION = (
    f"ARRAY[{', '.join(_ORDER_TEXTS)}, symbol], ARRAY[{', '.join(_ORDER_NUMBERS)}], "
    f"ARRAY[{', '.join(_ORDER_COUNTS)}], ARRAY[planned_at, expires_at]"
)
"""What the columns of `orders` say the order is, in SQL; see `description_of`."""
_FILL_PLAIN = (
    "trade_id",
    "client_order_id",
    "amount_base",
    "price_quote",
    "fee_asset",
    "fee_amount",
    "is_maker",
)


_texts_of, _numbers_of = attrgetter(*_ORDER_TEXTS), attrgetter(*_ORDER_NUMBERS)
_counts_of = attrgetter(*_ORDER_COUNTS)


def insert_missing(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> list[Row[Any]]:
    """Insert in bulk the rows whose key is not taken; the first form of a row wins.

    Returns:
        The primary keys of the rows that are new.
    """
    if not rows:
        return []
    statement = insert(table).on_conflict_do_nothing().returning(*table.primary_key.columns)
    return list(connection.execute(statement, list(rows)))


def storable(said: str) -> str:
    """Text from outside as PostgreSQL can keep it: it takes no NUL and no half of a surrogate."""
    return said.replace("\0", "\N{SYMBOL FOR NULL}").encode(errors="backslashreplace").decode()


def order_values(order: Order) -> dict[str, Any]:
    """The columns of `orders` that say what the order is."""
    return {name: getattr(order, name) for name in _ORDER_PLAIN} | {
        "asset": order.symbol.base,
        "symbol": str(order.symbol),
        "planned_at": order.planned_at_ms,
        "expires_at": order.expires_at_ms,
    }


def description_of(order: Order) -> tuple[list[Any], ...]:
    """What the driver gives for the `DESCRIPTION` of an order's row."""
    return (
        [*_texts_of(order), str(order.symbol)],
        [*_numbers_of(order)],
        [*_counts_of(order)],
        [timestamp_of(order.planned_at_ms), timestamp_of(order.expires_at_ms)],
    )


def order_of(row: RowMapping) -> Order:
    """The order that a row of `orders` describes. Raises BadData where it describes none."""
    with _readable("orders", row):
        return Order(
            **{name: _exact(row[name]) for name in _ORDER_PLAIN},
            symbol=parse_symbol(row["symbol"]),
            planned_at_ms=row["planned_at"],
            expires_at_ms=row["expires_at"],
        )


def fill_values(fill: Fill, order: Order, *, now_ms: int) -> dict[str, Any]:
    """A row of `fills`, for a fill of `order` that is booked now."""
    return {name: getattr(fill, name) for name in _FILL_PLAIN} | {
        "venue": order.venue,
        "symbol": str(order.symbol),
        "filled_at": fill.filled_at_ms,
        "recorded_at": now_ms,
    }


def fill_of(row: RowMapping) -> Fill:
    """The fill that a row of `fills` describes. Raises BadData where it describes none."""
    with _readable("fills", row):
        numbers = {name: _exact(row[name]) for name in _FILL_PLAIN}
        return Fill(**numbers, filled_at_ms=row["filled_at"])


@contextmanager
def _readable(table: str, row: RowMapping) -> Iterator[None]:
    """Name a row that somebody else wrote, instead of trading on it."""
    try:
        yield
    except ValueError as problem:
        raise BadData(
            f"PostgreSQL, {table}, {row['client_order_id']!r:.80}: expected a row as this program "
            f"writes it, {problem}. Look the order up at the venue and correct the row"
        ) from None


def _exact(value: Any) -> Any:
    """A number no longer than the domain can reckon with; anything else as it is."""
    return to_decimal(value) if isinstance(value, Decimal) else value


def symbols_text(symbols: Iterable[Symbol]) -> list[str]:
    """Symbols as the tables write them."""
    return sorted(str(symbol) for symbol in symbols)
