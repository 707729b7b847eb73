"""Tables of who may not trade, and of what is known about an account beside our own orders.

A row is never removed where a person may ask later: a halt that was lifted and a window that was
removed stay, with who did it.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Table, text

from rebalancer.controls import HaltKind, ScopeKind
from resources.tables_columns import (
    SCHEMA,
    duration_ms,
    finite,
    instant,
    key,
    one_of,
    serial,
    words,
)

_NAMED = "|".join(kind for kind in ScopeKind if kind is not ScopeKind.EVERYTHING)

trading_halts = Table(
    "trading_halts",
    SCHEMA,
    serial("halt_id"),
    words("scope"),
    one_of("kind", list(HaltKind)),
    words("reason"),
    words("actor"),
    instant("at"),
    instant("lifted_at", nullable=True),
    words("lifted_by", nullable=True),
    # Whether a person was told of it; one that a person imposed needs nobody told.
    Column("is_paged", Boolean, nullable=False, server_default=text("false")),
    CheckConstraint(f"scope = '{ScopeKind.EVERYTHING}' OR scope ~ '^({_NAMED}):.'", name="scope"),
    CheckConstraint("(lifted_at IS NULL) = (lifted_by IS NULL)", name="lifted"),
    Index(
        "trading_halts_in_force_idx",
        "scope",
        "kind",
        unique=True,
        postgresql_where=text("lifted_at IS NULL"),
    ),
)

maintenance_windows = Table(
    "maintenance_windows",
    SCHEMA,
    serial("row_id"),
    words("window_id"),
    # None: every venue.
    words("venue", nullable=True),
    instant("starts_at"),
    duration_ms("duration_ms"),
    duration_ms("every_ms", nullable=True),
    instant("until_at", nullable=True),
    words("note"),
    Column("is_announced", Boolean, nullable=False),
    instant("added_at"),
    words("added_by"),
    instant("removed_at", nullable=True),
    words("removed_by", nullable=True),
    CheckConstraint("every_ms >= duration_ms", name="repeats"),
    CheckConstraint("until_at > starts_at", name="until"),
    CheckConstraint("(removed_at IS NULL) = (removed_by IS NULL)", name="removed"),
    Index(
        "maintenance_windows_in_force_idx",
        "window_id",
        unique=True,
        postgresql_where=text("removed_at IS NULL"),
    ),
)

account_baselines = Table(
    "account_baselines",
    SCHEMA,
    serial("baseline_id"),
    words("portfolio"),
    instant("taken_at"),
    Index("account_baselines_newest_idx", "portfolio", "taken_at", "baseline_id"),
)

# A table of its own, because an account that holds nothing has a baseline too.
baseline_totals = Table(
    "baseline_totals",
    SCHEMA,
    Column(
        "baseline_id",
        BigInteger,
        ForeignKey("account_baselines.baseline_id", ondelete="CASCADE"),
        primary_key=True,
    ),
    key("asset"),
    finite("total"),
)

ignored_orders = Table(
    "ignored_orders",
    SCHEMA,
    key("venue"),
    key("symbol"),
    key("venue_order_id"),
    words("actor"),
    words("reason"),
    instant("at"),
)
