"""Tables of what a market allowed and what a portfolio held, cycle by cycle.

Every row that follows from another carries its key: a signal names its ticker, balance and
precision rows.
"""

from sqlalchemy import CheckConstraint, Column, Date, ForeignKeyConstraint, Index, Table
from sqlalchemy.dialects.postgresql import JSONB

from resources.tables_columns import (
    SCHEMA,
    count,
    finite,
    instant,
    key,
    not_negative,
    one_of,
    positive,
    share,
    words,
)

market_precision = Table(
    "market_precision",
    SCHEMA,
    key("venue"),
    key("symbol"),
    Column("day", Date, primary_key=True),
    key("rules_version"),
    positive("amount_base_step"),
    not_negative("amount_base_min"),
    positive("amount_base_max", nullable=True),
    positive("price_quote_step"),
    not_negative("notional_quote_min"),
    words("payload"),
    instant("first_observed_at"),
    instant("observed_at"),
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
    SCHEMA,
    key("cycle_id"),
    key("venue"),
    key("symbol"),
    positive("bid_quote"),
    positive("ask_quote"),
    positive("last_quote"),
    instant("observed_at"),
    CheckConstraint("bid_quote <= ask_quote", name="book"),
)

balance_snapshots = Table(
    "balance_snapshots",
    SCHEMA,
    key("cycle_id"),
    key("venue"),
    key("asset"),
    not_negative("free"),
    not_negative("locked"),
    instant("observed_at"),
)

quarantine = Table(
    "quarantine",
    SCHEMA,
    key("source"),
    key("batch_key"),
    key("venue"),
    key("digest"),
    words("subject"),
    words("fault"),
    words("detail"),
    Column("raw", JSONB, nullable=False),
    instant("at"),
    Index("quarantine_at_idx", "at"),
)

drift_signals = Table(
    "drift_signals",
    SCHEMA,
    key("cycle_id"),
    key("portfolio"),
    key("asset"),
    not_negative("value_quote"),
    not_negative("target_quote"),
    finite("gap_quote"),
    not_negative("weight_bps"),
    count("target_bps"),
    finite("drift_bps"),
    share("urgency"),
    instant("at"),
    # What it was computed from. Cash has neither ticker nor rules; an asset that the account does
    # not list has no balance row.
    words("venue"),
    words("ticker_symbol", nullable=True),
    words("balance_asset", nullable=True),
    Column("precision_day", Date, nullable=True),
    words("rules_version", nullable=True),
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
    SCHEMA,
    key("cycle_id"),
    key("portfolio"),
    key("asset"),
    one_of("side", ["buy", "sell"]),
    words("reason"),
    words("detail"),
    finite("drift_bps"),
    ForeignKeyConstraint(
        ["cycle_id", "portfolio", "asset"],
        ["drift_signals.cycle_id", "drift_signals.portfolio", "drift_signals.asset"],
        name="skipped_legs_signal_fkey",
    ),
)
