"""A database that cannot be used is named by place and cure, and its password never is."""

import socket
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, event, text
from sqlalchemy.exc import IntegrityError, ProgrammingError

from rebalancer.errors import BadConfig, StoreUnavailable
from resources.postgres_connection import open_engine, place_of, read_url, transaction

SECRET = "geheim-77"


def first_error(url: str) -> str:
    engine = open_engine(url)
    with pytest.raises(StoreUnavailable) as caught, transaction(engine):
        pass
    engine.dispose()
    return str(caught.value)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_every_way_to_write_a_postgresql_url_means_the_same_driver(scheme: str) -> None:
    url = read_url(f"{scheme}://me:{SECRET}@host:1234/books")
    assert (url.drivername, url.password) == ("postgresql+psycopg2", SECRET)
    assert place_of(url) == "host:1234/books"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (f"mysql://me:{SECRET}@host/books", r"begins with postgresql://, was mysql://"),
        (f"me:{SECRET}@host", "cannot be read as a URL"),
        (f"postgresql://me:{SECRET}@host:port/books", "cannot be read as a URL"),
        (f"postgresql://me:{SECRET}@host", "expected a database name"),
        ("", "cannot be read as a URL"),
    ],
)
def test_a_url_that_is_none_is_refused_with_the_setting_named(url: str, said: str) -> None:
    with pytest.raises(BadConfig, match=f"TRIMTAB_DATABASE_URL.*{said}") as caught:
        open_engine(url)
    assert SECRET not in str(caught.value)


def test_a_server_that_is_not_there_is_named_with_the_cure() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        said = first_error(f"postgresql://me:{SECRET}@127.0.0.1:{port}/books")
    assert f"127.0.0.1:{port}/books" in said
    assert "start PostgreSQL" in said
    assert SECRET not in said


def test_a_wrong_password_is_told_from_a_missing_server(database_url: str) -> None:
    url = read_url(database_url).set(password=SECRET)
    said = first_error(url.render_as_string(hide_password=False))
    assert "check the user and the password in TRIMTAB_DATABASE_URL" in said
    assert SECRET not in said


def test_a_missing_database_is_told_from_a_missing_server(database_url: str) -> None:
    url = read_url(database_url).set(database="nowhere")
    said = first_error(url.render_as_string(hide_password=False))
    assert "create the database" in said
    assert "/nowhere" in said


def test_a_read_only_server_counts_as_unavailable(engine: Engine) -> None:
    with (
        pytest.raises(StoreUnavailable, match="point TRIMTAB_DATABASE_URL at the primary"),
        transaction(engine) as connection,
    ):
        # One string is one call: psycopg2 sends several statements together.
        connection.exec_driver_sql("SET TRANSACTION READ ONLY; DELETE FROM fills")


def test_missing_rights_are_named_with_the_cure(engine: Engine) -> None:
    with (
        pytest.raises(BadConfig, match=r"permission denied.*grant the right"),
        transaction(engine) as connection,
    ):
        connection.exec_driver_sql("SET LOCAL ROLE pg_monitor; DELETE FROM fills")


def test_mistakes_of_our_own_are_not_dressed_up_as_an_outage(engine: Engine) -> None:
    with pytest.raises(ProgrammingError), transaction(engine) as connection:
        connection.execute(text("SELEC 1"))
    with pytest.raises(IntegrityError), transaction(engine) as connection:
        connection.execute(text("INSERT INTO fills VALUES (NULL)"))


def test_thirty_callers_at_once_each_get_a_connection(engine: Engine) -> None:
    arrived = Barrier(30, timeout=30)

    def ask(number: int) -> int:
        with transaction(engine) as connection:
            arrived.wait()
            return int(connection.scalar(text("SELECT CAST(:n AS int)"), {"n": number}) or 0)

    with ThreadPoolExecutor(30) as pool:
        assert list(pool.map(ask, range(30))) == list(range(30))


def backend_of(engine: Engine) -> int:
    with transaction(engine) as connection:
        return int(connection.scalar(text("SELECT pg_backend_pid()")) or 0)


def end_backend(killer: Engine, pid: int) -> None:
    with transaction(killer) as connection:
        # Waits until the process is gone.
        connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})


def test_a_connection_is_lent_again_until_the_server_ends_it(database_url: str) -> None:
    engine, killer = open_engine(database_url), open_engine(database_url)
    first, again = backend_of(engine), backend_of(engine)
    end_backend(killer, first)
    after = backend_of(engine)
    assert (again, backend_of(engine)) == (first, after)
    assert after != first
    for one in (engine, killer):
        one.dispose()


def test_a_server_that_ends_every_connection_counts_as_unavailable(database_url: str) -> None:
    engine, killer = open_engine(database_url), open_engine(database_url)

    def end(raw: Any, _record: object) -> None:
        end_backend(killer, raw.info.backend_pid)

    event.listen(engine, "connect", end)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="repeated safely"):
            backend_of(engine)
    for one in (engine, killer):
        one.dispose()
