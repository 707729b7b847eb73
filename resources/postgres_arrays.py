"""Many rows in one statement, one array a column: for what is written as every order ends.

A statement is the same text for one row and for a hundred, made once from its table and its
columns; composing it anew each time costs more than PostgreSQL takes to run it. What is written
seldom is composed where it is written.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects.postgresql import dialect

from resources.tables_columns import EpochMs, timestamp_of

Rows = Sequence[Mapping[str, Any]]
"""At least one; all of the same columns."""

_DIALECT = dialect()  # type: ignore[no-untyped-call]


def insert_arrays(connection: Connection, table: Table, rows: Rows) -> int:
    """Insert the rows whose key is not taken, in their order, and say how many those were."""
    statement = insertion(table, tuple(rows[0]))
    return connection.exec_driver_sql(statement, arrays_of(table, rows)).rowcount


def update_arrays(connection: Connection, table: Table, rows: Rows) -> None:
    """Write columns of rows that are there; the first column of `rows` names the row."""
    connection.exec_driver_sql(_update(table, tuple(rows[0])), arrays_of(table, rows))


@cache
def insertion(table: Table, names: tuple[str, ...]) -> str:
    """The statement that inserts what `arrays_of` gives; a RETURNING may follow it."""
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) "
        f"SELECT * FROM {_unnested(table, names)} ON CONFLICT DO NOTHING"
    )


def arrays_of(table: Table, rows: Rows) -> dict[str, list[Any]]:
    """The columns of rows, as the driver takes them."""
    names = tuple(rows[0])
    arrays = {name: [row[name] for row in rows] for name in names}
    for name in _instants(table, names):
        arrays[name] = [timestamp_of(at_ms) for at_ms in arrays[name]]
    return arrays


@cache
def _update(table: Table, names: tuple[str, ...]) -> str:
    key, *written = names
    values = ", ".join(f"{name} = told.{name}" for name in written)
    return (
        f"UPDATE {table.name} SET {values} "
        f"FROM {_unnested(table, names)} AS told ({', '.join(names)}) "
        f"WHERE {table.name}.{key} = told.{key}"
    )


@cache
def _instants(table: Table, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if isinstance(table.c[name].type, EpochMs))


def _unnested(table: Table, names: tuple[str, ...]) -> str:
    types = {name: table.c[name].type.compile(_DIALECT) for name in names}
    return f"unnest({', '.join(f'%({name})s::{kind}[]' for name, kind in types.items())})"
