"""One cycle as the assets do it, without Dagster, whose runs cost seconds.

Belongs here: the same steps in the same order, over ports that kill. What is different is said:
pauses are a quarter, and a symbol that was lost rests for seconds instead of minutes.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

from assets.account import AccountReader
from assets.checks import fetch
from assets.plan_inputs import read_plan_context
from rebalancer.account_compare import AccountVerdict
from rebalancer.balances import RawBalance, sanitize_balances
from rebalancer.cycle import queue_plan, require_readable
from rebalancer.drift import Drift, TargetWeights, measure_drift, total_value
from rebalancer.errors import BadData
from rebalancer.money import Asset, Symbol
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId, PortfolioName, VenueName
from rebalancer.planning import plan_orders
from rebalancer.ports import Alarm, Clock, Venue
from rebalancer.precision import MarketRule, sanitize_rules
from rebalancer.quotes import RawTicker, sanitize_tickers
from rebalancer.snapshot import Snapshot, take_snapshot
from rebalancer.venue_tap import VenueTap
from resources.settings import Settings
from resources.settings_portfolio import PortfolioSettings
from resources.system_clock import utc_day
from resources.wiring import Stores, Venues
from tests.chaos.proxies import Fuse, over_fuse
from tests.chaos.world import PORTFOLIO, VENUE

PAUSE_SHARE = 4
"""Looks at a changed account come this much closer than in production: 8 in 4 s."""
COOL_DOWN_MS = 3_000
"""Instead of ten minutes, or a run would stand still after every wiped Redis."""


async def pause(wait_ms: int) -> None:
    await asyncio.sleep(wait_ms / PAUSE_SHARE / 1_000)


@dataclass(frozen=True, slots=True)
class MortalVenues(Venues):
    """Opens clients whose calls lead over a fuse."""

    fuse: Fuse

    @asynccontextmanager
    async def connect(self, name: VenueName, tap: VenueTap) -> AsyncIterator[Venue]:
        async with Venues(self.settings, self.clock).connect(name, tap) as venue:
            yield over_fuse(venue, self.fuse)


@dataclass(frozen=True, slots=True)
class CycleDesk:
    """What a cycle works with."""

    settings: Settings
    stores: Stores
    venues: Venues
    clock: Clock
    alarm: Alarm


@dataclass(frozen=True, slots=True)
class CycleReport:
    """What a cycle found and queued."""

    verdict: AccountVerdict
    queued: int
    drifts: tuple[Drift, ...]
    stopped: str | None


def run_cycle(
    desk: CycleDesk,
    cycle_id: CycleId,
    targets: TargetWeights,
    tell_value: Callable[[str], None],
) -> CycleReport:
    """Look at the account, measure, plan, queue. `tell_value` hears the worth before any order."""
    name, portfolio, venue_settings = desk.settings.portfolio(PORTFOLIO)
    venue = VenueName(VENUE)
    raw, verdict, tickers = fetch(
        desk.venues, venue, desk.stores.queue, _looking(desk, name, portfolio)
    )
    snapshot = _snapshot(desk, portfolio, raw, tickers)
    drifts = measure_drift(snapshot, targets)
    tell_value(str(total_value(drifts)))
    stores = desk.stores
    context = read_plan_context(
        stores, desk.venues, desk.settings, name, cycle_id, snapshot=snapshot, drifts=drifts
    )
    context = replace(context, cooling=_cooling(desk, name) & context.cooling)
    plan = plan_orders(drifts, snapshot, portfolio.policy(venue_settings), context)
    now_ms = desk.clock.now_ms()
    queued = asyncio.run(
        queue_plan(plan, stores.queue, stores.ledger, by_hand=False, now_ms=now_ms)
    )
    return CycleReport(verdict, queued, drifts, context.stop[1] if context.stop else None)


def _looking(
    desk: CycleDesk, name: PortfolioName, portfolio: PortfolioSettings
) -> Callable[[Venue], Awaitable[tuple[Sequence[RawBalance], AccountVerdict, Sequence[RawTicker]]]]:
    async def look(
        venue: Venue,
    ) -> tuple[Sequence[RawBalance], AccountVerdict, Sequence[RawTicker]]:
        reader = AccountReader(desk.stores, desk.clock, desk.alarm, pause)
        raw, verdict = await reader.read(venue, name, portfolio)
        await _require_rules(desk, venue, portfolio)
        return raw, verdict, await venue.fetch_tickers(portfolio.watched_symbols)

    return look


async def _require_rules(desk: CycleDesk, venue: Venue, portfolio: PortfolioSettings) -> None:
    """The day's reading of the rules; later ones come when the venue refuses an order by them."""
    if not _rules(desk, portfolio):
        rules, _ = sanitize_rules(await venue.fetch_rules(portfolio.symbols), portfolio.symbols)
        now_ms = desk.clock.now_ms()
        await desk.stores.ledger.record_rules(
            VenueName(VENUE), tuple(rules.values()), now_ms=now_ms
        )


def _rules(desk: CycleDesk, portfolio: PortfolioSettings) -> dict[Symbol, MarketRule]:
    today = utc_day(desk.clock.now_ms())
    return desk.stores.archive.read_rules(VenueName(VENUE), portfolio.symbols, on_or_before=today)


def _snapshot(
    desk: CycleDesk,
    portfolio: PortfolioSettings,
    raw: Sequence[RawBalance],
    tickers: Sequence[RawTicker],
) -> Snapshot:
    """From the very balances that were compared with the books: others may tell another story."""
    balances, unreadable = sanitize_balances(raw)
    require_readable(unreadable)
    quotes, refused = sanitize_tickers(tickers, portfolio.watched_symbols)
    if refused:
        raise BadData(f"unreadable tickers: {refused[0]}")
    return take_snapshot(
        _rules(desk, portfolio),
        quotes,
        balances,
        symbols=portfolio.symbols,
        cash=portfolio.cash,
        now_ms=desk.clock.now_ms(),
        freshness=portfolio.freshness(),
    )


def _cooling(desk: CycleDesk, name: PortfolioName) -> frozenset[Symbol]:
    since_ms = desk.clock.now_ms() - COOL_DOWN_MS
    ended = asyncio.run(desk.stores.ledger.read_ended(name, since_ms=since_ms))
    return frozenset(
        booked.order.symbol for booked in ended if booked.state is OrderState.NOT_FOUND
    )


def targets_of(weights: dict[str, int]) -> TargetWeights:
    return TargetWeights({Asset(asset): bps for asset, bps in weights.items()})


def mortal_stores(stores: Stores, fuse: Fuse) -> Stores:
    """The same stores, whose calls lead over a fuse."""
    led: dict[str, Any] = {
        name: over_fuse(cast(Any, getattr(stores, name)), fuse)
        for name in ("ledger", "queue", "controls")
    }
    return replace(stores, **led)
