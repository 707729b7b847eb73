"""Drift signals with the rows they were computed from, and the legs that were not made."""

from alembic import op

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    """
    CREATE TABLE drift_signals (
        cycle_id text NOT NULL,
        portfolio text NOT NULL,
        asset text NOT NULL,
        value_quote numeric NOT NULL CHECK (value_quote >= 0 AND value_quote < 'Infinity'),
        target_quote numeric NOT NULL CHECK (target_quote >= 0 AND target_quote < 'Infinity'),
        gap_quote numeric NOT NULL CHECK (gap_quote > '-Infinity' AND gap_quote < 'Infinity'),
        weight_bps numeric NOT NULL CHECK (weight_bps >= 0 AND weight_bps < 'Infinity'),
        target_bps integer NOT NULL CHECK (target_bps >= 0),
        drift_bps numeric NOT NULL CHECK (drift_bps > '-Infinity' AND drift_bps < 'Infinity'),
        urgency numeric NOT NULL CHECK (urgency >= 0 AND urgency <= 1),
        at timestamptz NOT NULL,
        venue text NOT NULL,
        ticker_symbol text,
        balance_asset text,
        precision_day date,
        rules_version text,
        PRIMARY KEY (cycle_id, portfolio, asset),
        CONSTRAINT drift_signals_ticker_fkey FOREIGN KEY (cycle_id, venue, ticker_symbol)
            REFERENCES ticker_snapshots (cycle_id, venue, symbol),
        CONSTRAINT drift_signals_balance_fkey FOREIGN KEY (cycle_id, venue, balance_asset)
            REFERENCES balance_snapshots (cycle_id, venue, asset),
        CONSTRAINT drift_signals_precision_fkey
            FOREIGN KEY (venue, ticker_symbol, precision_day, rules_version)
            REFERENCES market_precision (venue, symbol, day, rules_version)
    )
    """,
    "CREATE INDEX drift_signals_portfolio_at_idx ON drift_signals (portfolio, at)",
    """
    CREATE TABLE skipped_legs (
        cycle_id text NOT NULL,
        portfolio text NOT NULL,
        asset text NOT NULL,
        side text NOT NULL CHECK (side IN ('buy', 'sell')),
        reason text NOT NULL,
        detail text NOT NULL,
        drift_bps numeric NOT NULL CHECK (drift_bps > '-Infinity' AND drift_bps < 'Infinity'),
        PRIMARY KEY (cycle_id, portfolio, asset),
        CONSTRAINT skipped_legs_signal_fkey FOREIGN KEY (cycle_id, portfolio, asset)
            REFERENCES drift_signals (cycle_id, portfolio, asset)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
