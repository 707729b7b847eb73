"""Tables of the books: orders as they stand, their append-only history, and their fills."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Sequence,
    Table,
    Text,
    text,
)
from sqlalchemy.types import Boolean

from rebalancer.order_states import FINAL_STATES, STATES_WITH_FILLS, OrderState
from resources.tables_columns import (
    SCHEMA,
    EpochMs,
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


def _listed(states: frozenset[OrderState]) -> str:
    return ", ".join(f"'{state}'" for state in OrderState if state in states)


_FINAL, _WITH_FILLS = _listed(FINAL_STATES), _listed(STATES_WITH_FILLS)

orders = Table(
    "orders",
    SCHEMA,
    key("client_order_id"),
    # With `asset`, the key of the drift signal that asked for the order.
    words("cycle_id"),
    words("portfolio"),
    words("asset"),
    words("venue"),
    words("symbol"),
    one_of("side", ["buy", "sell"]),
    positive("amount_base"),
    positive("limit_price_quote"),
    positive("worst_price_quote"),
    positive("arrival_mid_quote"),
    positive("least_base"),
    not_negative("leg_rest_base"),
    finite("drift_bps"),
    share("urgency"),
    words("rules_version"),
    instant("planned_at"),
    instant("expires_at"),
    count("slice_index"),
    count("attempt"),
    one_of("style", ["take", "post"]),
    # The order of the same leg that ended before this one was made.
    Column("follows", Text, ForeignKey("orders.client_order_id"), nullable=True),
    one_of("state", list(OrderState)),
    words("venue_order_id", nullable=True),
    words("reason", nullable=True),
    # What the venue did that it must not; the portfolio was frozen for it.
    words("contradiction", nullable=True),
    # May be above amount_base: what a venue has traded is booked, even where it was too much.
    not_negative("filled_base", default="0"),
    not_negative("paid_quote", default="0"),
    finite("slippage_bps", nullable=True),
    instant("recorded_at"),
    instant("settled_at", nullable=True),
    CheckConstraint(f"(filled_base > 0) = (state IN ({_WITH_FILLS}))", name="filled"),
    CheckConstraint(f"(settled_at IS NOT NULL) = (state IN ({_FINAL}))", name="settled"),
    Index("orders_signal_idx", "cycle_id", "portfolio", "asset"),
    Index("orders_recorded_at_idx", "recorded_at"),
    Index("orders_settled_at_idx", "settled_at", postgresql_where=text("settled_at IS NOT NULL")),
    Index("orders_unsettled_idx", "portfolio", postgresql_where=text("settled_at IS NULL")),
    Index(
        "orders_venue_order_id_idx",
        "venue_order_id",
        postgresql_where=text("venue_order_id IS NOT NULL"),
    ),
)

_history_place = Sequence("order_history_place_seq", data_type=BigInteger, metadata=SCHEMA)

order_history = Table(
    "order_history",
    SCHEMA,
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), primary_key=True),
    Column("at", EpochMs, primary_key=True),
    key("state"),
    # Tells the order of events that fell into the same millisecond, or whose clocks differed.
    # 0: written before places were counted.
    Column("place", BigInteger, primary_key=True, server_default=_history_place.next_value()),
    words("detail", nullable=True),
    postgresql_partition_by="RANGE (at)",
)

fills = Table(
    "fills",
    SCHEMA,
    key("venue"),
    key("symbol"),
    key("trade_id"),
    Column("client_order_id", Text, ForeignKey("orders.client_order_id"), nullable=False),
    positive("amount_base"),
    positive("price_quote"),
    words("fee_asset", nullable=True),
    # A maker may be paid: a fee below zero is a rebate.
    finite("fee_amount"),
    Column("is_maker", Boolean, nullable=False),
    instant("filled_at"),
    # By our clock: a trade may reach the books long after it was made.
    instant("recorded_at"),
    Index("fills_client_order_id_idx", "client_order_id"),
    Index("fills_filled_at_idx", "filled_at"),
    Index("fills_recorded_at_idx", "recorded_at"),
)
