"""Which halts were told to a person, and ignored orders told apart by their market.

Ids of orders count anew in each market of some venues: which order an earlier decision meant,
nobody can tell, so those are forgotten, and the account check asks a person once more.

For a time revision 0004 itself held these columns: where they stand already, nothing is lost.
"""

from alembic import op

revision = "0005"
down_revision = "0004"

HALTS = (
    "ALTER TABLE trading_halts ADD COLUMN IF NOT EXISTS is_paged boolean NOT NULL DEFAULT false",
)

IGNORED_ORDERS = (
    "ALTER TABLE ignored_orders ADD COLUMN IF NOT EXISTS symbol text",
    "DELETE FROM ignored_orders WHERE symbol IS NULL",
    """
    ALTER TABLE ignored_orders
        ALTER COLUMN symbol SET NOT NULL,
        DROP CONSTRAINT ignored_orders_pkey,
        ADD PRIMARY KEY (venue, symbol, venue_order_id)
    """,
)


def upgrade() -> None:
    for statement in (*HALTS, *IGNORED_ORDERS):
        op.execute(statement)
