"""Laws of drift: rebalancing moves value and creates none; what is measured is exact."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rebalancer.drift import (
    DRIFT_BPS_URGENT,
    Drift,
    TargetWeights,
    is_within_band,
    measure_drift,
    total_value,
    urgency,
)
from rebalancer.errors import BadConfig
from rebalancer.money import BPS_WHOLE, ONE, Asset
from rebalancer.snapshot import take_snapshot
from tests.factories import (
    CASH,
    FRESHNESS,
    NOW_MS,
    make_balance,
    make_quote,
    make_rule,
    make_symbol,
)
from tests.property.strategies import World, amounts, positive, worlds

usual_worlds = worlds()
odd_worlds = worlds(mids=positive, holdings=amounts, locked=amounts, spread=0)
any_world = usual_worlds | odd_worlds


def _true_value(world: World, asset: Asset) -> Fraction:
    snapshot = world.snapshot
    if asset not in snapshot.balances:
        return Fraction(0)
    held = Fraction(snapshot.balances[asset].free) + Fraction(snapshot.balances[asset].locked)
    if asset == CASH:
        return held
    quote = next(quote for symbol, quote in snapshot.quotes.items() if symbol.base == asset)
    return held * (Fraction(quote.bid_quote) + Fraction(quote.ask_quote)) / 2


@given(any_world)
def test_the_gaps_sum_to_zero_and_the_weights_to_the_whole(world: World) -> None:
    drifts = world.drifts
    assert sum(Fraction(drift.gap_quote) for drift in drifts) == 0
    assert sum(drift.target_bps for drift in drifts) == BPS_WHOLE
    weight = sum((Fraction(drift.weight_bps) for drift in drifts), Fraction(0))
    assert abs(weight - BPS_WHOLE) <= Fraction(len(drifts), 200)


@given(any_world)
def test_no_digit_is_lost(world: World) -> None:
    drifts = world.drifts
    total = sum(_true_value(world, drift.asset) for drift in drifts)
    assert Fraction(total_value(drifts)) == total
    for drift in drifts:
        value = _true_value(world, drift.asset)
        target = total * drift.target_bps / BPS_WHOLE
        assert Fraction(drift.value_quote) == value
        assert Fraction(drift.target_quote) == target
        assert Fraction(drift.gap_quote) == target - value
        assert Fraction(drift.drift_bps) * 100 == round(100 * BPS_WHOLE * (value - target) / total)
        assert drift.drift_bps == drift.weight_bps - drift.target_bps


@given(any_world)
def test_the_widest_gap_comes_first_then_the_name(world: World) -> None:
    keys = [(-abs(Fraction(drift.gap_quote)), drift.asset) for drift in world.drifts]
    assert keys == sorted(keys)
    assert [drift.asset for drift in world.drifts].count(CASH) == 1


@given(any_world, st.integers(1, BPS_WHOLE - 1))
def test_the_band_is_judged_exactly(world: World, band_bps: int) -> None:
    drifts = world.drifts
    band = sum(Fraction(drift.value_quote) for drift in drifts) * band_bps / BPS_WHOLE
    inside = all(abs(Fraction(drift.gap_quote)) <= band for drift in drifts)
    assert is_within_band(drifts, drift_bps_min=band_bps) == inside


def _drift(asset: str, value: Decimal, gap: Decimal) -> Drift:
    zero = Decimal(0)
    return Drift(Asset(asset), value, value, gap, zero, 0, zero, zero)


def test_a_gap_beyond_the_band_in_its_thirtieth_digit_is_outside() -> None:
    whole = Decimal("10000000000000000000")
    gap = Decimal("100000000000000000.000000000000000000000001")
    drifts = (_drift("BTC", whole, gap), _drift(CASH, Decimal(0), gap.copy_negate()))
    assert not is_within_band(drifts, drift_bps_min=100)


def test_a_drift_beyond_a_tie_in_its_thirtieth_digit_is_rounded_up() -> None:
    btc = make_symbol("BTC")
    snapshot = take_snapshot(
        {btc: make_rule()},
        {btc: make_quote(mid="1")},
        {
            btc.base: make_balance("BTC", "5000005000000.000000000000000000000001"),
            CASH: make_balance(CASH, "4999994999999.999999999999999999999999"),
        },
        symbols=[btc],
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )
    drifts = measure_drift(snapshot, TargetWeights({btc.base: 5_000, CASH: 5_000}))
    assert {drift.asset: drift.drift_bps for drift in drifts} == {
        btc.base: Decimal("0.01"),
        CASH: Decimal("-0.01"),
    }


bps = st.decimals(-BPS_WHOLE, BPS_WHOLE, places=2) | st.sampled_from(
    [Decimal(text) for text in ("0", "1200", "1199.99", "1200.01", "1499.99", "1500", "-1500")]
)


@given(bps, bps)
def test_urgency_grows_with_drift_whichever_its_sign(one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other), key=abs)
    assert 0 <= urgency(low) <= urgency(high) <= 1
    assert urgency(low) == urgency(low.copy_negate())


@given(bps)
@example(Decimal(1_200))
@example(Decimal(1_500))
def test_urgency_is_the_share_of_fifteen_points_to_six_digits(drift_bps: Decimal) -> None:
    true = min(abs(Fraction(drift_bps)) / DRIFT_BPS_URGENT, Fraction(1))
    assert abs(Fraction(urgency(drift_bps)) - true) <= Fraction(1, 2_000_000)
    assert (urgency(drift_bps) >= Decimal("0.8")) == (abs(drift_bps) >= 1_200)
    assert (urgency(drift_bps) == ONE) == (abs(drift_bps) >= DRIFT_BPS_URGENT)


@given(st.dictionaries(st.sampled_from([Asset("A"), Asset("B"), CASH]), st.integers(-99, 10_099)))
def test_weights_are_whole_or_refused(weights: dict[Asset, int]) -> None:
    is_sound = sum(weights.values()) == BPS_WHOLE and min(weights.values(), default=0) >= 0
    if is_sound:
        assert TargetWeights(weights).weight_bps == weights
    else:
        with pytest.raises(BadConfig, match=r"bps; expected"):
            TargetWeights(weights)


@given(any_world)
def test_measuring_twice_finds_the_same(world: World) -> None:
    assert measure_drift(world.snapshot, world.targets) == world.drifts
