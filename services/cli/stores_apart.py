"""Redis and PostgreSQL, each by itself: for commands that must work while one of them is down.

Belongs here: opening both without asking either. Nothing is started that the settings do not leave
to us; tables are made when the books are first asked. Commands that need both use `chosen_stores`.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rebalancer.errors import RebalancerError
from rebalancer.ledger import Ledger
from rebalancer.ports import OrderQueue, TradingControls
from resources.settings import Settings
from resources.wiring import (
    Stores,
    open_ledger,
    open_queue_and_controls,
    open_stores,
    server_urls,
)
from services.cli.terminal import progress
from services.cli.world import chosen_settings, load_with_paper_keys

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoresApart:
    """Both stores, not asked yet: any call may raise StoreUnavailable or BadConfig."""

    queue: OrderQueue
    controls: TradingControls
    ledger: Ledger
    bring_up_to_date: Callable[[], None]

    def books(self, ask: Callable[[Ledger], Coroutine[Any, Any, T]]) -> T:
        """One call of the books, from a command that has no event loop."""
        self.bring_up_to_date()
        return asyncio.run(ask(self.ledger))


@contextmanager
def open_stores_apart(settings: Settings) -> Iterator[StoresApart]:
    """Both stores. Raises BadConfig for an address that is none."""
    with (
        server_urls(settings) as urls,
        open_queue_and_controls(settings, urls.redis_url) as (queue, controls),
        open_ledger(urls.database_url) as (ledger, bring_up_to_date),
    ):
        yield StoresApart(queue, controls, ledger, bring_up_to_date)


@contextmanager
def chosen_stores() -> Iterator[tuple[Settings, Stores]]:
    """The settings a command works with, and both stores with their tables up to date."""
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        with ExitStack() as leaving:
            with progress("opening the books"):
                stores = leaving.enter_context(open_stores(settings))
            yield settings, stores


def try_it(act: Callable[[], object]) -> str | None:
    """Do it; what went wrong is returned, not raised. None: it is done."""
    try:
        act()
    except RebalancerError as error:
        return str(error)
    return None
