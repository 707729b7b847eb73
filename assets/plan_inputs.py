"""What a plan is made from, as the stores and the venue have it at the start of planning.

Belongs here: reading. What the planner makes of it is `rebalancer.planning`.
"""

import asyncio
from collections.abc import Sequence
from decimal import Decimal

from assets.checks import fetch
from rebalancer.account_compare import QUIET_MS
from rebalancer.cycle import fetch_books, reserved_cash
from rebalancer.drift import Drift
from rebalancer.errors import UnknownMarket
from rebalancer.halting import read_stop
from rebalancer.money import ZERO, Symbol, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId, Order, PortfolioName, VenueName
from rebalancer.peg import require_peg
from rebalancer.plan import PlanContext
from rebalancer.planning import symbols_to_trade
from rebalancer.risk import leg_worth_quote
from rebalancer.snapshot import Snapshot, take_snapshot
from resources.settings import Settings
from resources.settings_portfolio import PortfolioSettings
from resources.system_clock import utc_day
from resources.wiring import Stores, Venues

SETTLED_MAX = 1_000
COOL_DOWN_MS = 600_000
"""How long a symbol rests after an order in it was lost without a trace."""


def read_snapshot(
    stores: Stores, portfolio: PortfolioSettings, cycle_id: CycleId, *, now_ms: int
) -> Snapshot:
    """Join what this cycle wrote with the latest market rules. Raises SkipCycle."""
    venue = VenueName(portfolio.venue)
    rules = stores.archive.read_rules(venue, portfolio.symbols, on_or_before=utc_day(now_ms))
    if portfolio.symbols and not rules:
        raise UnknownMarket(
            f"no market rules of venue {venue!r} are on record; run the job sync_precision first"
        )
    quotes = stores.archive.read_quotes(cycle_id, venue)
    require_peg(quotes, portfolio.peg())
    return take_snapshot(
        rules,
        quotes,
        stores.archive.read_balances(cycle_id, venue),
        symbols=portfolio.symbols,
        cash=portfolio.cash,
        now_ms=now_ms,
        freshness=portfolio.freshness(),
    )


def read_plan_context(
    stores: Stores,
    venues: Venues,
    settings: Settings,
    name: PortfolioName,
    cycle_id: CycleId,
    *,
    snapshot: Snapshot,
    drifts: Sequence[Drift],
) -> PlanContext:
    """Everything about the portfolio that the snapshot does not show.

    Books are read for the symbols that may be traded, and only while anything may be.
    """
    _, portfolio, venue_settings = settings.portfolio(name)
    venue, now_ms = VenueName(portfolio.venue), snapshot.taken_at_ms
    under_way = read_under_way(stores, name, cycle_id, snapshot)
    stop = read_stop(stores.controls, venue, name, now_ms=now_ms)
    policy = portfolio.policy(venue_settings)
    symbols = symbols_to_trade(tuple(drifts), cash=portfolio.cash, policy=policy)
    wants_books = stop is None and symbols and policy.depth_share_bps_max is not None
    return PlanContext(
        cycle_id=cycle_id,
        portfolio=name,
        venue=venue,
        busy=reserved_cash(under_way, taker_fee_bps=venue_settings.taker_fee_bps),
        cycle_quote_spent=read_cycle_spent(stores, name, cycle_id),
        turnover_quote_today=stores.queue.turnover_quote(name),
        books=fetch(venues, venue, stores.queue, lambda it: fetch_books(it, symbols))
        if wants_books
        else {},
        stop=stop,
        cooling=read_cooling(stores, name, now_ms=now_ms),
    )


def read_under_way(
    stores: Stores, portfolio: PortfolioName, cycle_id: CycleId, snapshot: Snapshot
) -> tuple[Order, ...]:
    """Orders whose trades the snapshot's balances may not show: live ones, and just settled ones.

    An order that settled after the account was read, or shortly before, is no longer live, yet its
    drift may still be in the snapshot: planned again, it would be traded twice. The queue is read
    before the books, because an order reaches the books before it leaves the queue. One that waits
    for a person's approval is in the books alone.
    """
    live = stores.queue.live_orders(portfolio)
    awaiting = stores.archive.read_orders(
        portfolio=portfolio, states=[OrderState.AWAITING_APPROVAL], limit=SETTLED_MAX
    )
    read_at_ms = min(balance.observed_at_ms for balance in snapshot.balances.values())
    settled = stores.archive.read_orders(
        portfolio=portfolio, settled_since_ms=read_at_ms - QUIET_MS, limit=SETTLED_MAX
    )
    traded = (row for row in settled if row.filled_base > 0)
    # An order of this very cycle is known by its id: a cycle planned again names the same ones.
    others = (row.order for row in (*awaiting, *traded) if row.order.cycle_id != cycle_id)
    return (*live, *others)


def read_cycle_spent(stores: Stores, portfolio: PortfolioName, cycle_id: CycleId) -> Decimal:
    """What an earlier try of this cycle has traded, and may trade yet, of what the cycle may."""
    rows = stores.archive.read_orders(portfolio=portfolio, cycle_id=cycle_id, limit=SETTLED_MAX)
    with exact():
        return sum(
            (
                leg_worth_quote(row.order) if row.settled_at_ms is None else row.paid_quote
                for row in rows
            ),
            ZERO,
        )


def read_cooling(stores: Stores, portfolio: PortfolioName, *, now_ms: int) -> frozenset[Symbol]:
    """Symbols that rest because an order in them was lost without a trace."""
    ended = asyncio.run(stores.ledger.read_ended(portfolio, since_ms=now_ms - COOL_DOWN_MS))
    return frozenset(
        booked.order.symbol for booked in ended if booked.state is OrderState.NOT_FOUND
    )
