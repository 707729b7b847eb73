"""Many rows in one statement, one array a column: for what is written as every order ends.

A statement is the same text for one row and for a hundred, made once from its table and its
columns; composing it anew each time costs more than PostgreSQL takes to run it. What is written
seldom is composed where it is written.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import dialect

from resources.tables_columns import EpochMs, timestamp_of

Rows = Sequence[Mapping[str, Any]]

_DIALECT = dialect()  # type: ignore[no-untyped-call]


def insertion(table: Table, names: Sequence[str]) -> str:
    """The statement that inserts what `arrays_of` gives, in that order, where no key is taken.

    It may be part of a larger one; a RETURNING may follow it.
    """
    return (
        f"INSERT INTO {table.name} ({', '.join(names)}) "
        f"SELECT * FROM {_unnested(table, names)} ON CONFLICT DO NOTHING"
    )


def overwriting(table: Table, names: Sequence[str]) -> str:
    """The statement that writes what `arrays_of` gives over rows; the first column names them."""
    key, *written = names
    values = ", ".join(f"{name} = told.{name}" for name in written)
    return (
        f"UPDATE {table.name} SET {values} "
        f"FROM {_unnested(table, names)} AS told ({', '.join(names)}) "
        f"WHERE {table.name}.{key} = told.{key}"
    )


def arrays_of(table: Table, names: Sequence[str], rows: Rows) -> dict[str, list[Any]]:
    """The columns of rows as the driver takes them, each named after its table too."""
    arrays = {_place(table, name): [row[name] for row in rows] for name in names}
    for place in _instants(table) & arrays.keys():
        arrays[place] = [timestamp_of(at_ms) for at_ms in arrays[place]]
    return arrays


@cache
def _instants(table: Table) -> frozenset[str]:
    return frozenset(_place(table, c.name) for c in table.c if isinstance(c.type, EpochMs))


def _unnested(table: Table, names: Sequence[str]) -> str:
    types = {name: table.c[name].type.compile(_DIALECT) for name in names}
    arrays = [f"%({_place(table, name)})s::{kind}[]" for name, kind in types.items()]
    return f"unnest({', '.join(arrays)})"


def _place(table: Table, name: str) -> str:
    return f"{table.name}.{name}"
