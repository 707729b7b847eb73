"""Connecting to Redis, and its errors in our words. Knows no queue and no key.

Commands are never repeated by the client: a script whose answer was lost may have run, and only
the caller knows whether asking again is harmless.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from urllib.parse import urlsplit

from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError
from redis.retry import Retry

from rebalancer.errors import BadConfig, BadData, StoreUnavailable

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0

REASON_LENGTH_MAX = 300
"""A server's own words may hold the whole value it could not read."""


def open_redis(url: str) -> Redis:
    """A client for `redis://[:password@]host:port/database`. Connects with its first command.

    Raises:
        BadConfig: the URL is not one.
    """
    try:
        client = Redis.from_url(
            url,
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as problem:
        raise BadConfig(
            "TRIMTAB_REDIS_URL: expected redis://:password@host:port/0, was "
            f"{_without_password(url)}"
        ) from problem
    return client


@asynccontextmanager
async def open_async_redis(
    url: str, *, answer_seconds: float | None = ANSWER_SECONDS
) -> AsyncIterator[AsyncRedis]:
    """A client for one event loop. For listening, without a limit for how long an answer takes."""
    client = AsyncRedis.from_url(
        url,
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=answer_seconds,
        retry=AsyncRetry(NoBackoff(), 0),
    )
    try:
        yield client
    finally:
        await client.aclose()


def place_of(client: Redis | AsyncRedis) -> str:
    """Where the client's server is, without the password."""
    options = client.connection_pool.connection_kwargs
    if path := options.get("path"):
        return str(path)
    return f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"


@contextmanager
def redis_errors(client: Redis | AsyncRedis, *, keys: str) -> Iterator[None]:
    """Turn what Redis raises into StoreUnavailable, or into BadData when it is what it holds.

    Args:
        client: The client in use within the block.
        keys: The keys the block works on, as a person would look for them.
    """
    try:
        yield
    except ResponseError as problem:
        if not _is_about_data(problem):
            raise _unavailable(client, problem) from problem
        raise BadData(
            f"{keys} in Redis at {place_of(client)}: expected the keys as this program writes "
            f"them ({str(problem)[:REASON_LENGTH_MAX]}). Is this database shared with another "
            "program? Give this one a database of its own with TRIMTAB_REDIS_URL, or stop the "
            "drains, look its orders up at the venue and delete these keys: the books in "
            "PostgreSQL keep every order."
        ) from problem
    except RedisError as problem:
        raise _unavailable(client, problem) from problem


def _unavailable(client: Redis | AsyncRedis, problem: RedisError) -> StoreUnavailable:
    return StoreUnavailable(
        f"Redis at {place_of(client)} does not answer as it should ({problem}). Check that it "
        "runs, takes writes and accepts the password in TRIMTAB_REDIS_URL."
    )


def _is_about_data(problem: ResponseError) -> bool:
    """Redis begins an answer about itself with a code in capitals; a script's own failure has none.

    WRONGTYPE is the one code that is about what a key holds.
    """
    if type(problem) is not ResponseError:
        return False
    code = str(problem).partition(" ")[0]
    return code == "WRONGTYPE" or not code.isupper()


def _without_password(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "something that is no URL"
    return f"{parts.scheme or 'no scheme'}://{parts.netloc.rpartition('@')[2]}{parts.path}"
