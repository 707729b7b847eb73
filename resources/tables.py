"""The tables, and the law each column keeps, as the newest migration leaves them.

Money is NUMERIC without a scale, so that digits stay as they came. PostgreSQL's NUMERIC also takes
NaN and Infinity; every number here is checked against both, and NaN counts as above Infinity.
Instants are timestamptz on disk and epoch milliseconds in Python.

Every row that follows from another carries its key: fill → order → signal → ticker, balance and
precision rows. Only the link from an order to its signal is no foreign key: the books must take an
order that reached the queue even where its signal was never written.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Boolean

from rebalancer.settlement import FINAL_STATES, OrderState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class EpochMs(TypeDecorator[int]):
    """timestamptz on disk, epoch milliseconds in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + value * _MS

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // _MS


def _positive(name: str, *, nullable: bool = False) -> Column[Any]:
    law = CheckConstraint(f"{name} > 0 AND {name} < 'Infinity'", name=name)
    return Column(name, Numeric, law, nullable=nullable)


def _not_negative(name: str, *, default: str | None = None) -> Column[Any]:
    law = CheckConstraint(f"{name} >= 0 AND {name} < 'Infinity'", name=name)
    server_default = None if default is None else text(default)
    return Column(name, Numeric, law, nullable=False, server_default=server_default)


def _finite(name: str, *, nullable: bool = False) -> Column[Any]:
    law = CheckConstraint(f"{name} > '-Infinity' AND {name} < 'Infinity'", name=name)
    return Column(name, Numeric, law, nullable=nullable)


def _count(name: str) -> Column[Any]:
    return Column(name, Integer, CheckConstraint(f"{name} >= 0", name=name), nullable=False)


def _text(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, Text, nullable=nullable)


def _key(name: str) -> Column[Any]:
    return Column(name, Text, primary_key=True)


def _at(name: str, *, nullable: bool = False) -> Column[Any]:
    return Column(name, EpochMs, nullable=nullable)


