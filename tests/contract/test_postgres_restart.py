"""A drain goes on after PostgreSQL was killed and started again, and nothing waits for ever."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from rebalancer.errors import StoreUnavailable
from rebalancer.order_states import OrderState
from rebalancer.queue import SendPermit
from rebalancer.settlement import Submission
from resources.embedded import running_servers
from resources.postgres_connection import (
    IDLE_MS_MAX,
    LOCK_MS_MAX,
    STATEMENT_MS_MAX,
    lift_limits,
    open_engine,
    transaction,
)
from resources.postgres_ledger import PostgresLedger
from resources.postgres_schema import bring_up_to_date
from resources.system_clock import utc_day
from tests.factories import NOW_MS
from tests.fakes.clock import FakeClock
from tests.fakes.queue import FakeQueue
from tests.logic.drain_scene import ORDERS, desk_of, in_time, make_session
from tests.logic.session import LEASE_MS
from tests.logic.small_exchange import SmallExchange


class KillingExchange(SmallExchange):
    """The books' server is killed while this has its first order, which it fills."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self._home = home

    async def submit(self, permit: SendPermit) -> Submission:
        if not self.sends:
            os.kill(postmaster_pid(self._home), signal.SIGKILL)
        return await super().submit(permit)


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres/data/postmaster.pid").read_text().split("\n", 1)[0])


@contextmanager
def open_books(url: str) -> Iterator[Engine]:
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


async def test_a_session_goes_on_with_the_same_pool_after_the_server_was_killed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    home, clock = tmp_path_factory.mktemp("home"), FakeClock()
    with running_servers(home) as urls, open_books(urls.database_url) as engine:
        bring_up_to_date(engine, today=utc_day(NOW_MS), months_ahead=1)
        ledger, venue = PostgresLedger(engine), KillingExchange(home)
        await ledger.record_planned(ORDERS, now_ms=NOW_MS)
        desk = desk_of(venue, FakeQueue(clock, orders=ORDERS), ledger, clock=clock)
        with pytest.raises(StoreUnavailable, match="start PostgreSQL"):
            await in_time(make_session(desk).run())
        with running_servers(home):
            clock.advance(LEASE_MS)
            report = await in_time(make_session(desk, owner="two").run())
    assert report.states == {OrderState.FILLED: len(ORDERS)}
    assert len(venue.sends) == len(set(venue.sends)) == len(ORDERS)


def test_every_wait_on_the_server_has_an_end(engine: Engine) -> None:
    limits = {
        "lock_timeout": LOCK_MS_MAX,
        "statement_timeout": STATEMENT_MS_MAX,
        "idle_in_transaction_session_timeout": IDLE_MS_MAX,
    }
    asked = text("SELECT setting::int FROM pg_settings WHERE name = :name")
    with transaction(engine) as connection:
        told = {name: connection.scalar(asked, {"name": name}) for name in limits}
        assert told == limits
        lift_limits(connection)
        assert connection.scalar(asked, {"name": "lock_timeout"}) == 0
    with transaction(engine) as connection:
        assert connection.scalar(asked, {"name": "lock_timeout"}) == LOCK_MS_MAX


def test_rows_that_another_holds_are_named_as_the_reason(engine: Engine) -> None:
    held = "LOCK TABLE fills IN ACCESS EXCLUSIVE MODE"
    with transaction(engine) as holder:
        holder.exec_driver_sql(held)
        with (
            pytest.raises(StoreUnavailable, match="another program holds what this one needs"),
            transaction(engine) as connection,
        ):
            # One string is one call: psycopg2 sends several statements together.
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = 50; {held}")
