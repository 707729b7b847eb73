"""What an account holds, how far that is from its targets, and the orders that follow."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import dagster as dg

from assets.account import AccountReader
from assets.charts import columns, table_md, weights_md
from assets.checks import (
    OWNERS,
    blocking_check,
    cycle_id_of,
    fetch,
    rows_verdict,
)
from assets.plan_inputs import read_plan_context, read_snapshot
from assets.schemas import BALANCES, screen
from rebalancer.balances import Balance, read_balance
from rebalancer.cycle import queue_plan
from rebalancer.drift import measure_drift, total_value
from rebalancer.errors import AccountMoved, SkipCycle
from rebalancer.orders import VenueName
from rebalancer.plan import Plan
from rebalancer.planning import plan_orders
from rebalancer.ports import Alarm, Clock
from resources.settings import Settings
from resources.wiring import Stores, Venues

ACCOUNT_CHECK = "account_is_ours_alone"
BALANCES_CHECK = "balances_are_readable"
INPUTS_CHECK = "inputs_are_fresh_and_whole"

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
            blocking_check(ACCOUNT_CHECK, "balances", "No order or change that is not ours"),
            blocking_check(
                BALANCES_CHECK, "balances", "No unreadable, negative or doubled balance"
            ),
        ],
        metadata={"dagster/column_schema": _BALANCE_COLUMNS},
    )
    def balances(
        context: dg.AssetExecutionContext,
        settings: dg.ResourceParam[Settings],
        venues: dg.ResourceParam[Venues],
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
        alarm: dg.ResourceParam[Alarm],
    ) -> Iterator[Any]:
        """What the account holds, compared with the books. What is unreadable is never a zero."""
        name, portfolio, _ = settings.portfolio(context.partition_key)
        venue, cycle_id = VenueName(portfolio.venue), cycle_id_of(context)
        reader = AccountReader(stores, clock, alarm)
        try:
            raw, verdict = fetch(
                venues, venue, stores.queue, lambda client: reader.read(client, name, portfolio)
            )
        except AccountMoved as reason:
            yield dg.AssetCheckResult(
                passed=False, check_name=ACCOUNT_CHECK, description=str(reason)
            )
            raise dg.Failure(str(reason), allow_retries=False) from reason
        yield dg.AssetCheckResult(passed=True, check_name=ACCOUNT_CHECK, description=verdict.value)
        kept, rejected = screen(BALANCES, raw, wanted=None)
        yield rows_verdict(BALANCES_CHECK, rejected, sound=len(kept))
        stores.archive.record_quarantine(
            BALANCES.name, cycle_id, venue, rejected, at_ms=clock.now_ms()
        )
        held = [_sound_balance(raw[i]) for i in sorted(kept)]
        stores.archive.record_balances(cycle_id, venue, held)
        yield dg.MaterializeResult(
            metadata={"cycle_id": cycle_id, **_holdings_metadata(held, portfolio.targets_bps)}
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
        venues: dg.ResourceParam[Venues],
        stores: dg.ResourceParam[Stores],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult[None]:
        """Orders that bring the drift back, written to the books, then queued; and every skip."""
        name, portfolio, venue = settings.portfolio(context.partition_key)
        cycle_id, now_ms = cycle_id_of(context), clock.now_ms()
        snapshot = read_snapshot(stores, portfolio, cycle_id, now_ms=now_ms)
        drifts = measure_drift(snapshot, portfolio.targets())
        plan_context = read_plan_context(
            stores, venues, settings, name, cycle_id, snapshot=snapshot, drifts=drifts
        )
        plan = plan_orders(drifts, snapshot, portfolio.policy(venue), plan_context)
        stores.archive.record_skips(cycle_id, name, plan.skipped)
        queued = asyncio.run(
            queue_plan(
                plan,
                stores.queue,
                stores.ledger,
                by_hand=portfolio.approval == "manual",
                now_ms=now_ms,
            )
        )
        return dg.MaterializeResult(
            metadata={"cycle_id": cycle_id, "queued": queued, **_plan_metadata(plan)}
        )

    return rebalance_orders


def _sound_balance(raw: Any) -> Balance:
    balance = read_balance(raw)
    assert isinstance(balance, Balance), balance  # The table check applies the same law.
    return balance


def _holdings_metadata(held: Sequence[Balance], targeted: Collection[str]) -> dict[str, Any]:
    """What the account holds, and what is managed though it holds none of it."""
    shown = [balance for balance in held if balance.total > 0 or balance.asset in targeted]
    rows = [
        (balance.asset, balance.free, balance.locked, "yes" if balance.asset in targeted else "no")
        for balance in shown
    ]
    return {
        "assets": len(shown),
        "holdings": table_md(("asset", "free", "locked", "managed"), rows),
    }


def _plan_metadata(plan: Plan) -> dict[str, Any]:
    """The orders that were planned, and why every other leg was not made."""
    orders = [
        (
            order.side,
            order.symbol,
            order.amount_base,
            order.limit_price_quote,
            order.drift_bps,
            order.urgency,
        )
        for order in plan.orders
    ]
    skipped = [(leg.asset, leg.reason.value, leg.detail) for leg in plan.skipped]
    return {
        "planned": len(plan.orders),
        "orders": table_md(
            ("side", "symbol", "amount", "limit price", "drift bps", "urgency"), orders
        ),
        "skipped": table_md(("asset", "reason", "detail"), skipped),
    }
