"""What an account holds, how far that is from its targets, and the orders that follow."""

import asyncio
from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.charts import columns, table_md, weights_md
from assets.checks import (
    OWNERS,
    blocking_check,
    cycle_id_of,
    fetch,
    rows_verdict,
)
from assets.schemas import BALANCES, screen
from rebalancer.balances import Balance, read_balance
from rebalancer.cycle import queue_plan, reserved_cash
from rebalancer.drift import measure_drift, total_value
from rebalancer.errors import SkipCycle, UnknownMarket
from rebalancer.orders import CycleId, Order, PortfolioName, VenueName
from rebalancer.peg import require_peg
from rebalancer.plan import PlanContext, plan_orders
from rebalancer.ports import Clock
from rebalancer.snapshot import Snapshot, take_snapshot
from resources.settings import Settings
from resources.settings_portfolio import PortfolioSettings
from resources.system_clock import utc_day
from resources.wiring import Stores, Venues

BALANCES_CHECK = "balances_are_readable"
INPUTS_CHECK = "inputs_are_fresh_and_whole"
SETTLED_MAX = 1_000

_BALANCE_COLUMNS = columns(
    {
        "cycle_id": ("text", "The rebalance cycle that read it"),
        "asset": ("text", "Asset"),
        "free": ("numeric", "May be traded now (the asset's units)"),
        "locked": ("numeric", "Backs open orders (the asset's units)"),
        "observed_at": ("timestamptz", "When it was asked for, by our clock"),
    }
)
_DRIFT_COLUMNS = columns(
    {
        "cycle_id": ("text", "The rebalance cycle"),
        "portfolio": ("text", "Name of the portfolio in the settings"),
        "asset": ("text", "Asset"),
        "value_quote": ("numeric", "Holding, valued at mid (quote units)"),
        "gap_quote": ("numeric", "Target value minus value; the gaps sum to exactly 0"),
        "drift_bps": ("numeric", "Weight minus target, in basis points"),
        "urgency": ("numeric", "min(|drift| / 0.15, 1)"),
    }
)
_ORDER_COLUMNS = columns(
    {
        "client_order_id": ("text", "32 hex digits, the same whenever the cycle is planned again"),
        "symbol": ("text", "Market, as BASE/QUOTE"),
        "side": ("text", "buy or sell"),
        "amount_base": ("numeric", "Amount, a multiple of the venue's step (base units)"),
        "limit_price_quote": ("numeric", "Worst price accepted (quote per base)"),
        "urgency": ("numeric", "0 to 1"),
        "rules_version": ("text", "The market rules it was fitted to"),
    }
)


