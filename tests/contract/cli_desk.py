"""A portfolio with a paper exchange and real servers, for commands that decide by hand.

Belongs here: the scene, and orders put into it as a drain would leave them. No assertions on what a
command says: those are each test's own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import redis

from rebalancer.controls import HaltKind, Scope, ScopeKind, TradingHalt
from rebalancer.gate import GateOpen
from rebalancer.order_states import OrderState
from rebalancer.orders import Order, VenueName
from rebalancer.ports import Venue
from rebalancer.queue import MAIN_SLOT, Claim, Recovery, SendPermit
from resources.embedded import ServerUrls
from resources.settings import Settings
from resources.settings_file import load_settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, Venues, open_stores
from services.cli.world import environment as set_variables
from tests.contract.cli import Ended, environment, trimtab, write_settings
from tests.factories import enqueue, make_order
from tests.fakes.tap import FakeTap
from tests.plugins.paper import API_KEY, API_SECRET, PaperProcess, running_papers
from tests.plugins.servers import fresh_database

T = TypeVar("T")
HOUR_MS = 3_600_000
NOBODY = "127.0.0.1:1"


@dataclass(frozen=True, slots=True)
class HandDesk:
    """Settings, exchange and servers of one portfolio, named `core` on venue `paper`."""

    folder: Path
    paper: PaperProcess
    env: dict[str, str]

    def run(self, *arguments: str, **names: str) -> Ended:
        return trimtab(*arguments, env={**self.env, **names}, cwd=self.folder)

    @property
    def settings(self) -> Settings:
        with set_variables(self.env):
            return load_settings(self.folder / "trimtab.toml")

    @contextmanager
    def stores(self) -> Iterator[Stores]:
        with open_stores(self.settings) as stores:
            if stores.queue.is_lost():
                stores.queue.recover(Recovery((), {}))
            yield stores

    def planned(self, stores: Stores, base: str = "BTC", **changes: Any) -> Order:
        """An order on the books, planned just now."""
        now_ms = SystemClock().now_ms()
        order = make_order(
            base, **{"planned_at_ms": now_ms, "expires_at_ms": now_ms + HOUR_MS, **changes}
        )
        asyncio.run(stores.ledger.record_planned([order], now_ms=now_ms))
        return order

    def awaiting(self, stores: Stores, base: str = "BTC", **changes: Any) -> Order:
        """An order that waits for a person."""
        order = self.planned(stores, base, **changes)
        self.note(stores, order, OrderState.AWAITING_APPROVAL)
        return order

    def queued(self, stores: Stores, base: str = "BTC", **changes: Any) -> Order:
        """An order in the queue, not sent."""
        order = self.planned(stores, base, **changes)
        assert enqueue(stores.queue, [order]) == 1
        self.note(stores, order, OrderState.QUEUED)
        return order

    def permitted(self, stores: Stores, base: str = "BTC", **changes: Any) -> Order:
        """An order whose permit was given, as a drain leaves it that dies right after."""
        order = self.queued(stores, base, **changes)
        now_ms = SystemClock().now_ms()
        tenure = stores.queue.open_tenure(MAIN_SLOT, owner="test", ttl_ms=60_000)
        assert tenure is not None
        claim = stores.queue.claim(tenure, now_ms=now_ms, lease_ms=30_000)
        assert isinstance(claim, Claim)
        assert claim.order == order
        permit = stores.queue.permit(GateOpen(claim, now_ms + 30_000))
        assert isinstance(permit, SendPermit), permit
        stores.queue.close_tenure(tenure)
        return order

    def note(self, stores: Stores, order: Order, state: OrderState, *, ago_ms: int = 0) -> None:
        now_ms = SystemClock().now_ms() - ago_ms
        asyncio.run(stores.ledger.note(order, state, detail=None, now_ms=now_ms))

    def halt(self, stores: Stores, kind: HaltKind, *, venue: str | None = None) -> None:
        """A halt as the engine imposes it: of the venue named, or else of the portfolio."""
        scope = (
            Scope(ScopeKind.PORTFOLIO, "core") if venue is None else Scope(ScopeKind.VENUE, venue)
        )
        halt = TradingHalt(scope, kind, "something is wrong", "trimtab", SystemClock().now_ms())
        stores.controls.halt(halt)
        asyncio.run(stores.ledger.record_halt(halt))

    def at_venue(self, ask: Callable[[Venue], Awaitable[T]]) -> T:
        """Ask or do something at the exchange with the account's own key."""

        async def run() -> T:
            venues, clock = Venues(self.settings, SystemClock()), SystemClock()
            async with venues.connect(VenueName("paper"), FakeTap(clock)) as venue:
                return await ask(venue)

        return asyncio.run(run())


@contextmanager
def open_desk(folder: Path, servers: ServerUrls, *paper_options: str) -> Iterator[HandDesk]:
    """A desk with books of its own and a Redis that holds nothing."""
    with (
        running_papers(folder) as make_paper,
        fresh_database(servers) as books,
        fresh_database(servers) as dagster,
        redis.Redis.from_url(servers.redis_url) as client,
    ):
        client.flushall()
        paper = make_paper("--seed", "7", "--tick-ms", "0", *paper_options)
        write_settings(folder, paper.url)
        yield HandDesk(
            folder,
            paper,
            environment(
                TRIMTAB_HOME=folder / "home",
                TRIMTAB_DATABASE_URL=books,
                TRIMTAB_DAGSTER_DATABASE_URL=dagster,
                TRIMTAB_REDIS_URL=servers.redis_url,
                TRIMTAB_VENUES__PAPER__API_KEY=API_KEY,
                TRIMTAB_VENUES__PAPER__API_SECRET=API_SECRET,
            ),
        )
