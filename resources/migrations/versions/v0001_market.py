"""Market rules, tickers, balances, and the rows that were refused."""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE market_precision (
        venue text NOT NULL,
        symbol text NOT NULL,
        day date NOT NULL,
        rules_version text NOT NULL,
        amount_base_step numeric NOT NULL
            CHECK (amount_base_step > 0 AND amount_base_step < 'Infinity'),
        amount_base_min numeric NOT NULL
            CHECK (amount_base_min >= 0 AND amount_base_min < 'Infinity'),
        amount_base_max numeric CHECK (amount_base_max > 0 AND amount_base_max < 'Infinity'),
        price_quote_step numeric NOT NULL
            CHECK (price_quote_step > 0 AND price_quote_step < 'Infinity'),
        notional_quote_min numeric NOT NULL
            CHECK (notional_quote_min >= 0 AND notional_quote_min < 'Infinity'),
        payload text NOT NULL,
        first_observed_at timestamptz NOT NULL,
        observed_at timestamptz NOT NULL,
        PRIMARY KEY (venue, symbol, day, rules_version),
        CONSTRAINT market_precision_day_check CHECK (
            day = CAST(first_observed_at AT TIME ZONE 'UTC' AS date)
            AND day = CAST(observed_at AT TIME ZONE 'UTC' AS date)
        )
    )
    """,
    "CREATE INDEX market_precision_venue_day_idx ON market_precision (venue, day)",
    """
    CREATE TABLE ticker_snapshots (
        cycle_id text NOT NULL,
        venue text NOT NULL,
        symbol text NOT NULL,
        bid_quote numeric NOT NULL CHECK (bid_quote > 0 AND bid_quote < 'Infinity'),
        ask_quote numeric NOT NULL CHECK (ask_quote > 0 AND ask_quote < 'Infinity'),
        last_quote numeric NOT NULL CHECK (last_quote > 0 AND last_quote < 'Infinity'),
        observed_at timestamptz NOT NULL,
        PRIMARY KEY (cycle_id, venue, symbol),
        CONSTRAINT ticker_snapshots_book_check CHECK (bid_quote <= ask_quote)
    )
    """,
    """
    CREATE TABLE balance_snapshots (
        cycle_id text NOT NULL,
        venue text NOT NULL,
        asset text NOT NULL,
        free numeric NOT NULL CHECK (free >= 0 AND free < 'Infinity'),
        locked numeric NOT NULL CHECK (locked >= 0 AND locked < 'Infinity'),
        observed_at timestamptz NOT NULL,
        PRIMARY KEY (cycle_id, venue, asset)
    )
    """,
    """
    CREATE TABLE quarantine (
        source text NOT NULL,
        batch_key text NOT NULL,
        venue text NOT NULL,
        digest text NOT NULL,
        subject text NOT NULL,
        fault text NOT NULL,
        detail text NOT NULL,
        raw jsonb NOT NULL,
        at timestamptz NOT NULL,
        PRIMARY KEY (source, batch_key, venue, digest)
    )
    """,
    "CREATE INDEX quarantine_at_idx ON quarantine (at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
