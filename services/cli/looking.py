"""Looking at an account directly: no job, no store, nothing written.

Belongs here: one observation and what follows from it. Used where a command must show the venue as
it is now: before and after a demo, and in `plan`.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from rebalancer.cycle import decide, observe, reserved_cash
from rebalancer.drift import Drift, is_within_band, measure_drift
from rebalancer.orders import CycleId, Order, VenueName
from rebalancer.plan import Plan, PlanContext
from rebalancer.snapshot import Snapshot
from resources.settings import Settings
from resources.settings_portfolio import PortfolioSettings
from resources.system_clock import SystemClock
from resources.wiring import Venues


@dataclass(frozen=True, slots=True)
class Look:
    """A portfolio as it stood at one moment."""

    drifts: tuple[Drift, ...]
    within_band: bool

    def by_target(self) -> list[Drift]:
        """Largest target first: the order in which people think of a portfolio."""
        return sorted(self.drifts, key=lambda drift: (-drift.target_bps, drift.asset))


def look_at(settings: Settings, portfolio_name: str) -> Look:
    """Read the account at its venue. Raises what `observe` and `measure_drift` raise."""
    _, portfolio, _ = settings.portfolio(portfolio_name)
    drifts = measure_drift(_snapshot(settings, portfolio), portfolio.targets())
    return Look(drifts, is_within_band(drifts, drift_bps_min=portfolio.drift_bps_min))


def plan_for(
    settings: Settings, portfolio_name: str, live: Collection[Order]
) -> tuple[tuple[Drift, ...], Plan]:
    """What a cycle would decide now, given the orders that are under way."""
    name, portfolio, venue = settings.portfolio(portfolio_name)
    snapshot = _snapshot(settings, portfolio)
    context = PlanContext(
        cycle_id=CycleId("plan"),
        portfolio=name,
        venue=VenueName(portfolio.venue),
        busy=reserved_cash(live, taker_fee_bps=venue.taker_fee_bps),
    )
    return decide(snapshot, portfolio.targets(), portfolio.policy(venue), context)


def _snapshot(settings: Settings, portfolio: PortfolioSettings) -> Snapshot:
    clock = SystemClock()

    async def connect_and_observe() -> Snapshot:
        async with Venues(settings, clock).connect(VenueName(portfolio.venue)) as venue:
            return await observe(
                venue,
                clock,
                portfolio.symbols,
                cash=portfolio.cash,
                freshness=portfolio.freshness(),
                peg=portfolio.peg(),
            )

    return asyncio.run(connect_and_observe())
