"""Looking at an account directly: no job, no store, nothing written.

Belongs here: one observation and what follows from it. Used where a command must show the venue as
it is now: before and after a demo, and in `plan`.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.cycle import decide, fetch_books, observe, reserved_cash
from rebalancer.depth import Book
from rebalancer.drift import Drift, is_within_band, measure_drift
from rebalancer.money import ZERO, Symbol
from rebalancer.orders import CycleId, Order, VenueName
from rebalancer.plan import Plan, PlanContext, SkipReason
from rebalancer.planning import symbols_to_trade
from rebalancer.snapshot import Snapshot
from rebalancer.venue_tap import VenueTap
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


def look_at(settings: Settings, portfolio_name: str, tap: VenueTap) -> Look:
    """Read the account at its venue. Raises what `observe` and `measure_drift` raise."""
    _, portfolio, _ = settings.portfolio(portfolio_name)
    drifts = measure_drift(_snapshot(settings, portfolio, tap), portfolio.targets())
    return Look(drifts, is_within_band(drifts, drift_bps_min=portfolio.drift_bps_min))


@dataclass(frozen=True, slots=True)
class UnderWay:
    """What a portfolio has under way, and what keeps it from trading.

    `unknown_because` says why nobody can tell, where nobody can.
    """

    live: tuple[Order, ...] = ()
    turnover_quote_today: Decimal = ZERO
    stop: tuple[SkipReason, str] | None = None
    unknown_because: str | None = None


def plan_for(
    settings: Settings, portfolio_name: str, under_way: UnderWay, tap: VenueTap
) -> tuple[tuple[Drift, ...], Plan]:
    """What a cycle would decide now, given what is under way."""
    name, portfolio, venue = settings.portfolio(portfolio_name)
    policy = portfolio.policy(venue)
    snapshot = _snapshot(settings, portfolio, tap)
    drifts = measure_drift(snapshot, portfolio.targets())
    symbols = symbols_to_trade(drifts, cash=portfolio.cash, policy=policy)
    context = PlanContext(
        cycle_id=CycleId("plan"),
        portfolio=name,
        venue=VenueName(portfolio.venue),
        busy=reserved_cash(under_way.live, taker_fee_bps=venue.taker_fee_bps),
        cycle_quote_spent=ZERO,
        turnover_quote_today=under_way.turnover_quote_today,
        books={} if under_way.stop else _books(settings, portfolio, symbols, tap),
        stop=under_way.stop,
    )
    return decide(snapshot, portfolio.targets(), policy, context)


def _books(
    settings: Settings, portfolio: PortfolioSettings, symbols: Collection[Symbol], tap: VenueTap
) -> dict[Symbol, Book]:
    async def connect_and_fetch() -> dict[Symbol, Book]:
        venues = Venues(settings, SystemClock())
        async with venues.connect(VenueName(portfolio.venue), tap) as venue:
            return await fetch_books(venue, symbols)

    return asyncio.run(connect_and_fetch()) if symbols else {}


def _snapshot(settings: Settings, portfolio: PortfolioSettings, tap: VenueTap) -> Snapshot:
    clock = SystemClock()

    async def connect_and_observe() -> Snapshot:
        async with Venues(settings, clock).connect(VenueName(portfolio.venue), tap) as venue:
            return await observe(
                venue,
                clock,
                portfolio.symbols,
                cash=portfolio.cash,
                freshness=portfolio.freshness(),
                peg=portfolio.peg(),
            )

    return asyncio.run(connect_and_observe())
