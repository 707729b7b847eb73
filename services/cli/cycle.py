"""`trimtab rebalance`: the Dagster jobs of one cycle and its drain, run here and now.

Belongs here: one cycle and what came of it; what `trimtab drain` works with as well. A drain that
another session is at work on is waited for, not fought over.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from rebalancer.orders import PortfolioName
from rebalancer.plan import SkippedLeg
from resources.archive_rows import FillRow, OrderRow
from resources.wiring import Stores, open_stores
from services.cli.demo_report import show_weights, weights_json
from services.cli.failures import CommandFailed, Exit
from services.cli.looking import Look, look_at
from services.cli.order_words import (
    fill_json,
    in_sending_order,
    order_json,
    show_fills,
    show_orders,
    show_skips,
    skip_json,
)
from services.cli.reach import require_servers
from services.cli.runs import Jobs, open_jobs
from services.cli.terminal import heading, out, print_json, progress, step
from services.cli.world import World, chosen_settings, open_world

SLOT = 0
OTHER_SESSION_SECONDS = 120
POLL_SECONDS = 0.25
ROWS_MAX = 500


@dataclass(frozen=True, slots=True)
class CycleResult:
    """One portfolio after one cycle and its drain."""

    portfolio: str
    cycle_id: str
    orders: tuple[OrderRow, ...]
    skipped: tuple[SkippedLeg, ...]
    fills: tuple[FillRow, ...]
    look: Look
    drift_bps_min: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What both commands work with, this one and `trimtab drain`."""

    world: World
    jobs: Jobs
    stores: Stores


def rebalance(portfolio: str | None, *, as_json: bool, debug: bool) -> None:
    """One cycle and its drain for every portfolio, or for the one named."""
    with open_bench(debug=debug) as bench:
        settings = bench.world.settings
        if portfolio is not None:
            settings.portfolio(portfolio)
        names = sorted(settings.portfolios) if portfolio is None else [portfolio]
        with progress("market rules"):
            bench.jobs.sync_missing_precision(bench.stores)
        results = [_cycle(bench, PortfolioName(name)) for name in names]
    if as_json:
        print_json([_json(result) for result in results])
    else:
        for result in results:
            _show(result)
    outside = [result.portfolio for result in results if not result.look.within_band]
    if outside:
        raise CommandFailed(
            f"not in its band yet: {', '.join(outside)}; the orders and skips above say why, and "
            "the next cycle goes on from here",
            Exit.GOAL_MISSED,
        )


@contextmanager
def open_bench(*, debug: bool) -> Iterator[Bench]:
    """Settings, servers and jobs, for as long as the block lasts."""
    with ExitStack() as leaving:
        config_file = leaving.enter_context(chosen_settings())
        with progress("starting"):
            world = leaving.enter_context(open_world(config_file))
            jobs = leaving.enter_context(open_jobs(world, debug=debug))
            stores = leaving.enter_context(open_stores(world.settings))
            require_servers(stores)
        yield Bench(world, jobs, stores)


def _cycle(bench: Bench, name: PortfolioName) -> CycleResult:
    jobs, archive = bench.jobs, bench.stores.archive
    with step(f"{name}: tickers, balances, drift and orders"):
        cycle_id = jobs.rebalance(name)
    if bench.stores.queue.live_orders(name):
        with step(f"{name}: gate, permit, send and settle"):
            _drain_or_wait(bench, name)
    with step(f"{name}: the account again"):
        look = look_at(bench.world.settings, name, bench.stores.queue)
    return CycleResult(
        portfolio=name,
        cycle_id=cycle_id,
        orders=in_sending_order(archive.read_orders(cycle_id=cycle_id, limit=ROWS_MAX)),
        skipped=archive.read_skips(cycle_id, name),
        fills=tuple(reversed(archive.read_fills(cycle_id=cycle_id, limit=ROWS_MAX))),
        look=look,
        drift_bps_min=bench.world.settings.portfolios[name].drift_bps_min,
    )


def _drain_or_wait(bench: Bench, name: PortfolioName) -> None:
    """Drain, or leave it to the session that is at it already."""
    queue = bench.stores.queue
    if not queue.tenure_state(SLOT).is_held:
        bench.jobs.drain()
        return
    deadline = time.monotonic() + OTHER_SESSION_SECONDS
    while queue.live_orders(name):
        if time.monotonic() > deadline:
            raise CommandFailed(
                f"{name}: another drain session has not finished its orders in "
                f"{OTHER_SESSION_SECONDS} s; trimtab status says why",
                Exit.GOAL_MISSED,
            )
        time.sleep(POLL_SECONDS)


def _json(result: CycleResult) -> dict[str, Any]:
    return {
        "portfolio": result.portfolio,
        "cycle_id": result.cycle_id,
        "within_band": result.look.within_band,
        "weights": weights_json(result.look),
        "targets": {drift.asset: drift.target_bps for drift in result.look.by_target()},
        "orders": [order_json(row) for row in result.orders],
        "skipped": [skip_json(skip) for skip in result.skipped],
        "fills": [fill_json(row) for row in result.fills],
    }


def _show(result: CycleResult) -> None:
    if result.orders:
        heading(f"{result.portfolio}: orders")
        show_orders(result.orders)
    if result.skipped:
        heading(f"{result.portfolio}: left alone")
        show_skips(result.skipped)
    if result.fills:
        heading(f"{result.portfolio}: fills")
        show_fills(result.fills)
    heading(f"{result.portfolio}: weights")
    show_weights(result.look, result.drift_bps_min)
    out().print()
    if not result.orders:
        out().print(f"{result.portfolio}: nothing to send.")
