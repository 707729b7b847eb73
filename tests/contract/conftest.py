"""A migrated database for every test that wants one: made once, emptied for each test."""

from collections.abc import Iterator

import pytest
from _pytest.fixtures import FixtureRequest
from sqlalchemy import Engine, text

from resources.embedded import ServerUrls
from resources.postgres_connection import open_engine
from resources.postgres_schema import upgrade_database
from resources.tables import metadata
from tests.contract.books import Books, FakeBooks, PostgresBooks
from tests.plugins.servers import fresh_database


@pytest.fixture(scope="session")
def migrated_engine(servers: ServerUrls) -> Iterator[Engine]:
    """A pool on a database at the newest revision."""
    with fresh_database(servers) as url:
        engine = open_engine(url)
        upgrade_database(engine)
        yield engine
        engine.dispose()


@pytest.fixture
def engine(migrated_engine: Engine) -> Engine:
    """A pool on a migrated database with nothing in it."""
    with migrated_engine.begin() as connection:
        # Only a test may do this: it switches off what keeps the history append-only.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    return migrated_engine


@pytest.fixture(params=["fake", "postgres"])
def books(request: FixtureRequest) -> Books:
    """Empty books, in memory and on a real server in turn."""
    if request.param == "fake":
        return FakeBooks()
    return PostgresBooks(request.getfixturevalue("engine"))
