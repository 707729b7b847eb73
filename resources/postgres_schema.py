"""Bringing a database to the newest tables, and keeping months ready for the order history."""

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text

from rebalancer.errors import BadConfig
from resources.postgres_connection import (
    SETTING,
    lift_limits,
    open_engine,
    place_of,
    transaction,
)

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).with_name("migrations")
MONTHS_AHEAD_MAX = 120
_LOCK = 7_246_101_998
"""Names our advisory lock; any number that no other program of the database uses."""


def is_newest(engine: Engine) -> bool:
    """Whether the tables are at the newest revision. Cheap: every start asks, few upgrade.

    Raises:
        StoreUnavailable: the server did not answer.
    """
    newest = max(path.stem for path in (MIGRATIONS / "versions").glob("v*.py"))[1:].split("_")[0]
    with transaction(engine) as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version') IS NULL")):
            return False
        return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == newest)


def has_no_tables(engine: Engine) -> bool:
    """Whether no Trimtab has been at this database yet.

    Raises:
        StoreUnavailable: the server did not answer.
    """
    with transaction(engine) as connection:
        return bool(connection.scalar(text("SELECT to_regclass('alembic_version') IS NULL")))


def bring_up_to_date(engine: Engine, *, today: date, months_ahead: int) -> None:
    """Make the newest tables and the months ahead, where that is not done yet.

    Raises:
        BadConfig: a newer Trimtab has upgraded this database before.
        StoreUnavailable: the server did not answer.
    """
    if not is_newest(engine):
        upgrade_database(engine)
        ensure_order_history_partitions(engine, today=today, months_ahead=months_ahead)


def upgrade_database(target: Engine | str) -> str:
    """Bring the tables to the newest revision; all of it or nothing. Twice changes nothing.

    Safe when several processes start at once: the others wait, then find nothing left to do.

    Args:
        target: The engine, or the URL of the database.

    Returns:
        The revision the database is at now.

    Raises:
        BadConfig: a newer Trimtab has upgraded this database before.
        StoreUnavailable: the server did not answer.
    """
    if isinstance(target, Engine):
        return _upgrade(target)
    engine = open_engine(target)
    try:
        return _upgrade(engine)
    finally:
        engine.dispose()


def ensure_order_history_partitions(
    engine: Engine, *, today: date, months_ahead: int
) -> tuple[str, ...]:
    """Make the partitions of this month and the next ones that do not exist yet.

    Events whose month had no partition wait in the default one; they move into their month here.

    Returns:
        The names of the partitions made, oldest first.
    """
    assert 0 <= months_ahead <= MONTHS_AHEAD_MAX, months_ahead
    wanted = {_partition_name(month): month for month in _months(today, months_ahead)}
    with transaction(engine) as connection:
        _lock(connection)
        missing = [name for name in wanted if not _exists(connection, name)]
        if missing:
            has_strays = connection.scalar(text("SELECT EXISTS (TABLE order_history_default)"))
            if has_strays:
                _set_default_aside(connection)
            for name in missing:
                _make_partition(connection, name, wanted[name])
            if has_strays:
                _take_back_strays(connection)
    return tuple(missing)


def alembic_config(connection: Connection) -> "Config":
    """Alembic's settings for our migrations on this connection, without any file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _upgrade(engine: Engine) -> str:
    # Most starts upgrade, few have something to do; Alembic is loaded only here.
    from alembic import command
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    with transaction(engine) as connection:
        _lock(connection)
        config = alembic_config(connection)
        script = ScriptDirectory.from_config(config)
        head = script.get_current_head()
        assert head is not None, MIGRATIONS
        current = MigrationContext.configure(connection).get_current_revision()
        known = {revision.revision for revision in script.walk_revisions()}
        if current is not None and current not in known:
            raise BadConfig(
                f"database {place_of(engine.url)} is at revision {current}, but this version of "
                f"Trimtab knows revisions up to {head}: a newer one has upgraded it; install "
                f"that version, or point {SETTING} at another database"
            )
        if current != head:
            command.upgrade(config, "head")
    return head


def _lock(connection: Connection) -> None:
    lift_limits(connection)
    # Held until the transaction ends, so a process that dies lets go of it.
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _months(today: date, months_ahead: int) -> list[date]:
    first = today.year * 12 + today.month - 1
    return [date(n // 12, n % 12 + 1, 1) for n in range(first, first + months_ahead + 1)]


def _partition_name(month: date) -> str:
    return f"order_history_{month:%Y_%m}"


def _exists(connection: Connection, name: str) -> bool:
    found = connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name})
    return bool(found)


def _make_partition(connection: Connection, name: str, month: date) -> None:
    after = _months(month, 1)[1]
    connection.execute(
        text(
            f"CREATE TABLE {name} PARTITION OF order_history "
            f"FOR VALUES FROM ('{month} 00:00:00+00') TO ('{after} 00:00:00+00')"
        )
    )


def _set_default_aside(connection: Connection) -> None:
    # A month cannot be made while the default partition holds rows of it, and history rows cannot
    # be deleted: so the whole table steps aside and a new default takes its place.
    for statement in (
        "ALTER TABLE order_history DETACH PARTITION order_history_default",
        "ALTER TABLE order_history_default RENAME TO order_history_strays",
        "CREATE TABLE order_history_default PARTITION OF order_history DEFAULT",
    ):
        connection.execute(text(statement))


def _take_back_strays(connection: Connection) -> None:
    columns = "client_order_id, at, state, place, detail"
    connection.execute(
        text(f"INSERT INTO order_history ({columns}) SELECT {columns} FROM order_history_strays")
    )
    connection.execute(text("DROP TABLE order_history_strays"))
