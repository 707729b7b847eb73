"""One plan per reason, with numbers a reader can check in the head."""

from decimal import Decimal
from typing import Any

import pytest

from rebalancer.drift import TargetWeights, measure_drift
from rebalancer.errors import EmptyPortfolio, UnpricedAsset
from rebalancer.money import ZERO, Asset, Symbol
from rebalancer.plan import Plan, PlanContext, RebalancePolicy, SkipReason, plan_orders
from rebalancer.precision import MarketRule
from rebalancer.quotes import Quote
from rebalancer.snapshot import Snapshot, take_snapshot
from tests.factories import (
    CASH,
    FRESHNESS,
    NOW_MS,
    make_balance,
    make_context,
    make_policy,
    make_quote,
    make_rule,
    make_symbol,
)

BTC = make_symbol("BTC")
HALF = TargetWeights({BTC.base: 5_000, CASH: 5_000})


def _snapshot(
    btc: str,
    cash: str,
    *,
    rule: MarketRule | None = None,
    quote: Quote | None = None,
    locked: str = "0",
) -> Snapshot:
    return take_snapshot(
        {BTC: rule or make_rule()},
        {BTC: quote or make_quote(mid="100")},
        {BTC.base: make_balance("BTC", btc, locked=locked), CASH: make_balance(CASH, cash)},
        symbols=[BTC],
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )


def _plan(
    snapshot: Snapshot,
    *,
    targets: TargetWeights = HALF,
    policy: RebalancePolicy | None = None,
    context: PlanContext | None = None,
) -> Plan:
    drifts = measure_drift(snapshot, targets)
    return plan_orders(drifts, snapshot, policy or make_policy(), context or make_context())


def _reason(plan: Plan) -> SkipReason:
    assert not plan.orders
    [skip] = plan.skipped
    return skip.reason


def test_a_sell_stops_at_half_the_band() -> None:
    [order] = _plan(_snapshot("60", "4000")).orders
    assert (order.side, order.amount_base) == ("sell", Decimal("9"))
    assert order.limit_price_quote == Decimal("99.50")
    assert order.urgency == Decimal("0.666667")
    assert order.drift_bps == 1_000


def test_a_buy_is_sized_by_its_worst_price_and_fee() -> None:
    [order] = _plan(_snapshot("40", "6000"), policy=make_policy(destination_bps=0)).orders
    assert (order.side, order.limit_price_quote) == ("buy", Decimal("100.50"))
    assert order.amount_base == Decimal("9.94030")  # 1000 / (100.50 × 1.001), rounded down.


def test_a_drift_at_the_edge_of_the_band_is_left_alone() -> None:
    assert _reason(_plan(_snapshot("52", "4800"))) == SkipReason.BELOW_BAND
    [order] = _plan(_snapshot("52.00001", "4799.999")).orders
    assert order.side == "sell"


def test_a_live_order_keeps_its_symbol() -> None:
    context = make_context(busy={BTC: ZERO})
    assert _reason(_plan(_snapshot("60", "4000"), context=context)) == SkipReason.SYMBOL_BUSY


def test_cash_that_a_live_order_may_spend_is_not_spent_again() -> None:
    context = make_context(busy={make_symbol("ETH"): Decimal(6_000)})
    assert _reason(_plan(_snapshot("40", "6000"), context=context)) == SkipReason.NO_FREE_QUOTE


def test_a_live_order_that_waits_for_cash_comes_before_new_buys() -> None:
    eth = make_symbol("ETH")
    snapshot = take_snapshot(
        {BTC: make_rule("BTC"), eth: make_rule("ETH")},
        {BTC: make_quote("BTC", "100"), eth: make_quote("ETH", "100")},
        {BTC.base: make_balance("BTC", "60"), eth.base: make_balance("ETH", "40")},
        symbols=[BTC, eth],
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )
    plan = _plan(
        snapshot,
        targets=TargetWeights({BTC.base: 5_000, eth.base: 5_000}),
        context=make_context(busy={make_symbol("SOL"): Decimal(2_000)}),
    )
    assert [order.side for order in plan.orders] == ["sell"]
    assert [skip.reason for skip in plan.skipped] == [SkipReason.NO_FREE_QUOTE]


