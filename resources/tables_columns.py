"""The kinds of columns our tables are made of, and the law each kind keeps.

Money is NUMERIC without a scale, so that digits stay as they came. PostgreSQL's NUMERIC also takes
NaN and Infinity; every number here is checked against both, and NaN counts as above Infinity.
Instants are timestamptz on disk and epoch milliseconds in Python.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Identity,
    Integer,
    MetaData,
    Numeric,
    Text,
    TypeDecorator,
    text,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)

SCHEMA = MetaData(
    # The names PostgreSQL gives by itself, so that SQL written by hand gives the same.
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)
"""What every table joins. Whoever needs all of them takes `metadata` from `tables`."""


class EpochMs(TypeDecorator[int]):
    """timestamptz on disk, epoch milliseconds in Python."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else timestamp_of(value)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else epoch_ms_of(value)


def timestamp_of(at_ms: int) -> datetime:
    """An instant as it stands on disk."""
    return _EPOCH + at_ms * _MS


def epoch_ms_of(timestamp: datetime) -> int:
    """An instant as it stands in Python."""
    return (timestamp - _EPOCH) // _MS


def positive(name: str, *, nullable: bool = False) -> Column[Any]:
    """Money above zero."""
    law = CheckConstraint(f"{name} > 0 AND {name} < 'Infinity'", name=name)
    return Column(name, Numeric, law, nullable=nullable)


def not_negative(name: str, *, default: str | None = None) -> Column[Any]:
    """Money from zero up."""
    law = CheckConstraint(f"{name} >= 0 AND {name} < 'Infinity'", name=name)
    server_default = None if default is None else text(default)
    return Column(name, Numeric, law, nullable=False, server_default=server_default)


def finite(name: str, *, nullable: bool = False) -> Column[Any]:
    """Money of either sign."""
    law = CheckConstraint(f"{name} > '-Infinity' AND {name} < 'Infinity'", name=name)
    return Column(name, Numeric, law, nullable=nullable)


def share(name: str) -> Column[Any]:
    """A part of one, from 0 to 1."""
    law = CheckConstraint(f"{name} >= 0 AND {name} <= 1", name=name)
    return Column(name, Numeric, law, nullable=False)


def count(name: str) -> Column[Any]:
    """A whole number from zero up."""
    return Column(name, Integer, CheckConstraint(f"{name} >= 0", name=name), nullable=False)


def duration_ms(name: str, *, nullable: bool = False) -> Column[Any]:
    """A length of time above zero, in milliseconds."""
    return Column(name, BigInteger, CheckConstraint(f"{name} > 0", name=name), nullable=nullable)


def words(name: str, *, nullable: bool = False) -> Column[Any]:
    """Text."""
    return Column(name, Text, nullable=nullable)


def key(name: str) -> Column[Any]:
    """Text that is, or is part of, the primary key."""
    return Column(name, Text, primary_key=True)


def serial(name: str) -> Column[Any]:
    """A primary key that the database counts up."""
    return Column(name, BigInteger, Identity(), primary_key=True)


def instant(name: str, *, nullable: bool = False) -> Column[Any]:
    """A moment, as `EpochMs`."""
    return Column(name, EpochMs, nullable=nullable)


def one_of(name: str, values: list[str]) -> Column[Any]:
    """Text out of a closed list."""
    listed = ", ".join(f"'{value}'" for value in values)
    law = CheckConstraint(f"{name} IN ({listed})", name=name)
    return Column(name, Text, law, nullable=False)
