"""`trimtab demo`: a whole rebalance on this machine, and nothing left running behind it.

Belongs here: the order of things. Every step is the real one: the Dagster jobs, PostgreSQL, Redis,
and the unmodified client against a paper exchange that is a program of its own.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rebalancer.errors import RebalancerError
from rebalancer.orders import CycleId, VenueName
from services.cli.children import children
from services.cli.demo_options import DemoOptions, paper_settings
from services.cli.failures import CommandFailed
from services.cli.paper_child import PaperAddress, await_paper, paper_options, start_paper
from services.cli.paper_home import choose_targets, claimed_home, write_paper_settings
from services.cli.terminal import step
from services.cli.world import World, environment, open_world

if TYPE_CHECKING:
    from resources.wiring import Stores
    from services.cli.demo_report import DemoResult
    from services.cli.runs import Jobs

PORTFOLIO = "core"
CYCLES_MAX = 3
DRAIN_BUDGET_MS = 60_000
ROWS_MAX = 500


@contextmanager
def demo(options: DemoOptions) -> Iterator["DemoResult"]:
    """Run a demo and lend its result; everything it started ends with the block.

    Raises:
        CommandFailed, RebalancerError: something could not start, or a run failed.
    """
    started_at = time.monotonic()
    told = paper_settings(options)
    with ExitStack() as leaving:
        home = leaving.enter_context(claimed_home())
        # Settings of a real portfolio must not reach a demo.
        leaving.enter_context(environment({}, without="TRIMTAB_"))
        own = leaving.enter_context(children(home / "logs"))
        with step("PostgreSQL, Redis and the paper exchange"):
            journal = home / "paper-journal.jsonl"
            paper = start_paper(own, paper_options(told, journal=journal))
            # The heavy half of the program loads while the exchange starts.
            from resources.wiring import open_stores
            from services.cli.runs import open_jobs

            address = await_paper(paper)
            world = leaving.enter_context(open_world(_write_settings(options, home, address)))
            jobs = leaving.enter_context(open_jobs(world, debug=options.debug))
            stores = leaving.enter_context(open_stores(world.settings))
        try:
            result = _rebalance(world, jobs, stores)
        except (CommandFailed, RebalancerError):
            if (dead := own.dead()) is not None:
                raise dead.death() from None
            raise
        yield result(
            prices=address.prices, home=home, elapsed_seconds=time.monotonic() - started_at
        )


def _rebalance(world: World, jobs: "Jobs", stores: "Stores") -> Callable[..., "DemoResult"]:
    """Cycle until the portfolio is in its band: the engine is a thermostat, not a cannon."""
    from services.cli.demo_report import DemoResult
    from services.cli.leftovers import begin_on_paper
    from services.cli.looking import look_at
    from services.cli.order_words import in_sending_order

    name, portfolio, _ = world.settings.portfolio(PORTFOLIO)
    begin_on_paper(stores, world.settings)
    with step("market rules"):
        jobs.sync_precision(VenueName(portfolio.venue))
    with step("a first look at the account"):
        before = after = look_at(world.settings, name, stores.queue)
    cycle_ids: list[CycleId] = []
    while len(cycle_ids) < CYCLES_MAX:
        count = f" (cycle {len(cycle_ids) + 1})" if cycle_ids else ""
        with step(f"tickers, balances, drift and orders{count}"):
            cycle_ids.append(jobs.rebalance(name))
        with step(f"gate, permit, send and settle{count}"):
            jobs.drain(budget_ms=DRAIN_BUDGET_MS)
        with step(f"the account again{count}"):
            after = look_at(world.settings, name, stores.queue)
        if after.within_band:
            break
    archive = stores.archive
    return partial(
        DemoResult,
        before=before,
        after=after,
        drift_bps_min=portfolio.drift_bps_min,
        cycles=len(cycle_ids),
        orders=tuple(
            row
            for cycle_id in cycle_ids
            for row in in_sending_order(archive.read_orders(cycle_id=cycle_id, limit=ROWS_MAX))
        ),
        skipped=tuple(
            skip for cycle_id in cycle_ids for skip in archive.read_skips(cycle_id, name)
        ),
        fills=tuple(
            row
            for cycle_id in cycle_ids
            for row in reversed(archive.read_fills(cycle_id=cycle_id, limit=ROWS_MAX))
        ),
    )


def _write_settings(options: DemoOptions, home: Path, address: PaperAddress) -> Path:
    quote, targets_bps = choose_targets(address.rest_url, prefer_usdt=options.replay is not None)
    return write_paper_settings(
        home, address, quote=quote, targets_bps=targets_bps, paper=options.for_paper()
    )
