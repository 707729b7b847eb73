"""The books: orders as they stand, their append-only history, and their fills."""

from alembic import op

revision = "0003"
down_revision = "0002"

ORDERS = """
    CREATE TABLE orders (
        client_order_id text NOT NULL PRIMARY KEY,
        cycle_id text NOT NULL,
        portfolio text NOT NULL,
        asset text NOT NULL,
        venue text NOT NULL,
        symbol text NOT NULL,
        side text NOT NULL CHECK (side IN ('buy', 'sell')),
        amount_base numeric NOT NULL CHECK (amount_base > 0 AND amount_base < 'Infinity'),
        limit_price_quote numeric NOT NULL
            CHECK (limit_price_quote > 0 AND limit_price_quote < 'Infinity'),
        arrival_mid_quote numeric NOT NULL
            CHECK (arrival_mid_quote > 0 AND arrival_mid_quote < 'Infinity'),
        drift_bps numeric NOT NULL CHECK (drift_bps > '-Infinity' AND drift_bps < 'Infinity'),
        urgency numeric NOT NULL CHECK (urgency >= 0 AND urgency <= 1),
        rules_version text NOT NULL,
        planned_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        slice_index integer NOT NULL CHECK (slice_index >= 0),
        attempt integer NOT NULL CHECK (attempt >= 0),
        residual_of text REFERENCES orders (client_order_id),
        state text NOT NULL CHECK (state IN (
            'planned', 'queued', 'in_doubt', 'filled', 'partially_filled', 'unfilled', 'refused',
            'expired', 'not_found'
        )),
        venue_order_id text,
        reason text,
        filled_base numeric NOT NULL DEFAULT 0
            CHECK (filled_base >= 0 AND filled_base < 'Infinity'),
        paid_quote numeric NOT NULL DEFAULT 0 CHECK (paid_quote >= 0 AND paid_quote < 'Infinity'),
        slippage_bps numeric CHECK (slippage_bps > '-Infinity' AND slippage_bps < 'Infinity'),
        recorded_at timestamptz NOT NULL,
        settled_at timestamptz,
        CONSTRAINT orders_filled_at_most_check CHECK (filled_base <= amount_base),
        CONSTRAINT orders_filled_check
            CHECK ((filled_base > 0) = (state IN ('filled', 'partially_filled'))),
        CONSTRAINT orders_settled_check CHECK ((settled_at IS NOT NULL) = (state IN (
            'filled', 'partially_filled', 'unfilled', 'refused', 'expired', 'not_found'
        )))
    )
"""

ORDER_HISTORY = """
    CREATE TABLE order_history (
        client_order_id text NOT NULL REFERENCES orders (client_order_id),
        at timestamptz NOT NULL,
        state text NOT NULL,
        detail text,
        PRIMARY KEY (client_order_id, at, state)
    ) PARTITION BY RANGE (at)
"""

FILLS = """
    CREATE TABLE fills (
        venue text NOT NULL,
        symbol text NOT NULL,
        trade_id text NOT NULL,
        client_order_id text NOT NULL REFERENCES orders (client_order_id),
        amount_base numeric NOT NULL CHECK (amount_base > 0 AND amount_base < 'Infinity'),
        price_quote numeric NOT NULL CHECK (price_quote > 0 AND price_quote < 'Infinity'),
        fee_asset text,
        fee_amount numeric NOT NULL CHECK (fee_amount > '-Infinity' AND fee_amount < 'Infinity'),
        is_maker boolean NOT NULL,
        filled_at timestamptz NOT NULL,
        PRIMARY KEY (venue, symbol, trade_id)
    )
"""

REFUSE_CHANGE = """
    CREATE FUNCTION refuse_order_history_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'order_history is append-only: % refused', TG_OP
            USING ERRCODE = 'restrict_violation';
    END
    $$
"""

STATEMENTS = (
    ORDERS,
    "CREATE INDEX orders_signal_idx ON orders (cycle_id, portfolio, asset)",
    "CREATE INDEX orders_recorded_at_idx ON orders (recorded_at)",
    "CREATE INDEX orders_unsettled_idx ON orders (portfolio) WHERE settled_at IS NULL",
    ORDER_HISTORY,
    # An event whose month has no partition yet lands here: it is kept, never refused.
    "CREATE TABLE order_history_default PARTITION OF order_history DEFAULT",
    REFUSE_CHANGE,
    """
    CREATE TRIGGER order_history_is_append_only BEFORE UPDATE OR DELETE ON order_history
        FOR EACH ROW EXECUTE FUNCTION refuse_order_history_change()
    """,
    """
    CREATE TRIGGER order_history_is_never_emptied BEFORE TRUNCATE ON order_history
        FOR EACH STATEMENT EXECUTE FUNCTION refuse_order_history_change()
    """,
    FILLS,
    "CREATE INDEX fills_client_order_id_idx ON fills (client_order_id)",
    "CREATE INDEX fills_filled_at_idx ON fills (filled_at)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)