def build_balances(portfolios: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of account balances, one partition per portfolio."""

    @dg.asset(
        group_name="portfolio",
        owners=OWNERS,
        kinds={"ccxt", "postgres"},
        partitions_def=portfolios,
        check_specs=[
            blocking_check(BALANCES_CHECK, "balances", "No unreadable, negative or doubled balance")
        ],
        metadata={"dagster/column_schema": _BALANCE_COLUMNS},
    )
    def balances(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        venues: dg.ResourceParam[Venues],
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[Any]:
        """What the account holds. An unreadable balance stops the run; it is never a zero."""
        _, portfolio, _ = settings.portfolio(context.partition_key)
        venue, cycle_id = VenueName(portfolio.venue), cycle_id_of(context)
        raw = fetch(venues, venue, lambda client: client.fetch_balances())
        kept, rejected = screen(BALANCES, raw, wanted=None)
        yield rows_verdict(BALANCES_CHECK, rejected, sound=len(kept))
        stores.archive.record_quarantine(
            BALANCES.name, cycle_id, venue, rejected, at_ms=clock.now_ms()
        )
        held = [_sound_balance(raw[i]) for i in sorted(kept)]
        stores.archive.record_balances(cycle_id, venue, held)
        shown = [b for b in held if b.total > 0 or b.asset in portfolio.targets_bps]
        yield dg.MaterializeResult(
            metadata={
                "cycle_id": cycle_id,
                "assets": len(shown),
                "holdings": table_md(
                    ("asset", "free", "locked", "managed"),
                    [
                        (
                            b.asset,
                            b.free,
                            b.locked,
                            "yes" if b.asset in portfolio.targets_bps else "no",
                        )
                        for b in shown
                    ],
                ),
            }
        )

    return balances


def build_drift_signals(portfolios: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of drifts, one partition per portfolio."""

    @dg.asset(
        group_name="portfolio",
        owners=OWNERS,
        kinds={"python", "postgres"},
        partitions_def=portfolios,
        deps=[
            dg.AssetDep("market_precision", partition_mapping=dg.AllPartitionMapping()),
            "sanitized_tickers",
            "balances",
        ],
        check_specs=[
            blocking_check(
                INPUTS_CHECK,
                "drift_signals",
                "Every targeted asset has rules, a fresh quote and a readable balance",
            )
        ],
        metadata={"dagster/column_schema": _DRIFT_COLUMNS},
    )
    def drift_signals(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[Any]:
        """How far each holding sits from its target, in exact numbers, and how urgent that is."""
        name, portfolio, _ = settings.portfolio(context.partition_key)
        cycle_id, now_ms = cycle_id_of(context), clock.now_ms()
        try:
            snapshot = read_snapshot(stores, portfolio, cycle_id, now_ms=now_ms)
            drifts = measure_drift(snapshot, portfolio.targets())
        except SkipCycle as reason:
            yield dg.AssetCheckResult(
                passed=False, check_name=INPUTS_CHECK, description=str(reason)
            )
            raise dg.Failure(f"cycle skipped: {reason}", allow_retries=False) from reason
        yield dg.AssetCheckResult(passed=True, check_name=INPUTS_CHECK)
        stores.archive.record_drifts(
            cycle_id, name, drifts, venue=VenueName(portfolio.venue), snapshot=snapshot
        )
        worst = max(abs(drift.drift_bps) for drift in drifts)
        yield dg.MaterializeResult(
            metadata={
                "cycle_id": cycle_id,
                "weights": weights_md(drifts),
                "worst_drift_bps": float(worst),
                "value_quote": f"{total_value(drifts):.2f} {portfolio.quote}",
                "band_bps": portfolio.drift_bps_min,
            }
        )

    return drift_signals


def build_rebalance_orders(portfolios: dg.StaticPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset of planned orders, one partition per portfolio."""

    @dg.asset(
        group_name="execution",
        owners=OWNERS,
        kinds={"python", "postgres", "redis"},
        partitions_def=portfolios,
        deps=["drift_signals"],
        metadata={"dagster/column_schema": _ORDER_COLUMNS},
    )
    def rebalance_orders(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult[None]:
        """Orders that bring the drift back, written to the books, then queued; and every skip."""
        name, portfolio, venue = settings.portfolio(context.partition_key)
        cycle_id, now_ms = cycle_id_of(context), clock.now_ms()
        snapshot = read_snapshot(stores, portfolio, cycle_id, now_ms=now_ms)
        drifts = measure_drift(snapshot, portfolio.targets())
        under_way = read_under_way(stores, name, cycle_id, snapshot)
        plan_context = PlanContext(
            cycle_id=cycle_id,
            portfolio=name,
            venue=VenueName(portfolio.venue),
            busy=reserved_cash(under_way, taker_fee_bps=venue.taker_fee_bps),
        )
        plan = plan_orders(drifts, snapshot, portfolio.policy(venue), plan_context)
        stores.archive.record_skips(cycle_id, name, plan.skipped)
        queued = asyncio.run(queue_plan(plan, stores.queue, stores.ledger, now_ms=now_ms))
        return dg.MaterializeResult(
            metadata={
                "cycle_id": cycle_id,
                "planned": len(plan.orders),
                "queued": queued,
                "orders": table_md(
                    ("side", "symbol", "amount", "limit price", "drift bps", "urgency"),
                    [
                        (
                            o.side,
                            o.symbol,
                            o.amount_base,
                            o.limit_price_quote,
                            o.drift_bps,
                            o.urgency,
                        )
                        for o in plan.orders
                    ],
                ),
                "skipped": table_md(
                    ("asset", "reason", "detail"),
                    [(leg.asset, leg.reason.value, leg.detail) for leg in plan.skipped],
                ),
            }
        )

    return rebalance_orders


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


def read_under_way(
    stores: Stores, portfolio: PortfolioName, cycle_id: CycleId, snapshot: Snapshot
) -> tuple[Order, ...]:
    """Orders whose trades the snapshot's balances may not show: live ones, and just settled ones.

    An order that settled after the account was read is no longer live, yet its drift is still in
    the snapshot: planned again, it would be traded twice. The queue is read before the books,
    because an order reaches the books before it leaves the queue.
    """
    live = stores.queue.live_orders(portfolio)
    read_at_ms = min(balance.observed_at_ms for balance in snapshot.balances.values())
    settled = stores.archive.read_orders(
        portfolio=portfolio, settled_since_ms=read_at_ms, limit=SETTLED_MAX
    )
    # An order of this very cycle is known by its id: a cycle planned again names the same ones.
    return (*live, *(row.order for row in settled if row.order.cycle_id != cycle_id))


def _sound_balance(raw: Any) -> Balance:
    balance = read_balance(raw)
    assert isinstance(balance, Balance), balance  # The table check applies the same law.
    return balance
