"""The archive's market side: rules by day, tickers, and quarantine."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Engine, select
from sqlalchemy.dialects.postgresql import distinct_on

from rebalancer.errors import BadData
from rebalancer.faults import Rejected
from rebalancer.money import Symbol, parse_symbol
from rebalancer.orders import CycleId, VenueName
from rebalancer.precision import MarketRule
from rebalancer.quotes import Quote
from resources.archive_rows import PrecisionRow
from resources.postgres_connection import transaction
from resources.postgres_rows import insert_missing, storable, symbols_text
from resources.postgres_rules import rule_of, write_rules
from resources.system_clock import utc_day
from resources.tables_market import market_precision, quarantine, ticker_snapshots


class MarketArchive:
    """Bulk reads and writes of what venues publish. Every write may be repeated."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def record_rules(
        self, venue: VenueName, day: date, observed: Sequence[tuple[MarketRule, str]]
    ) -> None:
        """Keep each distinct version of a market's rules, under the day it was observed.

        A version seen again the same day keeps its row, now with the latest payload and moment;
        one read within the day by the books stands beside it.

        Args:
            venue: Whose rules.
            day: The UTC day of the observation.
            observed: Each rule with the venue's own payload.

        Raises:
            BadData: a rule was not observed on `day`. Nothing is written.
        """
        for rule, _ in observed:
            if utc_day(rule.observed_at_ms) != day:
                raise BadData(
                    f"{venue} {rule.symbol}: rules observed on {utc_day(rule.observed_at_ms)}"
                    f" cannot be kept under {day}; a past day is read from the archive"
                )
        with transaction(self._engine) as connection:
            write_rules(connection, venue, observed)

    def read_rules(
        self, venue: VenueName, symbols: Collection[Symbol], *, on_or_before: date
    ) -> dict[Symbol, MarketRule]:
        """The latest rules known at the end of that day; symbols never seen are absent."""
        table = market_precision
        query = (
            select(table)
            .where(
                table.c.venue == venue,
                table.c.symbol.in_(symbols_text(symbols)),
                table.c.day <= on_or_before,
            )
            .order_by(table.c.symbol, table.c.day.desc(), table.c.observed_at.desc())
            .ext(distinct_on(table.c.symbol))
        )
        with transaction(self._engine) as connection:
            rules = [rule_of(row) for row in connection.execute(query).mappings()]
        return {rule.symbol: rule for rule in rules}

    def read_precision_day(self, venue: VenueName, day: date) -> list[PrecisionRow]:
        """Everything archived for that day, by symbol, then by moment: every version."""
        table = market_precision
        query = (
            select(table)
            .where(table.c.venue == venue, table.c.day == day)
            .order_by(table.c.symbol, table.c.observed_at)
        )
        with transaction(self._engine) as connection:
            return [
                PrecisionRow(venue, day, rule_of(row), row["payload"], row["first_observed_at"])
                for row in connection.execute(query).mappings()
            ]

    def observed_days(self, venue: VenueName, from_day: date, to_day: date) -> set[date]:
        """The days, both ends included, on which any rules were observed."""
        day = market_precision.c.day
        query = select(day).distinct()
        query = query.where(market_precision.c.venue == venue, day.between(from_day, to_day))
        with transaction(self._engine) as connection:
            return set(connection.scalars(query))

    def record_quotes(self, cycle_id: CycleId, venue: VenueName, quotes: Sequence[Quote]) -> None:
        """Keep the tickers a cycle saw. A symbol the cycle has already keeps its first ticker."""
        rows = [
            {
                "cycle_id": cycle_id,
                "venue": venue,
                "symbol": str(quote.symbol),
                "bid_quote": quote.bid_quote,
                "ask_quote": quote.ask_quote,
                "last_quote": quote.last_quote,
                "observed_at": quote.observed_at_ms,
            }
            for quote in quotes
        ]
        with transaction(self._engine) as connection:
            insert_missing(connection, ticker_snapshots, rows)

    def read_quotes(self, cycle_id: CycleId, venue: VenueName) -> dict[Symbol, Quote]:
        """The tickers that a cycle saw."""
        table = ticker_snapshots
        query = select(table).where(table.c.cycle_id == cycle_id, table.c.venue == venue)
        with transaction(self._engine) as connection:
            quotes = [
                Quote(
                    symbol=parse_symbol(row["symbol"]),
                    bid_quote=row["bid_quote"],
                    ask_quote=row["ask_quote"],
                    last_quote=row["last_quote"],
                    observed_at_ms=row["observed_at"],
                )
                for row in connection.execute(query.order_by(table.c.symbol)).mappings()
            ]
        return {quote.symbol: quote for quote in quotes}

    def record_quarantine(
        self,
        source: str,
        batch_key: str,
        venue: VenueName,
        rejected: Sequence[Rejected],
        *,
        at_ms: int,
    ) -> None:
        """Keep the rows of one batch that must not be used.

        Args:
            source: Which reading refused them: "tickers", "balances" or "market_precision".
            batch_key: The cycle, or the day, in which they came.
            venue: Who sent them.
            rejected: The rows. Twice the same row in one batch is two rows.
            at_ms: When they were refused.
        """
        copies: Counter[str] = Counter()
        rows = []
        for row in rejected:
            values = _rejected_values(row)
            content = json.dumps(values, sort_keys=True)
            copies[content] += 1
            digest = hashlib.blake2b(f"{copies[content]}|{content}".encode(), digest_size=16)
            key = {"source": source, "batch_key": batch_key, "venue": venue, "at": at_ms}
            rows.append(values | key | {"digest": digest.hexdigest()})
        with transaction(self._engine) as connection:
            insert_missing(connection, quarantine, rows)


def _rejected_values(row: Rejected) -> dict[str, Any]:
    raw = {
        storable(name): None if text is None else storable(text) for name, text in row.raw.items()
    }
    return {
        "subject": storable(row.subject),
        "fault": str(row.fault),
        "detail": storable(row.detail),
        "raw": raw,
    }
