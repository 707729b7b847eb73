"""Laws of the thermostat: filled at the touch, with fees, a plan ends inside the band and rests."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import assume, example, given
from hypothesis import strategies as st

from rebalancer.drift import is_within_band
from rebalancer.money import BPS_WHOLE, ZERO, Asset, bps_of, exact
from rebalancer.orders import Order
from rebalancer.plan import Plan, RebalancePolicy, SkipReason
from rebalancer.planning import plan_orders
from tests.factories import CASH, make_balance, make_context, make_policy
from tests.property.strategies import World, fine_rules, near_world, near_worlds, worlds

CYCLES_MAX = 3

liquid_worlds = near_worlds() | worlds(rule_of=fine_rules, locked=st.just(ZERO), spread=20)
cheap_policies = st.builds(
    make_policy,
    drift_bps_min=st.sampled_from([200, 50, 500]),
    destination_bps=st.sampled_from([5_000, 0, BPS_WHOLE]),
    reach_bps_max=st.integers(20, 50),
    taker_fee_bps=st.integers(0, 10),
)


def _plan(world: World, policy: RebalancePolicy) -> Plan:
    return plan_orders(world.drifts, world.snapshot, policy, make_context())


def _fill(world: World, order: Order, policy: RebalancePolicy) -> World:
    """The world after an order took the touch and paid the taker's fee in cash."""
    snapshot, base = world.snapshot, order.symbol.base
    quote = snapshot.quotes[order.symbol]
    sign, price = (1, quote.ask_quote) if order.side == "buy" else (-1, quote.bid_quote)
    with exact():
        worth = order.amount_base * price
        cash = snapshot.free_base(CASH) - sign * worth - bps_of(worth, policy.taker_fee_bps)
        held = snapshot.free_base(base) + sign * order.amount_base
    zero = make_balance(CASH, "0")
    balances = {
        **snapshot.balances,
        base: replace(zero, asset=base, free=held),
        CASH: replace(zero, free=cash),
    }
    return World(replace(snapshot, balances=balances), world.targets)


def _fill_all(world: World, plan: Plan, policy: RebalancePolicy) -> World:
    for order in plan.orders:
        world = _fill(world, order, policy)
    return world


@given(liquid_worlds, cheap_policies)
def test_each_gap_ends_at_the_destination_but_for_what_trading_costs(
    world: World, policy: RebalancePolicy
) -> None:
    plan = _plan(world, policy)
    assume(all(skip.reason == SkipReason.BELOW_BAND for skip in plan.skipped))
    after = _fill_all(world, plan, policy).drifts
    traded = sum(
        Fraction(order.amount_base) * Fraction(order.arrival_mid_quote) for order in plan.orders
    )
    total = sum((Fraction(drift.value_quote) for drift in world.drifts), Fraction(0))
    band = total * policy.drift_bps_min / BPS_WHOLE
    # Sizing by the worst price, the cut to the money there is, and the costs themselves.
    cost = Fraction(policy.reach_bps_max + policy.taker_fee_bps, BPS_WHOLE) * traded * 4
    dust = Fraction(1, 10**15) * (1 + band)
    limit = band * policy.destination_bps / BPS_WHOLE if plan.orders else band
    # An asset that was inside its band may have been traded a little, only to carry the cash.
    inside = {d.asset for d in world.drifts if abs(Fraction(d.gap_quote)) <= band} - {CASH}
    for drift in after:
        within = band if drift.asset in inside else limit
        assert abs(Fraction(drift.gap_quote)) <= within + cost + dust


@given(liquid_worlds)
def test_it_comes_to_rest_inside_the_band(world: World) -> None:
    policy = make_policy()
    for _ in range(CYCLES_MAX):
        plan = _plan(world, policy)
        world = _fill_all(world, plan, policy)
    assert is_within_band(world.drifts, drift_bps_min=policy.drift_bps_min)
    assert not _plan(world, policy).orders


def _near(held: dict[str, int], weight_bps: dict[str, int]) -> World:
    return near_world(
        {Asset(name): units for name, units in held.items()},
        {Asset(name): weight for name, weight in weight_bps.items()},
    )


_EMPTYING = {"USDC": 0, "ADA": 0, "BNB": 200, "BTC": 0, "DOGE": 9_800}


@given(near_worlds())
# ADA sits on the edge of its band: what trading the others costs must not push it out.
@example(_near({"USDC": 0, "ADA": 200, "BNB": 0, "BTC": 202, "DOGE": 9_598}, _EMPTYING))
@example(_near({"USDC": 213, "ADA": 200, "BNB": 0, "BTC": 23, "DOGE": 9_564}, _EMPTYING))
@example(_near({"USDC": 0, "ADA": 628, "BNB": 0, "BTC": 200, "DOGE": 9_172}, _EMPTYING))
def test_a_small_drift_is_settled_by_one_cycle(world: World) -> None:
    policy = make_policy(reach_bps_max=20)
    world = _fill_all(world, _plan(world, policy), policy)
    assert is_within_band(world.drifts, drift_bps_min=policy.drift_bps_min)
    assert not _plan(world, policy).orders
