"""Laws of the caps: no plan is beyond one, they only take away, and a denial names its cap."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.money import BPS_WHOLE, ZERO
from rebalancer.orders import Order
from rebalancer.plan import Plan, PlanContext, RebalancePolicy, SkipReason
from rebalancer.planning import plan_orders
from rebalancer.risk import DenialReason, RiskLimits, deny_order, worth_quote
from tests.factories import NOW_MS, make_limits, make_order
from tests.property.strategies import (
    World,
    amounts,
    contexts,
    near_worlds,
    policies,
    positive,
    usual,
    worlds,
)

any_world = worlds() | near_worlds()
limits = st.builds(
    make_limits,
    order_quote_max=st.none() | usual | positive,
    cycle_share_bps_max=st.none() | st.integers(1, 2 * BPS_WHOLE) | st.integers(1, 300),
    turnover_quote_day_max=st.none() | usual | positive,
    open_orders_max=st.none() | st.integers(1, 4),
    collar_bps_max=st.just(BPS_WHOLE) | st.integers(0, 200),
)
capped_policies = st.builds(lambda policy, caps: replace(policy, limits=caps), policies(), limits)
capped_contexts = st.builds(
    lambda context, spent: replace(context, turnover_quote_today=spent), contexts(), amounts
)


def _plan(world: World, policy: RebalancePolicy, context: PlanContext) -> Plan:
    return plan_orders(world.drifts, world.snapshot, policy, context)


def _price(order: Order) -> Fraction:
    """A buy may cost its worst price; a sell may bring its mid."""
    return Fraction(max(order.worst_price_quote, order.arrival_mid_quote))


def _leg(order: Order) -> Fraction:
    return Fraction(order.amount_base) + Fraction(order.leg_rest_base)


@given(any_world, capped_policies, capped_contexts, st.just(ZERO) | amounts)
def test_no_plan_is_beyond_a_cap(
    world: World, policy: RebalancePolicy, context: PlanContext, cycle_spent: Decimal
) -> None:
    context = replace(context, cycle_quote_spent=cycle_spent)
    caps, orders = policy.limits, _plan(world, policy, context).orders
    worth = sum(_leg(order) * _price(order) for order in orders)
    if caps.order_quote_max is not None:
        most = Fraction(caps.order_quote_max)
        assert all(Fraction(order.amount_base) * _price(order) <= most for order in orders)
    if caps.cycle_share_bps_max is not None:
        total = sum(Fraction(drift.value_quote) for drift in world.drifts)
        left = total * caps.cycle_share_bps_max / BPS_WHOLE - Fraction(context.cycle_quote_spent)
        assert worth <= max(left, 0)
    if caps.turnover_quote_day_max is not None:
        left = Fraction(caps.turnover_quote_day_max) - Fraction(context.turnover_quote_today)
        assert worth <= max(left, Fraction(0))
    if caps.open_orders_max is not None and orders:
        assert len(orders) + len(context.busy) <= caps.open_orders_max
    for order in orders:
        assert deny_order(order, caps, now_ms=order.planned_at_ms) is None


@given(any_world, capped_policies, capped_contexts)
def test_caps_and_slices_only_take_away_from_legs(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    free = _plan(world, replace(policy, limits=make_limits()), replace(context, books={}))
    whole = {order.symbol: order for order in free.orders}
    for order in _plan(world, policy, context).orders:
        assert _leg(order) <= _leg(whole[order.symbol])
        assert order.client_order_id == whole[order.symbol].client_order_id


@given(any_world, capped_policies, capped_contexts)
def test_caps_that_nothing_reaches_change_nothing(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    huge = Decimal("1E40")
    wide = make_limits(
        order_quote_max=huge,
        cycle_share_bps_max=10**12,
        turnover_quote_day_max=huge,
        open_orders_max=100,
    )
    with_none = _plan(world, replace(policy, limits=make_limits()), context)
    assert _plan(world, replace(policy, limits=wide), context) == with_none


@given(any_world, capped_policies, capped_contexts)
def test_a_leg_is_kept_back_for_a_cap_that_is_there(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    caps = policy.limits
    for skip in _plan(world, policy, context).skipped:
        match skip.reason:
            case SkipReason.ORDER_TOO_LARGE:
                assert caps.order_quote_max is not None
            case SkipReason.CYCLE_SHARE_SPENT:
                assert caps.cycle_share_bps_max is not None
            case SkipReason.TURNOVER_SPENT:
                assert caps.turnover_quote_day_max is not None
            case SkipReason.TOO_MANY_OPEN:
                assert caps.open_orders_max is not None
            case SkipReason.OUTSIDE_COLLAR:
                assert caps.collar_bps_max < policy.reach_bps_max
            case SkipReason.TOO_THIN:
                assert context.books


@given(
    st.builds(
        make_order,
        amount_base=positive,
        limit_price_quote=positive,
        arrival_mid_quote=positive,
    ),
    limits,
    st.integers(-10_000, 10_000),
)
def test_a_denied_order_is_beyond_the_cap_that_is_named_and_no_other_is_denied(
    order: Order, caps: RiskLimits, waited_ms: int
) -> None:
    caps = replace(caps, input_age_ms_max=5_000)
    denial = deny_order(order, caps, now_ms=NOW_MS + waited_ms)
    mid, worst = Fraction(order.arrival_mid_quote), Fraction(order.worst_price_quote)
    beyond = {
        DenialReason.ORDER_TOO_LARGE: caps.order_quote_max is not None
        and Fraction(order.amount_base) * _price(order) > caps.order_quote_max,
        DenialReason.OUTSIDE_COLLAR: abs(worst - mid) > mid * caps.collar_bps_max / BPS_WHOLE,
        DenialReason.INPUT_TOO_OLD: waited_ms > 5_000,
    }
    assert Fraction(worth_quote(order)) == Fraction(order.amount_base) * _price(order)
    if denial is None:
        assert not any(beyond.values())
    else:
        assert beyond[denial.reason]
        assert denial.detail