def test_a_locked_holding_is_not_sold() -> None:
    assert _reason(_plan(_snapshot("0", "4000", locked="60"))) == SkipReason.NO_FREE_BASE
    [order] = _plan(_snapshot("1", "4000", locked="59")).orders
    assert order.amount_base == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"amount_base_step": Decimal(10)}, SkipReason.BELOW_MIN_AMOUNT),
        ({"amount_base_min": Decimal("9.00001")}, SkipReason.BELOW_MIN_AMOUNT),
        ({"amount_base_max": Decimal("0.000001")}, SkipReason.BELOW_MIN_AMOUNT),
        ({"notional_quote_min": Decimal("895.51")}, SkipReason.BELOW_MIN_NOTIONAL),
    ],
)
def test_a_leg_the_venue_would_not_take_says_so(
    changes: dict[str, Any], reason: SkipReason
) -> None:
    assert _reason(_plan(_snapshot("60", "4000", rule=make_rule(**changes)))) == reason


def test_an_order_of_exactly_the_minima_is_made() -> None:
    rule = make_rule(amount_base_min=Decimal(9), notional_quote_min=Decimal("895.5"))
    assert len(_plan(_snapshot("60", "4000", rule=rule)).orders) == 1


def test_an_order_is_cut_to_the_largest_the_venue_takes() -> None:
    rule = make_rule(amount_base_max=Decimal("2.5"), amount_base_step=Decimal(2))
    [order] = _plan(_snapshot("60", "4000", rule=rule)).orders
    assert order.amount_base == 2


def test_a_touch_beyond_reach_is_not_chased() -> None:
    quote = make_quote(mid="100", bid_quote=Decimal(99), ask_quote=Decimal(101))
    assert _reason(_plan(_snapshot("60", "4000", quote=quote))) == SkipReason.SPREAD_TOO_WIDE
    assert _reason(_plan(_snapshot("40", "6000", quote=quote))) == SkipReason.SPREAD_TOO_WIDE


def test_more_legs_than_the_policy_allows_wait_for_the_next_cycle() -> None:
    eth = make_symbol("ETH")
    snapshot = take_snapshot(
        {BTC: make_rule("BTC"), eth: make_rule("ETH")},
        {BTC: make_quote("BTC", "100"), eth: make_quote("ETH", "100")},
        {BTC.base: make_balance("BTC", "60"), CASH: make_balance(CASH, "4000")},
        symbols=[BTC, eth],
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )
    targets = TargetWeights({BTC.base: 3_000, eth.base: 3_000, CASH: 4_000})
    plan = _plan(snapshot, targets=targets, policy=make_policy(orders_max=1))
    assert [order.side for order in plan.orders] == ["sell"]
    assert [(skip.asset, skip.reason) for skip in plan.skipped] == [
        (eth.base, SkipReason.OVER_ORDERS_MAX)
    ]


def test_an_account_worth_nothing_has_no_weights() -> None:
    with pytest.raises(EmptyPortfolio, match="fund it"):
        measure_drift(_snapshot("0", "0"), HALF)


def test_a_targeted_asset_without_a_quote_stops_the_cycle() -> None:
    targets = TargetWeights({Asset("ETH"): 10_000})
    with pytest.raises(UnpricedAsset, match="ETH/USDC"):
        measure_drift(_snapshot("1", "1"), targets)


def test_holdings_nobody_targets_are_not_counted() -> None:
    [cash] = measure_drift(_snapshot("1", "100"), TargetWeights({CASH: 10_000}))
    assert (cash.asset, cash.gap_quote, cash.value_quote) == (CASH, ZERO, Decimal(100))
    assert Symbol(BTC.base, CASH) == BTC
