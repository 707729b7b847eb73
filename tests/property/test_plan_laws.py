"""Laws of the plan: orders fit their market and the money there is, other legs say why."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given

from rebalancer.depth import depth_base
from rebalancer.money import BPS_WHOLE, Symbol
from rebalancer.orders import Order, PortfolioName
from rebalancer.plan import Plan, PlanContext, RebalancePolicy, SkipReason
from rebalancer.planning import plan_orders
from rebalancer.trades import choose_trades
from tests.factories import CASH
from tests.property.strategies import (
    World,
    amounts,
    contexts,
    near_worlds,
    policies,
    positive,
    worlds,
)

odd_worlds = worlds(mids=positive, holdings=amounts, locked=amounts, spread=0)
any_world = worlds() | odd_worlds | near_worlds()


def _plan(world: World, policy: RebalancePolicy, context: PlanContext) -> Plan:
    return plan_orders(world.drifts, world.snapshot, policy, context)


def _is_multiple(value: Decimal, step: Decimal) -> bool:
    return (Fraction(value) / Fraction(step)).denominator == 1


def _leg(order: Order) -> Fraction:
    """All that an order and those that follow on its leg may trade."""
    return Fraction(order.amount_base) + Fraction(order.leg_rest_base)


def _worst(order: Order, policy: RebalancePolicy) -> Fraction:
    sign = 1 if order.side == "buy" else -1
    fee = 1 + sign * Fraction(policy.taker_fee_bps, BPS_WHOLE)
    return _leg(order) * Fraction(order.worst_price_quote) * fee


@given(any_world, policies(), contexts())
def test_every_leg_is_one_order_or_one_skip(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    plan = _plan(world, policy, context)
    legs = Counter(order.symbol.base for order in plan.orders)
    legs.update(skip.asset for skip in plan.skipped)
    assert legs == Counter(drift.asset for drift in world.drifts if drift.asset != CASH)
    assert all(skip.detail for skip in plan.skipped)
    assert len(plan.orders) <= policy.orders_max


@given(any_world, policies(), contexts())
def test_every_order_fits_its_market(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    for order in _plan(world, policy, context).orders:
        rule, quote = world.snapshot.rules[order.symbol], world.snapshot.quotes[order.symbol]
        amount, price = Fraction(order.amount_base), Fraction(order.limit_price_quote)
        assert _is_multiple(order.amount_base, rule.amount_base_step)
        assert _is_multiple(order.limit_price_quote, rule.price_quote_step)
        assert amount > 0
        assert amount >= rule.amount_base_min
        assert rule.amount_base_max is None or amount <= rule.amount_base_max
        assert amount * price >= rule.notional_quote_min
        assert amount >= order.least_base
        reach = Fraction(quote.mid_quote) * policy.reach_bps_max / BPS_WHOLE
        worst = Fraction(order.worst_price_quote)
        assert abs(worst - Fraction(quote.mid_quote)) <= reach or order.style == "post"
        if order.side == "buy":
            assert price <= worst <= Fraction(quote.mid_quote) + reach
            assert price < quote.ask_quote if order.style == "post" else price >= quote.ask_quote
        else:
            assert price >= worst >= Fraction(quote.mid_quote) - reach
            assert price > quote.bid_quote if order.style == "post" else price <= quote.bid_quote
        assert order.rules_version == rule.version
        assert order.expires_at_ms == order.planned_at_ms + policy.order_ttl_ms


@given(any_world, policies(), contexts())
def test_a_plan_never_spends_or_sells_what_is_not_free(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    orders = _plan(world, policy, context).orders
    free = Fraction(world.snapshot.free_base(CASH))
    reserved = sum(Fraction(cash) for cash in context.busy.values())
    proceeds = sum(_worst(order, policy) for order in orders if order.side == "sell")
    cost = sum(_worst(order, policy) for order in orders if order.side == "buy")
    assert cost <= max(free + proceeds - reserved, Fraction(0))
    for order in orders:
        if order.side == "sell":
            assert _leg(order) <= world.snapshot.free_base(order.symbol.base)


@given(any_world, policies(), contexts())
def test_no_order_trades_more_than_was_chosen(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    chosen = choose_trades(
        world.drifts,
        cash=CASH,
        drift_bps_min=policy.drift_bps_min,
        destination_bps=policy.destination_bps,
        cost_bps_max=policy.cost_bps_max,
    )
    for order in _plan(world, policy, context).orders:
        trade = Fraction(chosen[order.symbol.base])
        assert order.side == ("buy" if trade > 0 else "sell")
        if order.side == "buy":
            assert _worst(order, policy) <= trade
        else:
            assert _leg(order) * Fraction(order.arrival_mid_quote) <= -trade


@given(any_world, policies(), contexts())
def test_sells_come_first_and_each_side_by_urgency(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    orders = _plan(world, policy, context).orders
    keys = [(order.side == "buy", -order.urgency, order.symbol) for order in orders]
    assert keys == sorted(keys)


@given(any_world, policies(), contexts())
def test_the_same_inputs_give_the_same_plan_and_unique_names(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    plan = _plan(world, policy, context)
    assert plan_orders(world.drifts[::-1], world.snapshot, policy, context) == plan
    other = _plan(world, policy, replace(context, portfolio=PortfolioName("other")))
    names = [order.client_order_id for order in (*plan.orders, *other.orders)]
    assert len(set(names)) == len(names)


@given(any_world, policies(), contexts())
def test_a_skip_names_a_true_reason(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    plan = _plan(world, policy, context)
    thin = [skip for skip in plan.skipped if skip.reason == SkipReason.TOO_THIN]
    for skip in plan.skipped:
        symbol = Symbol(skip.asset, CASH)
        match skip.reason:
            case SkipReason.SYMBOL_BUSY:
                assert symbol in context.busy
            case SkipReason.OVER_ORDERS_MAX:
                assert len(plan.orders) + len(thin) == policy.orders_max
            case SkipReason.NO_FREE_BASE:
                assert skip.side == "sell"
            case SkipReason.NO_FREE_QUOTE:
                assert skip.side == "buy"
            case SkipReason.SPREAD_TOO_WIDE:
                assert symbol not in context.busy
    assert not {order.symbol for order in plan.orders} & set(context.busy)


@given(any_world, policies(), contexts())
def test_every_slice_fits_the_book_and_the_venue(
    world: World, policy: RebalancePolicy, context: PlanContext
) -> None:
    for order in _plan(world, policy, context).orders:
        rule, book = world.snapshot.rules[order.symbol], context.books.get(order.symbol)
        assert _is_multiple(order.leg_rest_base, rule.amount_base_step)
        if book is None or policy.depth_share_bps_max is None:
            assert order.leg_rest_base == 0
            continue
        depth = depth_base(book, order.side, worst_price_quote=order.worst_price_quote)
        share = Fraction(depth) * policy.depth_share_bps_max / BPS_WHOLE
        assert order.amount_base <= share
        whole, slice_base = _leg(order), Fraction(order.amount_base)
        assert whole <= slice_base * policy.slices_max
        last = whole % slice_base or slice_base
        assert last >= order.least_base
        least = Fraction(order.least_base)
        prices = (order.limit_price_quote, order.worst_price_quote)
        assert least * min(map(Fraction, prices)) >= rule.notional_quote_min
        assert least >= rule.amount_base_min
