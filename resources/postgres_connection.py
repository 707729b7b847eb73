"""Opening PostgreSQL, and saying what is wrong when it does not answer.

Here: the URL, the pool, one transaction, and the translation of the driver's errors. What is
written through it is in `postgres_ledger` and `postgres_archive`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from select import POLLIN, poll
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    DisconnectionError,
    InternalError,
    OperationalError,
)
from sqlalchemy.exc import InterfaceError as LostConnection
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.pool import ConnectionPoolEntry

from rebalancer.errors import BadConfig, BadData, StoreUnavailable

SETTING = "TRIMTAB_DATABASE_URL"
POOL_SIZE = 20
POOL_OVERFLOW = 10
POOL_WAIT_SECONDS = 10
CONNECT_SECONDS = 5
SILENCE_MS_MAX = 15_000
"""How long the network may swallow what was sent before the connection counts as dead."""
LOCK_MS_MAX = 10_000
"""How long a row may be held by another: by a process that was stopped, it is held for ever."""
STATEMENT_MS_MAX = 20_000
IDLE_MS_MAX = 15_000
"""When the server ends a transaction whose process says nothing more, and lets go of its rows."""
assert LOCK_MS_MAX < STATEMENT_MS_MAX

_CONNECT_ARGUMENTS = {
    "application_name": "trimtab",
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": SILENCE_MS_MAX,
}
_LIMITS = (
    f"SET lock_timeout = {LOCK_MS_MAX}; SET statement_timeout = {STATEMENT_MS_MAX};"
    f" SET idle_in_transaction_session_timeout = {IDLE_MS_MAX}"
)
_CURES = {
    "due to lock timeout": "another program holds what this one needs; see pg_stat_activity",
    "due to statement timeout": "the server is overloaded; see pg_stat_activity",
    "authentication failed": f"check the user and the password in {SETTING}",
    "no password supplied": f"put the password into {SETTING}",
    "does not exist": "create the database or the role that the message names",
    "too many connections": "close other programs or raise max_connections on the server",
    "too many clients": "close other programs or raise max_connections on the server",
    "remaining connection slots": "close other programs or raise max_connections on the server",
    "could not translate host name": f"correct the host in {SETTING}",
    "read-only transaction": f"point {SETTING} at the primary; this server only reads",
    "No space left on device": "free some disk on the server",
}
_CURE = f"start PostgreSQL, or correct {SETTING}; what was under way can be repeated safely"
_NEW = "trimtab_new"
"""Marks a connection that nobody was lent yet: the pool gives up where that one is refused too."""
_UNDEFINED_TABLE, _UNDEFINED_COLUMN, _NOT_ALLOWED = "42P01", "42703", "42501"


def open_engine(url: str) -> Engine:
    """Make the pool of connections. Connects when it is first used, not before.

    Raises:
        BadConfig: the URL is no PostgreSQL URL.
    """
    engine = create_engine(
        read_url(url),
        pool_size=POOL_SIZE,
        max_overflow=POOL_OVERFLOW,
        pool_timeout=POOL_WAIT_SECONDS,
        connect_args=_CONNECT_ARGUMENTS,
    )
    event.listen(engine, "connect", _bound_waits)
    event.listen(engine, "checkout", _refuse_lost)
    return engine


def lift_limits(connection: Connection) -> None:
    """Let this transaction wait and work for as long as it takes: for changes to the tables."""
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")


def read_url(url: str) -> URL:
    """Read a database URL and name its driver, since "postgresql://" alone means another one.

    Raises:
        BadConfig: the URL is no PostgreSQL URL. Neither message holds the password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise BadConfig(
            f"{SETTING}: expected postgresql://user:password@host:port/database, was something "
            "that cannot be read as a URL; percent-encode special characters in the password"
        ) from None
    if parsed.drivername.partition("+")[0] not in ("postgresql", "postgres"):
        raise BadConfig(
            f"{SETTING}: expected a URL that begins with postgresql://, "
            f"was {parsed.drivername}://…; the books need PostgreSQL"
        )
    if not parsed.database:
        raise BadConfig(f"{SETTING}: expected a database name at its end, was {place_of(parsed)}")
    return parsed.set(drivername="postgresql+psycopg2")


def place_of(url: URL) -> str:
    """Where a database is, without who may enter: host:port/database."""
    host = url.host or url.query.get("host") or "localhost"
    return f"{host}:{url.port or 5432}/{url.database or ''}"


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """Lend a connection whose work is committed at the end of the block, or not at all.

    Raises:
        StoreUnavailable: the server did not answer. The work may be repeated: where the answer to
            the commit was lost it may be on disk, and every write of ours is harmless twice.
        BadConfig: the database lacks our tables or our rights.
        BadData: a row holds an instant that cannot be read.
    """
    with translated(engine.url), engine.begin() as connection:
        yield connection


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what the driver says about the server into an error that names place and cure."""
    try:
        yield
    except PoolExhausted as error:
        raise StoreUnavailable(
            f"PostgreSQL at {place_of(url)}: all {POOL_SIZE + POOL_OVERFLOW} connections were busy "
            f"for {POOL_WAIT_SECONDS} s; run fewer things at once"
        ) from error
    except (OperationalError, LostConnection, InternalError) as error:
        raise StoreUnavailable(_message(url, error)) from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise StoreUnavailable(_message(url, error)) from error
        if (bad := _bad_database(url, error)) is not None:
            raise bad from error
        raise
    except ValueError as error:
        if not str(error).startswith("year "):
            raise
        raise BadData(
            f"PostgreSQL at {place_of(url)}: a row holds an instant outside the years 1 to 9999 "
            f"({error}), which this program never writes; correct that row"
        ) from None


def _bound_waits(raw: Any, record: ConnectionPoolEntry) -> None:
    # Not as a start-up option: poolers in front of a server refuse those.
    with raw.cursor() as cursor:
        cursor.execute(_LIMITS)
    raw.commit()
    record.info[_NEW] = True


def _refuse_lost(raw: Any, record: ConnectionPoolEntry, _lent: object) -> None:
    """Have the pool replace a connection that was lost while it lay there.

    Asking the server costs a trip for every transaction. The kernel knows already: what lies idle
    is silent, so whatever stands to be read on it says that the server ends it; and a network that
    went away without a word is found by the keepalives.
    """
    if record.info.pop(_NEW, False):
        return
    line = poll()
    if not raw.closed:
        line.register(raw.fileno(), POLLIN)
    if raw.closed or line.poll(0):
        raise DisconnectionError("lost while idle")


def _message(url: URL, error: DBAPIError) -> str:
    # libpq says the useful thing last: "connection to server at … failed: FATAL: …".
    said = " ".join(str(error.orig).split()) or type(error.orig).__name__
    cure = next((cure for words, cure in _CURES.items() if words in said), _CURE)
    return f"PostgreSQL at {place_of(url)} did not answer: {said}; {cure}"


def _bad_database(url: URL, error: DBAPIError) -> BadConfig | None:
    code = getattr(error.orig, "pgcode", None)
    said = str(error.orig).partition("\n")[0]
    if code in (_UNDEFINED_TABLE, _UNDEFINED_COLUMN):
        cure = "its tables are not those of this version; upgrade the database and try again"
    elif code == _NOT_ALLOWED:
        cure = f"grant the right to the user of {SETTING}, or name another user there"
    else:
        return None
    return BadConfig(f"PostgreSQL at {place_of(url)}: {said}; {cure}")
