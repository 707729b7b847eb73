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

_DIALECT = dialect()  # type: ignore[no-untyped-call]


def insert_arrays(connection: Connection, table: Table, rows: Rows) -> int:
    """Insert the rows whose key is not taken, in their order, and say how many those were."""
    if not rows:
        return 0
    return connection.exec_driver_sql(_insert(table, tuple(rows[0])), _arrays(table, rows)).rowcount


def insert_new(connection: Connection, table: Table, rows: Rows) -> frozenset[Any]:
    """Insert as `insert_arrays` does, and say which are new, by the first column of `rows`."""
    if not rows:
        return frozenset()
    key, *_ = names = tuple(rows[0])
    statement = f"{_insert(table, names)} RETURNING {key}"
    return frozenset(connection.exec_driver_sql(statement, _arrays(table, rows)).scalars())


def update_arrays(connection: Connection, table: Table, rows: Rows) -> None:
    """Write columns of rows that are there; the first column of `rows` names the row."""
    if rows:
        connection.exec_driver_sql(_update(table, tuple(rows[0])), _arrays(table, rows))


@cache
def _insert(table: Table, names: tuple[str, ...]) -> str:
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) "
        f"SELECT * FROM {_unnested(table, names)} ON CONFLICT DO NOTHING"
    )


@cache
def _update(table: Table, names: tuple[str, ...]) -> str:
    key, *written = names
    values = ", ".join(f"{name} = told.{name}" for name in written)
    return (
        f"UPDATE {table.name} SET {values} "
        f"FROM {_unnested(table, names)} AS told ({', '.join(names)}) "
        f"WHERE {table.name}.{key} = told.{key}"
    )


def _unnested(table: Table, names: tuple[str, ...]) -> str:
    types = {name: table.c[name].type.compile(_DIALECT) for name in names}
    return f"unnest({', '.join(f'%({name})s::{kind}[]' for name, kind in types.items())})"


def _arrays(table: Table, rows: Rows) -> dict[str, list[Any]]:
    return {name: _array(table, name, rows) for name in rows[0]}


def _array(table: Table, name: str, rows: Rows) -> list[Any]:
    if isinstance(table.c[name].type, EpochMs):
        return [timestamp_of(row[name]) for row in rows]
    return [row[name] for row in rows]