def _one_of(name: str, values: list[str]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{name} IN ({listed})", name=name)


_FINAL = ", ".join(f"'{state}'" for state in OrderState if state in FINAL_STATES)

metadata = MetaData(
    # The names PostgreSQL gives by itself, so that SQL written by hand gives the same.
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)

market_precision = Table(
    "market_precision",
    metadata,
    _key("venue"),
    _key("symbol"),
    Column("day", Date, primary_key=True),
    _key("rules_version"),
    _positive("amount_base_step"),
    _not_negative("amount_base_min"),
    _positive("amount_base_max", nullable=True),
    _positive("price_quote_step"),
    _not_negative("notional_quote_min"),
    _text("payload"),
    _at("first_observed_at"),
    _at("observed_at"),
    # Today's rules can never be written under another day.
    CheckConstraint(
        "day = CAST(first_observed_at AT TIME ZONE 'UTC' AS date)"
        " AND day = CAST(observed_at AT TIME ZONE 'UTC' AS date)",
        name="day",
    ),
    Index("market_precision_venue_day_idx", "venue", "day"),
)

ticker_snapshots = Table(
    "ticker_snapshots",
    metadata,
    _key("cycle_id"),
    _key("venue"),
    _key("symbol"),
    _positive("bid_quote"),
    _positive("ask_quote"),
    _positive("last_quote"),
    _at("observed_at"),
    CheckConstraint("bid_quote <= ask_quote", name="book"),
)

balance_snapshots = Table(
    "balance_snapshots",
    metadata,
    _key("cycle_id"),
    _key("venue"),
    _key("asset"),
    _not_negative("free"),
    _not_negative("locked"),
    _at("observed_at"),
)

quarantine = Table(
    "quarantine",
    metadata,
    _key("source"),
    _key("batch_key"),
    _key("venue"),
    _key("digest"),
    _text("subject"),
    _text("fault"),
    _text("detail"),
    Column("raw", JSONB, nullable=False),
    _at("at"),
    Index("quarantine_at_idx", "at"),
)

drift_signals = Table(
    "drift_signals",
    metadata,
    _key("cycle_id"),
    _key("portfolio"),
    _key("asset"),
    _not_negative("value_quote"),
    _not_negative("target_quote"),
    _finite("gap_quote"),
    _not_negative("weight_bps"),
    _count("target_bps"),
    _finite("drift_bps"),
    Column(
        "urgency",
        Numeric,
        CheckConstraint("urgency >= 0 AND urgency <= 1", name="urgency"),
        nullable=False,
    ),
    _at("at"),
    # What it was computed from. Cash has neither ticker nor rules; an asset that the account does
    # not list has no balance row.
    _text("venue"),
    _text("ticker_symbol", nullable=True),
    _text("balance_asset", nullable=True),
    Column("precision_day", Date, nullable=True),
    _text("rules_version", nullable=True),
    ForeignKeyConstraint(
        ["cycle_id", "venue", "ticker_symbol"],
        ["ticker_snapshots.cycle_id", "ticker_snapshots.venue", "ticker_snapshots.symbol"],
        name="drift_signals_ticker_fkey",
    ),
    ForeignKeyConstraint(
        ["cycle_id", "venue", "balance_asset"],
        ["balance_snapshots.cycle_id", "balance_snapshots.venue", "balance_snapshots.asset"],
        name="drift_signals_balance_fkey",
    ),
    ForeignKeyConstraint(
        ["venue", "ticker_symbol", "precision_day", "rules_version"],
        [f"market_precision.{name}" for name in ("venue", "symbol", "day", "rules_version")],
        name="drift_signals_precision_fkey",
    ),
    Index("drift_signals_portfolio_at_idx", "portfolio", "at"),
)

skipped_legs = Table(
    "skipped_legs",
    metadata,
    _key("cycle_id"),
    _key("portfolio"),
    _key("asset"),
    Column("side", Text, _one_of("side", ["buy", "sell"]), nullable=False),
    _text("reason"),
    _text("detail"),
    _finite("drift_bps"),
    ForeignKeyConstraint(
        ["cycle_id", "portfolio", "asset"],
        ["drift_signals.cycle_id", "drift_signals.portfolio", "drift_signals.asset"],
        name="skipped_legs_signal_fkey",
    ),
)

orders = Table(
    "orders",
    metadata,
    _key("client_order_id"),
    # With `asset`, the key of the drift signal that asked for the order.
    _text("cycle_id"),
    _text("portfolio"),
    _text("asset"),
    _text("venue"),
    _text("symbol"),
    Column("side", Text, _one_of("side", ["buy", "sell"]), nullable=False),
    _positive("amount_base"),
    _positive("limit_price_quote"),
    _positive("arrival_mid_quote"),
    _finite("drift_bps"),
    Column(
        "urgency",
        Numeric,
        CheckConstraint("urgency >= 0 AND urgency <= 1", name="urgency"),
        nullable=False,
    ),
    _text("rules_version"),
    _at("planned_at"),
    _at("expires_at"),
    _count("slice_index"),
    _count("attempt"),
    Column("residual_of", Text, ForeignKey("orders.client_order_id"), nullable=True),
    Column("state", Text, _one_of("state", list(OrderState)), nullable=False),
    _text("venue_order_id", nullable=True),
    _text("reason", nullable=True),
    _not_negative("filled_base", default="0"),
    _not_negative("paid_quote", default="0"),
    _finite("slippage_bps", nullable=True),
    _at("recorded_at"),
    _at("settled_at", nullable=True),
    CheckConstraint("filled_base <= amount_base", name="filled_at_most"),
    CheckConstraint("(filled_base > 0) = (state IN ('filled', 'partially_filled'))", name="filled"),
    CheckConstraint(f"(settled_at IS NOT NULL) = (state IN ({_FINAL}))", name="settled"),
    Index("orders_signal_idx", "cycle_id", "portfolio", "asset"),
    Index("orders_recorded_at_idx", "recorded_at"),
    Index("orders_unsettled_idx", "portfolio", postgresql_where=text("settled_at IS NULL")),
)

order_history = Table(
    "order_history",
    metadata,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), primary_key=True),
    Column("at", EpochMs, primary_key=True),
    _key("state"),
    _text("detail", nullable=True),
    postgresql_partition_by="RANGE (at)",
)

fills = Table(
    "fills",
    metadata,
    _key("venue"),
    _key("symbol"),
    _key("trade_id"),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    _positive("amount_base"),
    _positive("price_quote"),
    _text("fee_asset", nullable=True),
    # A maker may be paid: a fee below zero is a rebate.
    _finite("fee_amount"),
    Column("is_maker", Boolean, nullable=False),
    _at("filled_at"),
    Index("fills_client_order_id_idx", "client_order_id"),
    Index("fills_filled_at_idx", "filled_at"),
)
