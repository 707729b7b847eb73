"""The archive's portfolio side: balances, drift signals, and the legs that were not made."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, RowMapping, select

from rebalancer.balances import Balance
from rebalancer.drift import Drift
from rebalancer.money import Asset, Symbol, exact, parse_symbol
from rebalancer.orders import CycleId, PortfolioName, VenueName
from rebalancer.plan import SkippedLeg, SkipReason
from rebalancer.snapshot import Snapshot
from resources.archive_rows import SignalLinks
from resources.postgres_connection import transaction
from resources.postgres_rows import insert_missing
from resources.system_clock import utc_day
from resources.tables_market import balance_snapshots, drift_signals, skipped_legs

_DRIFT_COLUMNS = (
    "asset",
    "value_quote",
    "target_quote",
    "gap_quote",
    "weight_bps",
    "target_bps",
    "drift_bps",
    "urgency",
)
_SKIP_COLUMNS = ("asset", "side", "reason", "detail", "drift_bps")


class PortfolioArchive:
    """Bulk reads and writes of what a portfolio holds and wants. Every write may be repeated."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record_balances(
        self, cycle_id: CycleId, venue: VenueName, balances: Sequence[Balance]
    ) -> None:
        """Keep the balances a cycle saw. An asset the cycle has already keeps its first one."""
        rows = [
            {
                "cycle_id": cycle_id,
                "venue": venue,
                "asset": balance.asset,
                "free": balance.free,
                "locked": balance.locked,
                "observed_at": balance.observed_at_ms,
            }
            for balance in balances
        ]
        with transaction(self._engine) as connection:
            insert_missing(connection, balance_snapshots, rows)

    def read_balances(self, cycle_id: CycleId, venue: VenueName) -> dict[Asset, Balance]:
        """The balances that a cycle saw."""
        table = balance_snapshots
        query = select(table).where(table.c.cycle_id == cycle_id, table.c.venue == venue)
        with transaction(self._engine) as connection:
            balances = [
                Balance(Asset(row["asset"]), row["free"], row["locked"], row["observed_at"])
                for row in connection.execute(query.order_by(table.c.asset)).mappings()
            ]
        return {balance.asset: balance for balance in balances}

    def record_drifts(
        self,
        cycle_id: CycleId,
        portfolio: PortfolioName,
        drifts: Sequence[Drift],
        *,
        venue: VenueName,
        snapshot: Snapshot,
    ) -> None:
        """Keep one signal per asset, linked to the rows of this cycle it was computed from.

        The tickers and balances of the cycle and the market rules in `snapshot` must be in the
        archive already: the database refuses a signal without its sources.
        """
        rows = [
            {name: getattr(drift, name) for name in _DRIFT_COLUMNS}
            | _links(drift.asset, venue, snapshot)
            | {"cycle_id": cycle_id, "portfolio": portfolio, "at": snapshot.taken_at_ms}
            for drift in drifts
        ]
        with transaction(self._engine) as connection:
            insert_missing(connection, drift_signals, rows)

    def read_drifts(self, cycle_id: CycleId, portfolio: PortfolioName) -> tuple[Drift, ...]:
        """The signals of a cycle in the order they were measured: largest gap first."""
        rows = self._signals(cycle_id, portfolio)
        drifts = [Drift(**{name: row[name] for name in _DRIFT_COLUMNS}) for row in rows]
        with exact():
            return tuple(sorted(drifts, key=lambda drift: (-abs(drift.gap_quote), drift.asset)))

    def read_signal_links(
        self, cycle_id: CycleId, portfolio: PortfolioName
    ) -> dict[Asset, SignalLinks]:
        """What each signal of a cycle was computed from."""
        return {
            Asset(row["asset"]): SignalLinks(
                venue=VenueName(row["venue"]),
                ticker=None if row["ticker_symbol"] is None else parse_symbol(row["ticker_symbol"]),
                balance_asset=row["balance_asset"],
                precision_day=row["precision_day"],
                rules_version=row["rules_version"],
            )
            for row in self._signals(cycle_id, portfolio)
        }

    def latest_cycle_id(self, portfolio: PortfolioName) -> CycleId | None:
        """The cycle that measured the portfolio last, or None before the first."""
        table = drift_signals
        query = select(table.c.cycle_id).where(table.c.portfolio == portfolio)
        with transaction(self._engine) as connection:
            found = connection.scalar(query.order_by(table.c.at.desc()).limit(1))
        return None if found is None else CycleId(found)

    def record_skips(
        self, cycle_id: CycleId, portfolio: PortfolioName, skips: Sequence[SkippedLeg]
    ) -> None:
        """Keep why each leg was not made. Its signal must be in the archive already."""
        key = {"cycle_id": cycle_id, "portfolio": portfolio}
        rows = [{name: getattr(skip, name) for name in _SKIP_COLUMNS} | key for skip in skips]
        with transaction(self._engine) as connection:
            insert_missing(connection, skipped_legs, rows)

    def read_skips(self, cycle_id: CycleId, portfolio: PortfolioName) -> tuple[SkippedLeg, ...]:
        """The legs of a cycle that were not made, by asset."""
        table = skipped_legs
        query = select(table).where(table.c.cycle_id == cycle_id, table.c.portfolio == portfolio)
        with transaction(self._engine) as connection:
            return tuple(
                SkippedLeg(
                    asset=Asset(row["asset"]),
                    side=row["side"],
                    reason=SkipReason(row["reason"]),
                    detail=row["detail"],
                    drift_bps=row["drift_bps"],
                )
                for row in connection.execute(query.order_by(table.c.asset)).mappings()
            )

    def _signals(self, cycle_id: CycleId, portfolio: PortfolioName) -> Sequence[RowMapping]:
        table = drift_signals
        query = select(table).where(table.c.cycle_id == cycle_id, table.c.portfolio == portfolio)
        with transaction(self._engine) as connection:
            return connection.execute(query.order_by(table.c.asset)).mappings().all()


def _links(asset: Asset, venue: VenueName, snapshot: Snapshot) -> dict[str, Any]:
    symbol = Symbol(asset, snapshot.cash)
    rule = snapshot.rules.get(symbol)
    return {
        "venue": venue,
        "ticker_symbol": str(symbol) if symbol in snapshot.quotes else None,
        "balance_asset": asset if asset in snapshot.balances else None,
        "precision_day": None if rule is None else utc_day(rule.observed_at_ms),
        "rules_version": None if rule is None else rule.version,
    }
