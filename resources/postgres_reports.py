"""What people and programs ask of the books: orders, fills, histories, refused rows."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Engine, RowMapping, Select, func, select

from rebalancer.faults import DataFault, Rejected
from rebalancer.money import parse_symbol
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, CycleId, PortfolioName, VenueName
from resources.archive_rows import BooksSummary, FillRow, OrderEvent, OrderRow, QuarantineRow
from resources.postgres_connection import transaction
from resources.postgres_rows import fill_of, order_of
from resources.tables_books import fills, order_history, orders
from resources.tables_market import quarantine

_SEQUENCE = {state: place for place, state in enumerate(OrderState)}
"""Sorts what was written before each event had a place of its own."""


class Reports:
    """Reads of the books, newest first. Every one of them is bounded by a limit."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read_orders(
        self,
        *,
        portfolio: PortfolioName | None = None,
        cycle_id: CycleId | None = None,
        states: Collection[OrderState] | None = None,
        settled_since_ms: int | None = None,
        limit: int,
    ) -> list[OrderRow]:
        """Orders as they stand; what is None does not narrow the choice."""
        query = select(orders)
        if portfolio is not None:
            query = query.where(orders.c.portfolio == portfolio)
        if cycle_id is not None:
            query = query.where(orders.c.cycle_id == cycle_id)
        if states is not None:
            query = query.where(orders.c.state.in_(sorted(states)))
        if settled_since_ms is not None:
            query = query.where(orders.c.settled_at >= settled_since_ms)
        newest = (orders.c.recorded_at.desc(), orders.c.urgency.desc(), orders.c.client_order_id)
        return [_order_row(row) for row in self._rows(query.order_by(*newest), limit)]

    def read_history(self, client_order_id: ClientOrderId) -> list[OrderEvent]:
        """Everything that happened to one order, in the order it was written down."""
        table = order_history
        query = select(table).where(table.c.client_order_id == client_order_id)
        with transaction(self._engine) as connection:
            rows = connection.execute(query).mappings().all()
        in_order = sorted(rows, key=lambda row: (row["place"], row["at"], _SEQUENCE[row["state"]]))
        return [
            OrderEvent(client_order_id, row["at"], OrderState(row["state"]), row["detail"])
            for row in in_order
        ]

    def read_fills(
        self,
        *,
        since_ms: int | None = None,
        cycle_id: CycleId | None = None,
        limit: int,
    ) -> list[FillRow]:
        """Fills with the order each belongs to."""
        about = (orders.c.side, orders.c.portfolio, orders.c.cycle_id)
        query = select(fills, *about).join(orders)
        if since_ms is not None:
            query = query.where(fills.c.filled_at >= since_ms)
        if cycle_id is not None:
            query = query.where(orders.c.cycle_id == cycle_id)
        newest = (fills.c.filled_at.desc(), fills.c.venue, fills.c.symbol, fills.c.trade_id)
        return [_fill_row(row) for row in self._rows(query.order_by(*newest), limit)]

    def read_quarantine(self, *, source: str | None = None, limit: int) -> list[QuarantineRow]:
        """Rows that were refused, with their reasons."""
        query = select(quarantine)
        if source is not None:
            query = query.where(quarantine.c.source == source)
        newest = (quarantine.c.at.desc(), quarantine.c.subject, quarantine.c.digest)
        return [_quarantine_row(row) for row in self._rows(query.order_by(*newest), limit)]

    def summarize(self, *, portfolio: PortfolioName | None = None) -> BooksSummary:
        """Count orders by state; fills and refused rows are counted for all portfolios."""
        by_state = select(orders.c.state, func.count()).group_by(orders.c.state)
        if portfolio is not None:
            by_state = by_state.where(orders.c.portfolio == portfolio)
        with transaction(self._engine) as connection:
            counts = {OrderState(state): count for state, count in connection.execute(by_state)}
            return BooksSummary(
                orders_by_state={state: counts[state] for state in OrderState if state in counts},
                fills=connection.scalar(select(func.count()).select_from(fills)) or 0,
                quarantined=connection.scalar(select(func.count()).select_from(quarantine)) or 0,
            )

    def _rows(self, query: Select[Any], limit: int) -> list[RowMapping]:
        assert limit > 0, limit
        with transaction(self._engine) as connection:
            return list(connection.execute(query.limit(limit)).mappings())


def _order_row(row: RowMapping) -> OrderRow:
    follows = row["follows"]
    return OrderRow(
        order=order_of(row),
        state=OrderState(row["state"]),
        filled_base=row["filled_base"],
        paid_quote=row["paid_quote"],
        slippage_bps=row["slippage_bps"],
        reason=row["reason"],
        venue_order_id=row["venue_order_id"],
        follows=None if follows is None else ClientOrderId(follows),
        contradiction=row["contradiction"],
        recorded_at_ms=row["recorded_at"],
        settled_at_ms=row["settled_at"],
    )


def _fill_row(row: RowMapping) -> FillRow:
    return FillRow(
        fill=fill_of(row),
        venue=VenueName(row["venue"]),
        symbol=parse_symbol(row["symbol"]),
        side=row["side"],
        portfolio=PortfolioName(row["portfolio"]),
        cycle_id=CycleId(row["cycle_id"]),
    )


def _quarantine_row(row: RowMapping) -> QuarantineRow:
    rejected = Rejected(row["subject"], DataFault(row["fault"]), row["detail"], row["raw"])
    return QuarantineRow(
        source=row["source"],
        batch_key=row["batch_key"],
        venue=VenueName(row["venue"]),
        rejected=rejected,
        at_ms=row["at"],
    )
