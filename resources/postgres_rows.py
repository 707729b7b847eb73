"""Between the domain's values and the rows of our tables, and the bulk writes all stores share."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Table
from sqlalchemy.dialects.postgresql import insert

from rebalancer.money import Symbol, parse_symbol
from rebalancer.orders import Order
from rebalancer.settlement import Fill

_ORDER_PLAIN = (
    "client_order_id",
    "cycle_id",
    "portfolio",
    "venue",
    "side",
    "amount_base",
    "limit_price_quote",
    "arrival_mid_quote",
    "drift_bps",
    "urgency",
    "rules_version",
    "slice_index",
    "attempt",
)
_FILL_PLAIN = (
    "trade_id",
    "client_order_id",
    "amount_base",
    "price_quote",
    "fee_asset",
    "fee_amount",
    "is_maker",
)


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


def order_of(row: RowMapping) -> Order:
    """The order that a row of `orders` describes."""
    return Order(
        **{name: row[name] for name in _ORDER_PLAIN},
        symbol=parse_symbol(row["symbol"]),
        planned_at_ms=row["planned_at"],
        expires_at_ms=row["expires_at"],
    )


def fill_values(fill: Fill, *, venue: str, symbol: Symbol) -> dict[str, Any]:
    """A row of `fills`."""
    return {name: getattr(fill, name) for name in _FILL_PLAIN} | {
        "venue": venue,
        "symbol": str(symbol),
        "filled_at": fill.filled_at_ms,
    }


def fill_of(row: RowMapping) -> Fill:
    """The fill that a row of `fills` describes."""
    return Fill(**{name: row[name] for name in _FILL_PLAIN}, filled_at_ms=row["filled_at"])


def symbols_text(symbols: Iterable[Symbol]) -> list[str]:
    """Symbols as the tables write them."""
    return sorted(str(symbol) for symbol in symbols)
