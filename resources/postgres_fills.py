"""Rows of fills: written once, and compared with what the venue tells later."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, select, tuple_

from rebalancer.errors import BooksDisagree
from rebalancer.money import Asset, parse_symbol
from rebalancer.orders import Order, PortfolioName
from rebalancer.settlement import Fill, Settlement
from resources.postgres_rows import fill_of, fill_values
from resources.tables_books import fills, orders


def fill_rows(settled: Sequence[tuple[Settlement, int]]) -> list[dict[str, Any]]:
    """The rows of trades, of settlements with the instants they are booked at."""
    rows = {
        _key_of(fill, settlement.order): fill_values(fill, settlement.order, now_ms=now_ms)
        for settlement, now_ms in settled
        for fill in settlement.fills
    }
    # By key, as everybody does: who writes the same trades waits, and none deadlocks.
    return [rows[key] for key in sorted(rows)]


def require_as_booked(connection: Connection, settlement: Settlement) -> None:
    """Raises BooksDisagree where a trade of the market stands otherwise on the books."""
    order, key = settlement.order, tuple_(fills.c.venue, fills.c.symbol, fills.c.trade_id)
    wanted = [_key_of(fill, order) for fill in settlement.fills]
    known = connection.execute(select(fills).where(key.in_(wanted))).mappings()
    booked = {row["trade_id"]: fill_of(row) for row in known}
    for fill in settlement.fills:
        if booked[fill.trade_id] != fill:
            raise BooksDisagree(
                f"trade {fill.trade_id} of {order.symbol} at {order.venue}: the books hold "
                f"{booked[fill.trade_id]}, the venue now says {fill}"
            )


def _key_of(fill: Fill, order: Order) -> tuple[str, str, str]:
    return order.venue, str(order.symbol), fill.trade_id


def require_told_again(connection: Connection, settlement: Settlement) -> tuple[Fill, ...]:
    """See that every booked fill of the order is told again, word for word.

    Returns:
        The fills that are not on the books yet.

    Raises:
        BooksDisagree: the venue has taken a trade back, or tells it otherwise.
    """
    told = {fill.trade_id: fill for fill in settlement.fills}
    for fill in _read_fills(connection, settlement.order):
        again = told.pop(fill.trade_id, None)
        if again != fill:
            raise BooksDisagree(
                f"{fill.client_order_id}: the books hold trade {fill.trade_id} as {fill}, "
                f"the venue now says {again or 'nothing of it'}"
            )
    return tuple(told.values())


def read_fee_assets(
    connection: Connection, portfolio: PortfolioName, *, since_ms: int
) -> frozenset[Asset]:
    """Assets that paid fees of trades booked since, and are of neither side of their market."""
    query = (
        select(fills.c.symbol, fills.c.fee_asset)
        .distinct()
        .join(orders)
        .where(
            fills.c.recorded_at >= since_ms,
            fills.c.fee_asset.is_not(None),
            orders.c.portfolio == portfolio,
        )
    )
    paid = [(parse_symbol(symbol), Asset(asset)) for symbol, asset in connection.execute(query)]
    return frozenset(asset for symbol, asset in paid if asset not in (symbol.base, symbol.quote))


def _read_fills(connection: Connection, order: Order) -> list[Fill]:
    query = select(fills).where(fills.c.client_order_id == order.client_order_id)
    return [fill_of(row) for row in connection.execute(query).mappings()]
