"""What every asset of a cycle shares: its cycle's name, its portfolio, and how a check is told.

A check is yielded before its asset writes. A red one stops the run: the check blocks, so nothing
downstream starts, and bad rows are in quarantine, not in a table.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import dagster as dg

from assets.charts import rejected_md
from rebalancer.faults import Rejected
from rebalancer.orders import CycleId, VenueName
from rebalancer.ports import Venue
from rebalancer.venue_tap import VenueTap
from resources.wiring import Venues

CYCLE_TAG = "trimtab/cycle_id"
OWNERS = ["team:trading"]
NAMED_MAX = 3
"""Refused rows named in a check's one line; its table lists them all."""

Fetched = TypeVar("Fetched")


def cycle_id_of(context: dg.AssetExecutionContext) -> CycleId:
    """The cycle this run belongs to: its tag, or the first run of a chain of retries.

    Both survive a retry, so a retried run names the same orders and sends nothing twice.
    """
    run = context.run
    return CycleId(run.tags.get(CYCLE_TAG) or run.root_run_id or run.run_id)


def blocking_check(name: str, asset: str, description: str) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(name, asset=asset, description=description, blocking=True)


def rows_verdict(check: str, rejected: Sequence[Rejected], *, sound: int) -> dg.AssetCheckResult:
    """Green when no row was refused; else red, with every refused row and its reason."""
    named = "; ".join(f"{row.subject}: {row.fault} ({row.detail})" for row in rejected[:NAMED_MAX])
    rows = "1 row" if len(rejected) == 1 else f"{len(rejected)} rows"
    what = f"{rows} quarantined: {named}" if rejected else "every row is sound"
    return dg.AssetCheckResult(
        passed=not rejected,
        check_name=check,
        severity=dg.AssetCheckSeverity.ERROR,
        description=what,
        metadata={
            "sound_rows": sound,
            "quarantined_rows": len(rejected),
            "quarantined": rejected_md(rejected),
        },
    )


def fetch(
    venues: Venues, name: VenueName, tap: VenueTap, read: Callable[[Venue], Awaitable[Fetched]]
) -> Fetched:
    """Connect to a venue, read once, and leave. Raises what the port's reads raise."""

    async def connect_and_read() -> Fetched:
        async with venues.connect(name, tap) as venue:
            return await read(venue)

    return asyncio.run(connect_and_read())
