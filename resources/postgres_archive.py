"""The archive in PostgreSQL: everything the assets read and write beside the books themselves.

Synchronous, because Dagster's assets are. The books of orders are written by `postgres_ledger`;
here they are only read.
"""

from datetime import date

from sqlalchemy import Engine

from resources.postgres_archive_market import MarketArchive
from resources.postgres_archive_portfolio import PortfolioArchive
from resources.postgres_reports import Reports
from resources.postgres_schema import ensure_order_history_partitions


class PostgresArchive(MarketArchive, PortfolioArchive, Reports):
    """Market, portfolio and reports on one pool of connections."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def extend_order_history(self, *, today: date, months_ahead: int) -> tuple[str, ...]:
        """Make the missing month partitions. Returns their names."""
        return ensure_order_history_partitions(self._engine, today=today, months_ahead=months_ahead)
