"""What the books say of an account: orders under way, trades, baselines, and whose order is whose.

All inside the transaction of the caller.
"""

from collections.abc import Collection, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, Table, delete, func, insert, select

from rebalancer.account import VenueOrderKey
from rebalancer.ledger import BookedOrder
from rebalancer.money import Asset, parse_symbol
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, PortfolioName, VenueName
from rebalancer.reconciliation import Baseline, BookedFill, KnownOrder, KnownOrders
from resources.postgres_rows import fill_of, insert_missing, order_of, storable
from resources.tables_books import fills, orders
from resources.tables_controls import account_baselines, baseline_totals, ignored_orders

BASELINES_KEPT = 100
"""Baselines of one portfolio; the oldest go."""

_NEWEST = (account_baselines.c.taken_at.desc(), account_baselines.c.baseline_id.desc())


def read_unsettled(connection: Connection) -> tuple[BookedOrder, ...]:
    """Every order without an end, the oldest first."""
    query = select(orders).where(orders.c.settled_at.is_(None))
    return _booked(connection, query.order_by(orders.c.recorded_at, orders.c.client_order_id))


def read_ended(
    connection: Connection, portfolio: PortfolioName, *, since_ms: int
) -> tuple[BookedOrder, ...]:
    """Orders of a portfolio that ended since then, the newest first."""
    query = select(orders).where(orders.c.portfolio == portfolio, orders.c.settled_at >= since_ms)
    newest = query.order_by(orders.c.settled_at.desc(), orders.c.client_order_id)
    return _booked(connection, newest)


def read_turnover(connection: Connection, *, since_ms: int) -> dict[PortfolioName, Decimal]:
    """What each portfolio traded in orders that ended since; absent where it traded nothing."""
    query = (
        select(orders.c.portfolio, func.sum(orders.c.paid_quote))
        .where(orders.c.settled_at >= since_ms, orders.c.paid_quote > 0)
        .group_by(orders.c.portfolio)
    )
    return {PortfolioName(name): paid for name, paid in connection.execute(query)}


def read_traded(
    connection: Connection, portfolio: PortfolioName, *, since_ms: int
) -> tuple[BookedFill, ...]:
    """Trades of a portfolio that reached the books after `since_ms`, the earliest trade first."""
    query = (
        select(fills, orders.c.side)
        .join(orders)
        .where(fills.c.recorded_at > since_ms, orders.c.portfolio == portfolio)
        .order_by(fills.c.filled_at, fills.c.symbol, fills.c.trade_id)
    )
    return tuple(
        BookedFill(parse_symbol(row["symbol"]), row["side"], fill_of(row))
        for row in connection.execute(query).mappings()
    )


def read_known(
    connection: Connection,
    venue: VenueName,
    *,
    client_order_ids: Collection[ClientOrderId],
    venue_keys: Collection[VenueOrderKey],
) -> KnownOrders:
    """Which of these orders at the venue are on the books, or are to be left alone."""
    wanted = frozenset(venue_keys)

    def rows_of(table: Table, column: str, names: Collection[str]) -> Sequence[RowMapping]:
        query = select(table).where(table.c.venue == venue, table.c[column].in_(sorted(names)))
        return connection.execute(query).mappings().all() if names else ()

    # By the venue's id alone, which is indexed; the few of other markets are left out here.
    venue_order_ids = {key.venue_order_id for key in wanted}
    named_by_venue = {_known_of(row) for row in rows_of(orders, "venue_order_id", venue_order_ids)}
    ours = {_known_of(row) for row in rows_of(orders, "client_order_id", client_order_ids)}
    ours |= {known for known in named_by_venue if known.venue_key in wanted}
    left_alone = {
        _key_of(row) for row in rows_of(ignored_orders, "venue_order_id", venue_order_ids)
    }
    return KnownOrders(frozenset(ours), wanted & left_alone)


def write_ignored(
    connection: Connection,
    venue: VenueName,
    key: VenueOrderKey,
    *,
    actor: str,
    reason: str,
    now_ms: int,
) -> None:
    """Leave an order of the venue alone for good; who said so first stands."""
    said = {"actor": storable(actor), "reason": storable(reason), "at": now_ms}
    placed = {"symbol": str(key.symbol), "venue_order_id": key.venue_order_id}
    insert_missing(connection, ignored_orders, [{"venue": venue} | placed | said])


def read_baseline(connection: Connection, portfolio: PortfolioName) -> Baseline | None:
    """The account as it was taken last; of two taken at once, the one recorded last."""
    query = select(account_baselines).where(account_baselines.c.portfolio == portfolio)
    newest = query.order_by(*_NEWEST).limit(1)
    row = connection.execute(newest).mappings().one_or_none()
    if row is None:
        return None
    totals = baseline_totals
    kept = connection.execute(
        select(totals.c.asset, totals.c.total)
        .where(totals.c.baseline_id == row["baseline_id"])
        .order_by(totals.c.asset)
    )
    return Baseline(portfolio, {Asset(asset): total for asset, total in kept}, row["taken_at"])


def delete_baselines(connection: Connection, portfolio: PortfolioName) -> None:
    """Let go of every baseline of a portfolio."""
    table = account_baselines
    connection.execute(delete(table).where(table.c.portfolio == portfolio))


def write_baseline(connection: Connection, baseline: Baseline) -> None:
    """Keep a baseline, and let go of those that are too old for anybody to ask about."""
    table = account_baselines
    row = {"portfolio": baseline.portfolio, "taken_at": baseline.taken_at_ms}
    key = connection.scalar(insert(table).values(row).returning(table.c.baseline_id))
    insert_missing(
        connection,
        baseline_totals,
        [
            {"baseline_id": key, "asset": asset, "total": total}
            for asset, total in sorted(baseline.totals.items())
        ],
    )
    of_portfolio = select(table.c.baseline_id).where(table.c.portfolio == baseline.portfolio)
    too_old = of_portfolio.order_by(*_NEWEST).offset(BASELINES_KEPT)
    connection.execute(delete(table).where(table.c.baseline_id.in_(too_old)))


def _booked(connection: Connection, query: Select[Any]) -> tuple[BookedOrder, ...]:
    return tuple(
        BookedOrder(order_of(row), OrderState(row["state"]), row["recorded_at"], row["follows"])
        for row in connection.execute(query).mappings()
    )


def _known_of(row: RowMapping) -> KnownOrder:
    key = None if row["venue_order_id"] is None else _key_of(row)
    return KnownOrder(row["client_order_id"], OrderState(row["state"]), key)


def _key_of(row: RowMapping) -> VenueOrderKey:
    return VenueOrderKey(parse_symbol(row["symbol"]), row["venue_order_id"])
