"""Laws of choosing what to trade: never past the target, never spend what is not there."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.drift import Drift, is_within_band
from rebalancer.money import BPS_WHOLE, ZERO, Asset
from rebalancer.trades import choose_trades
from tests.factories import CASH
from tests.property.strategies import World, amounts, near_worlds, positive, worlds

odd_worlds = worlds(mids=positive, holdings=amounts, locked=amounts, spread=0)
any_world = near_worlds() | worlds() | odd_worlds
bands = st.sampled_from([200, 1, 2_500, BPS_WHOLE - 1]) | st.integers(1, 1_000)
destinations = st.sampled_from([0, 5_000, BPS_WHOLE]) | st.integers(0, BPS_WHOLE)


costs = st.sampled_from([60, 0, 2_000]) | st.integers(0, 500)


def _choose(
    drifts: tuple[Drift, ...], band_bps: int, destination_bps: int, cost_bps: int = 60
) -> dict[Asset, Decimal]:
    return choose_trades(
        drifts,
        cash=CASH,
        drift_bps_min=band_bps,
        destination_bps=destination_bps,
        cost_bps_max=cost_bps,
    )


def _gaps_after(drifts: tuple[Drift, ...], trades: dict[Asset, Decimal]) -> dict[Asset, Fraction]:
    """What is left of each gap once the trades are made at mid, free of fees."""
    left = {
        drift.asset: Fraction(drift.gap_quote) - Fraction(trades.get(drift.asset, ZERO))
        for drift in drifts
    }
    left[CASH] += sum(Fraction(trade) for trade in trades.values())
    return left


@given(any_world, bands, destinations, costs)
def test_no_trade_overshoots_its_gap(
    world: World, band_bps: int, destination_bps: int, cost_bps: int
) -> None:
    drifts = world.drifts
    gaps = {drift.asset: Fraction(drift.gap_quote) for drift in drifts}
    trades = _choose(drifts, band_bps, destination_bps, cost_bps)
    assert CASH not in trades
    for asset, trade in trades.items():
        assert trade != 0
        assert 0 < Fraction(trade) / gaps[asset] <= 1


@given(any_world, bands, destinations, costs)
def test_afterwards_every_asset_and_cash_are_inside_the_band(
    world: World, band_bps: int, destination_bps: int, cost_bps: int
) -> None:
    drifts = world.drifts
    band = sum(Fraction(drift.value_quote) for drift in drifts) * band_bps / BPS_WHOLE
    after = _gaps_after(drifts, _choose(drifts, band_bps, destination_bps, cost_bps))
    assert sum(after.values()) == 0
    assert all(abs(gap) <= band for gap in after.values())


@given(any_world, bands, destinations, costs)
def test_trades_never_spend_more_cash_than_there_is(
    world: World, band_bps: int, destination_bps: int, cost_bps: int
) -> None:
    drifts = world.drifts
    after = _gaps_after(drifts, _choose(drifts, band_bps, destination_bps, cost_bps))
    [cash] = [drift for drift in drifts if drift.asset == CASH]
    assert after[CASH] <= Fraction(cash.target_quote)


def test_a_buy_with_no_cash_left_is_paid_by_assets_inside_their_band() -> None:
    def drift(asset: str, held: int, target: int) -> Drift:
        value, wanted, zero = Decimal(held), Decimal(target), Decimal(0)
        return Drift(Asset(asset), value, wanted, wanted - value, zero, target, zero, zero)

    drifts = (
        drift("BTC", 2_620, 3_000),
        drift("ETH", 3_690, 3_500),
        drift("SOL", 3_690, 3_500),
        drift(CASH, 0, 0),
    )
    bought, *sold = _choose(drifts, 200, 5_000).values()
    assert bought == 280
    assert sum(sold) == -280


@given(any_world, bands, destinations)
def test_there_are_trades_exactly_when_something_is_outside_the_band(
    world: World, band_bps: int, destination_bps: int
) -> None:
    drifts = world.drifts
    is_inside = is_within_band(drifts, drift_bps_min=band_bps)
    trades = _choose(drifts, band_bps, destination_bps)
    assert not (is_inside and trades)
    if destination_bps < BPS_WHOLE:
        assert is_inside == (not trades)


@given(any_world, bands, destinations)
def test_each_asset_outside_its_band_is_brought_to_the_destination(
    world: World, band_bps: int, destination_bps: int
) -> None:
    drifts = world.drifts
    band = sum(Fraction(drift.value_quote) for drift in drifts) * band_bps / BPS_WHOLE
    after = _gaps_after(drifts, _choose(drifts, band_bps, destination_bps))
    for drift in drifts:
        if abs(Fraction(drift.gap_quote)) > band:
            assert abs(after[drift.asset]) <= band * destination_bps / BPS_WHOLE


@given(any_world, bands, destinations, costs, st.fractions(0, 1))
def test_an_asset_left_alone_stays_inside_its_band_whatever_the_trades_cost(
    world: World, band_bps: int, destination_bps: int, cost_bps: int, share: Fraction
) -> None:
    drifts = world.drifts
    trades = _choose(drifts, band_bps, destination_bps, cost_bps)
    traded = sum((abs(Fraction(trade)) for trade in trades.values()), Fraction(0))
    total = sum(Fraction(drift.value_quote) for drift in drifts)
    rest = total * band_bps * destination_bps / BPS_WHOLE**2
    after = total - share * traded * cost_bps / BPS_WHOLE
    for drift in drifts:
        gap = after * drift.target_bps / BPS_WHOLE - Fraction(drift.value_quote)
        # No trade can help an asset that sits at the destination when the costs eat the band.
        is_movable = Fraction(drift.gap_quote) < -rest or gap >= 0
        if drift.asset != CASH and drift.asset not in trades and is_movable:
            assert abs(gap) <= after * band_bps / BPS_WHOLE


@given(any_world, bands)
def test_the_order_of_the_drifts_changes_nothing(world: World, band_bps: int) -> None:
    drifts = world.drifts
    assert _choose(drifts, band_bps, 5_000) == _choose(drifts[::-1], band_bps, 5_000)


def test_a_gap_beyond_the_band_in_its_thirtieth_digit_is_traded() -> None:
    gap, whole = Decimal("100000000000000000.000000000000000000000001"), Decimal(10**19)
    zero = Decimal(0)
    drifts = (
        Drift(Asset("BTC"), whole, whole, gap, zero, 0, zero, zero),
        Drift(CASH, zero, zero, gap.copy_negate(), zero, 0, zero, zero),
    )
    assert _choose(drifts, 100, 0) == {Asset("BTC"): gap}
