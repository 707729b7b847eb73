"""Real PostgreSQL and Redis for tests: one pair a worker, clean for every test.

The servers start with the first test that asks for them, so the pure tests never pay for them.
"""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg2
import pytest
import redis

from resources.embedded import ServerUrls, running_servers


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerUrls]:
    """The servers of this worker; their files are gone afterwards."""
    home = tmp_path_factory.mktemp("home")
    with running_servers(home) as urls:
        yield urls
    shutil.rmtree(home)


def own_redis(servers: ServerUrls, number: int) -> str:
    """One of the server's sixteen databases, emptied: halts of other tests are not in it."""
    url = f"{servers.redis_url.rpartition('/')[0]}/{number}"
    with redis.Redis.from_url(url) as client:
        client.flushdb()
    return url


@pytest.fixture
def redis_url(servers: ServerUrls) -> str:
    """A Redis with nothing in it, scripts and functions included."""
    with redis.Redis.from_url(servers.redis_url) as client:
        client.flushall()
        client.script_flush()
    return servers.redis_url


@pytest.fixture
def database_url(servers: ServerUrls) -> Iterator[str]:
    """A database with no tables, of this test alone."""
    with fresh_database(servers) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(servers: ServerUrls) -> Iterator[str]:
    """A database with no tables, shared by the tests of one file."""
    with fresh_database(servers) as url:
        yield url


@contextmanager
def fresh_database(servers: ServerUrls) -> Iterator[str]:
    """Create a database, lend its URL, and drop it whoever is still connected."""
    name = f"test_{uuid4().hex}"
    # template0 has nobody connected to it, ever: copying it never waits.
    execute(servers, f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        yield servers.database_url.rpartition("/")[0] + f"/{name}"
    finally:
        execute(servers, f"DROP DATABASE {name} WITH (FORCE)")


def execute(servers: ServerUrls, statement: str) -> None:
    """Run one statement on the maintenance connection, outside any transaction."""
    with closing(psycopg2.connect(servers.database_url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
