"""One plan per reason, with numbers a reader can check in the head."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rebalancer.drift import TargetWeights, measure_drift
from rebalancer.errors import EmptyPortfolio, UnpricedAsset
from rebalancer.money import ZERO, Asset, Symbol
from rebalancer.plan import Plan, PlanContext, RebalancePolicy, SkipReason
from rebalancer.planning import plan_orders
from rebalancer.precision import MarketRule
from rebalancer.quotes import Quote
from rebalancer.snapshot import Snapshot, take_snapshot
from tests.factories import (
    CASH,
    FRESHNESS,
    NOW_MS,
    make_balance,
    make_book,
    make_context,
    make_limits,
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


@pytest.mark.parametrize(
    ("caps", "amount"),
    [
        ({"order_quote_max": Decimal(500)}, "5"),
        ({"cycle_share_bps_max": 700}, "7"),
        ({"turnover_quote_day_max": Decimal(600)}, "4"),
        ({"order_quote_max": Decimal(500), "cycle_share_bps_max": 300}, "3"),
        ({"open_orders_max": 1, "collar_bps_max": 50}, "9"),
    ],
)
def test_a_leg_is_cut_to_the_tightest_cap(caps: dict[str, Any], amount: str) -> None:
    policy = make_policy(limits=make_limits(**caps))
    context = make_context(turnover_quote_today=Decimal(200))
    [order] = _plan(_snapshot("60", "4000"), policy=policy, context=context).orders
    assert (order.side, order.amount_base) == ("sell", Decimal(amount))
    assert order.leg_rest_base == 0


@pytest.mark.parametrize(
    ("caps", "reason"),
    [
        ({"order_quote_max": Decimal(4)}, SkipReason.ORDER_TOO_LARGE),
        ({"cycle_share_bps_max": 4}, SkipReason.CYCLE_SHARE_SPENT),
        ({"turnover_quote_day_max": Decimal(204)}, SkipReason.TURNOVER_SPENT),
        ({"turnover_quote_day_max": Decimal(100)}, SkipReason.TURNOVER_SPENT),
        ({"open_orders_max": 1}, SkipReason.TOO_MANY_OPEN),
        ({"collar_bps_max": 49}, SkipReason.OUTSIDE_COLLAR),
    ],
)
def test_a_leg_that_a_cap_keeps_back_says_which(caps: dict[str, Any], reason: SkipReason) -> None:
    policy = make_policy(limits=make_limits(**caps))
    context = make_context(turnover_quote_today=Decimal(200), busy={make_symbol("ETH"): ZERO})
    assert _reason(_plan(_snapshot("60", "4000"), policy=policy, context=context)) == reason


def test_a_price_older_than_the_cap_is_not_planned_on() -> None:
    quote = make_quote(mid="100", observed_at_ms=NOW_MS - 10_001)
    policy = make_policy(limits=make_limits(input_age_ms_max=10_000))
    reason = _reason(_plan(_snapshot("60", "4000", quote=quote), policy=policy))
    assert reason == SkipReason.INPUT_TOO_OLD


QUARTERS = make_policy(depth_share_bps_max=2_500)


def _seen(*bids: tuple[str, str]) -> PlanContext:
    return make_context(books={BTC: make_book("BTC", bids, [("101", "1")])})


def test_a_leg_larger_than_its_share_of_the_book_is_sliced_evenly() -> None:
    # A quarter of the 12 that are within reach of 99.50; the 100 below are out of it.
    context = _seen(("100", "4"), ("99.50", "8"), ("99.49", "100"))
    [order] = _plan(_snapshot("60", "4000"), policy=QUARTERS, context=context).orders
    assert (order.amount_base, order.leg_rest_base) == (Decimal(3), Decimal(6))
    capped = replace(QUARTERS, limits=make_limits(order_quote_max=Decimal(250)))
    [order] = _plan(_snapshot("60", "4000"), policy=capped, context=context).orders
    assert (order.amount_base, order.leg_rest_base) == (Decimal("2.25"), Decimal("6.75"))


def test_what_is_beyond_the_last_slice_waits_for_the_next_cycle() -> None:
    policy = replace(QUARTERS, slices_max=2)
    [order] = _plan(_snapshot("60", "4000"), policy=policy, context=_seen(("100", "12"))).orders
    assert (order.amount_base, order.leg_rest_base) == (Decimal(3), Decimal(3))


def test_a_leg_whose_book_could_not_be_read_is_left_alone_where_slices_are_measured_by_it() -> None:
    snapshot = _snapshot("60", "4000")
    assert _reason(_plan(snapshot, policy=QUARTERS)) == SkipReason.NO_BOOK
    assert len(_plan(snapshot).orders) == 1


@pytest.mark.parametrize("reason", [SkipReason.HALTED, SkipReason.MAINTENANCE])
def test_while_trading_is_stopped_each_leg_that_would_trade_says_why(reason: SkipReason) -> None:
    context = make_context(stop=(reason, "because"), busy={BTC: ZERO})
    [skip] = _plan(_snapshot("60", "4000"), context=context).skipped
    assert (skip.reason, skip.detail) == (reason, "because")
    assert _reason(_plan(_snapshot("50", "5000"), context=context)) == SkipReason.BELOW_BAND


def test_a_symbol_that_lost_an_order_rests_and_the_others_do_not() -> None:
    resting, others = (make_context(cooling=frozenset({make_symbol(it)})) for it in ("BTC", "ETH"))
    assert _reason(_plan(_snapshot("60", "4000"), context=resting)) == SkipReason.COOLING_DOWN
    assert len(_plan(_snapshot("60", "4000"), context=others).orders) == 1


def test_a_book_too_thin_for_the_least_order_is_left_alone() -> None:
    plan = _plan(_snapshot("60", "4000"), policy=QUARTERS, context=_seen(("100", "0.2")))
    assert _reason(plan) == SkipReason.TOO_THIN


@pytest.mark.parametrize(
    ("btc", "side", "limit", "worst"),
    [("60", "sell", "100.25", "99.50"), ("40", "buy", "99.75", "100.50")],
)
def test_where_the_spread_is_wide_an_order_begins_in_the_book(
    btc: str, side: str, limit: str, worst: str
) -> None:
    quote = make_quote(mid="100", bid_quote=Decimal("99.75"), ask_quote=Decimal("100.25"))
    snapshot = _snapshot(btc, str(10_000 - 100 * int(btc)), quote=quote)
    [order] = _plan(snapshot, policy=make_policy(post_spread_bps_min=50)).orders
    assert (order.style, order.side) == ("post", side)
    assert (order.limit_price_quote, order.worst_price_quote) == (Decimal(limit), Decimal(worst))
    [order] = _plan(snapshot, policy=make_policy(post_spread_bps_min=51)).orders
    assert (order.style, order.limit_price_quote) == ("take", Decimal(worst))


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
