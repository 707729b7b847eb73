"""Settings in, ports out: the one place that knows which class stands behind each port.

Belongs here: building ports. Does not belong here: behaviour, and Dagster, whose import costs a
second that commands which only look should not pay.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from pydantic import SecretStr

from rebalancer.drain_line import DrainLine
from rebalancer.ledger import Ledger
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.ports import Alarm, Clock, OrderQueue, TradingControls, Venue
from rebalancer.venue_tap import VenueTap
from resources.settings import Settings
from resources.system_clock import SystemClock, utc_day

if TYPE_CHECKING:
    from resources.embedded import ServerUrls
    from resources.postgres_archive import PostgresArchive
    from resources.redis_marks import SentMarks
    from resources.redis_queue import RedisOrderQueue


QUEUE_NAME = "trimtab"
MONTHS_AHEAD = 3
"""Months of order_history made ahead: when the tables are made, and every day by a job."""


@dataclass(frozen=True, slots=True)
class Stores:
    """PostgreSQL and Redis, as the rest of the program sees them."""

    archive: "PostgresArchive"
    ledger: Ledger
    queue: OrderQueue
    line: DrainLine
    controls: TradingControls
    marks: "SentMarks"


@dataclass(frozen=True, slots=True)
class Venues:
    """Opens a client for one of the configured venues."""

    settings: Settings
    clock: Clock

    @asynccontextmanager
    async def connect(self, name: VenueName, tap: VenueTap) -> AsyncIterator[Venue]:
        """One long-lived client; closed on leaving. Raises BadConfig for an unknown exchange.

        Args:
            name: The venue, as the settings name it.
            tap: Asked before every question to the venue, and closed by its "slow down".
        """
        from resources.ccxt_venue import CcxtOptions, CcxtVenue

        told = self.settings.venues[name]
        options = CcxtOptions(
            exchange=told.exchange,
            rest_url=told.rest_url,
            ws_url=told.ws_url,
            api_key=_reveal(told.api_key) or "",
            api_secret=_reveal(told.api_secret) or "",
            passphrase=_reveal(told.api_passphrase) or "",
            timeout_ms=told.timeout_ms,
        )
        async with CcxtVenue(name, options, self.clock, tap) as venue:
            yield venue


@contextmanager
def server_urls(settings: Settings) -> Iterator["ServerUrls"]:
    """Where PostgreSQL and Redis are; starts or joins embedded ones for what is not configured."""
    from resources.embedded import ServerUrls, running_servers

    told = (settings.database_url, settings.dagster_database_url, settings.redis_url)
    revealed = [_reveal(url) for url in told]
    if all(revealed):
        yield ServerUrls(*(url or "" for url in revealed))
        return
    with running_servers(settings.home) as embedded:
        database, dagster_database, redis = revealed
        yield ServerUrls(
            database or embedded.database_url,
            dagster_database or embedded.dagster_database_url,
            redis or embedded.redis_url,
        )


@contextmanager
def open_stores(settings: Settings) -> Iterator[Stores]:
    """Connect to both stores and bring the tables up to date.

    Raises:
        StoreUnavailable: a server does not answer.
        BadConfig: the database is newer than this program, or an embedded server cannot start.
    """
    from resources.postgres_archive import PostgresArchive
    from resources.postgres_connection import open_engine
    from resources.postgres_ledger import PostgresLedger
    from resources.postgres_schema import bring_up_to_date
    from resources.redis_line import RedisLine

    with (
        server_urls(settings) as urls,
        open_queue_and_controls(settings, urls.redis_url) as (queue, controls),
        _open_marks(urls.redis_url) as marks,
    ):
        engine = open_engine(urls.database_url)
        try:
            bring_up_to_date(engine, today=_today(), months_ahead=MONTHS_AHEAD)
            yield Stores(
                archive=PostgresArchive(engine),
                ledger=PostgresLedger(engine),
                queue=queue,
                line=RedisLine(queue),
                controls=controls,
                marks=marks,
            )
        finally:
            engine.dispose()


@contextmanager
def open_queue(settings: Settings, redis_url: str) -> Iterator[OrderQueue]:
    """The order queue alone, for those who only look at it."""
    with open_queue_and_controls(settings, redis_url) as (queue, _):
        yield queue


@contextmanager
def open_queue_and_controls(
    settings: Settings, redis_url: str
) -> Iterator[tuple["RedisOrderQueue", TradingControls]]:
    """The order queue and the controls that its permits obey, on one connection."""
    from resources.redis_connection import open_redis
    from resources.redis_controls import RedisTradingControls
    from resources.redis_queue import RedisOrderQueue

    redis = open_redis(redis_url)
    try:
        yield (
            RedisOrderQueue(
                redis,
                name=QUEUE_NAME,
                rates={VenueName(name): venue.rates() for name, venue in settings.venues.items()},
                limits={
                    PortfolioName(name): portfolio.risk_limits()
                    for name, portfolio in settings.portfolios.items()
                },
            ),
            RedisTradingControls(redis, name=QUEUE_NAME),
        )
    finally:
        redis.close()


@contextmanager
def _open_marks(redis_url: str) -> Iterator["SentMarks"]:
    """On a client of its own, which connects when it is first asked."""
    from resources.redis_connection import open_redis
    from resources.redis_marks import SentMarks

    redis = open_redis(redis_url)
    try:
        yield SentMarks(redis, name=QUEUE_NAME)
    finally:
        redis.close()


@contextmanager
def open_ledger(database_url: str) -> Iterator[tuple[Ledger, Callable[[], None]]]:
    """The books alone, not asked yet: for those who must go on without them.

    With them comes what brings their tables up to date, to be called first.
    """
    from resources.postgres_connection import open_engine
    from resources.postgres_ledger import PostgresLedger
    from resources.postgres_schema import bring_up_to_date

    engine = open_engine(database_url)
    try:
        yield (
            PostgresLedger(engine),
            partial(bring_up_to_date, engine, today=_today(), months_ahead=MONTHS_AHEAD),
        )
    finally:
        engine.dispose()


def open_alarm(settings: Settings) -> Alarm:
    from resources.sentry_alarm import SentryAlarm

    return SentryAlarm(_reveal(settings.sentry_dsn))


def _today() -> date:
    return utc_day(SystemClock().now_ms())


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret is not None else None
