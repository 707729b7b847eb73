"""Rows of market rules: written by the daily sync and by the books, read by whoever trades."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, case
from sqlalchemy.dialects.postgresql import insert

from rebalancer.money import parse_symbol
from rebalancer.orders import VenueName
from rebalancer.precision import MarketRule
from resources.postgres_rows import storable
from resources.system_clock import utc_day
from resources.tables_market import market_precision

NO_PAYLOAD = ""
"""Stands where rules were kept without the venue's own words."""

_RULE_NUMBERS = (
    "amount_base_step",
    "amount_base_min",
    "amount_base_max",
    "price_quote_step",
    "notional_quote_min",
)


def write_rules(
    connection: Connection, venue: VenueName, observed: Sequence[tuple[MarketRule, str]]
) -> None:
    """Keep each distinct version of a market's rules, under the UTC day it was observed.

    A version seen again the same day keeps its row, now with the latest moment and the latest
    payload that says anything. An older observation changes nothing.
    """
    # One row per key: an upsert may not touch the same row twice.
    newest = sorted(observed, key=lambda pair: pair[0].observed_at_ms)
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for rule, payload in newest:
        row = _rule_values(venue, rule, payload)
        rows[row["symbol"], row["day"], row["rules_version"]] = row
    if not rows:
        return
    kept, new = market_precision.c, insert(market_precision)
    is_silent = new.excluded.payload == NO_PAYLOAD
    upsert = new.on_conflict_do_update(
        index_elements=list(market_precision.primary_key.columns),
        set_={
            "payload": case((is_silent, kept.payload), else_=new.excluded.payload),
            "observed_at": new.excluded.observed_at,
        },
        where=new.excluded.observed_at >= kept.observed_at,
    )
    # RETURNING makes SQLAlchemy send many rows in one statement.
    connection.execute(upsert.returning(kept.symbol), [rows[name] for name in sorted(rows)])


def rule_of(row: RowMapping) -> MarketRule:
    """The rules that a row of `market_precision` describes."""
    return MarketRule(
        **{name: row[name] for name in _RULE_NUMBERS},
        symbol=parse_symbol(row["symbol"]),
        observed_at_ms=row["observed_at"],
    )


def _rule_values(venue: VenueName, rule: MarketRule, payload: str) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in _RULE_NUMBERS} | {
        "venue": venue,
        "day": utc_day(rule.observed_at_ms),
        "symbol": str(rule.symbol),
        "rules_version": rule.version,
        "payload": storable(payload),
        "first_observed_at": rule.observed_at_ms,
        "observed_at": rule.observed_at_ms,
    }
