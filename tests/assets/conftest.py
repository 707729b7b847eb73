"""Real stores, emptied for each test, and a Dagster instance of each test alone."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from resources.embedded import ServerUrls
from resources.postgres_connection import open_engine
from resources.postgres_schema import upgrade_database
from resources.settings import Settings
from resources.tables import metadata
from resources.wiring import Stores, open_stores
from tests.assets.location import make_settings
from tests.assets.paper_location import location_with, paper
from tests.plugins.servers import fresh_database

__all__ = ["location_with", "paper"]

# Dagster reads a name that pydantic has renamed, calls single-run backfills a beta, and warns of
# the tags it writes itself for a partition with two dimensions.
_VENDOR_WARNINGS = (
    "ignore:The `__fields__` attribute is deprecated",
    "ignore:.*is currently in beta",
    "ignore:Non-compliant tag keys like .'dagster/partition/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the vendors' own warnings pass in this folder; every other warning stays an error."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            for warning in _VENDOR_WARNINGS:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(scope="session")
def migrated(servers: ServerUrls) -> Iterator[tuple[str, Engine]]:
    """A database at the newest revision, by URL and by pool."""
    with fresh_database(servers) as url:
        engine = open_engine(url)
        upgrade_database(engine)
        yield url, engine
        engine.dispose()


@pytest.fixture
def books(migrated: tuple[str, Engine]) -> Engine:
    """A pool on a migrated database with nothing in it."""
    _, engine = migrated
    with engine.begin() as connection:
        # Only a test may do this: it switches off what keeps the history append-only.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
    return engine


@pytest.fixture
def settings(migrated: tuple[str, Engine], books: Engine, redis_url: str) -> Settings:
    """Settings that name the servers of this test."""
    del books  # Empty by now.
    return make_settings(database_url=migrated[0], redis_url=redis_url)


@pytest.fixture
def stores(settings: Settings) -> Iterator[Stores]:
    with open_stores(settings) as opened:
        yield opened


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral
