"""A lost peg stops trading, however the market shows it; a kept one never does."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.errors import OffPeg, UnpricedAsset
from rebalancer.money import Asset, Symbol, to_decimal
from rebalancer.peg import PegPolicy, require_peg
from rebalancer.quotes import Quote
from tests.factories import NOW_MS

REFERENCE = Symbol(Asset("USDC"), Asset("USDT"))
RECORDED = Path(__file__).resolve().parents[3] / "shared" / "data" / "depeg"
tolerances = st.integers(1, 2_000)


def _policy(tolerance_bps: int) -> PegPolicy:
    return PegPolicy(REFERENCE, tolerance_bps)


def _at(mid: Decimal) -> dict[Symbol, Quote]:
    return {REFERENCE: Quote(REFERENCE, mid, mid, mid, NOW_MS)}


@given(tolerances, st.decimals(-1, 1, places=12))
def test_inside_its_tolerance_a_peg_holds(tolerance_bps: int, share: Decimal) -> None:
    mid = 1 + share * tolerance_bps / 10_000
    require_peg(_at(mid), _policy(tolerance_bps))


@given(tolerances, st.decimals("0.000000000001", 100, places=12), st.sampled_from([-1, 1]))
def test_beyond_its_tolerance_it_is_off_in_both_directions(
    tolerance_bps: int, beyond_bps: Decimal, sign: int
) -> None:
    mid = 1 + sign * (tolerance_bps + beyond_bps) / 10_000
    with pytest.raises(OffPeg, match="USDC/USDT trades at"):
        require_peg(_at(mid), _policy(tolerance_bps))


def test_a_peg_that_cannot_be_seen_is_not_taken_for_granted() -> None:
    with pytest.raises(UnpricedAsset, match="USDC/USDT"):
        require_peg({}, _policy(100))


def test_without_a_peg_to_watch_nothing_is_asked_for() -> None:
    require_peg({}, None)


def test_the_depeg_of_march_2023_stops_trading_and_its_calm_days_do_not() -> None:
    recorded = sorted(RECORDED.glob("*.parquet"))
    if not recorded:
        pytest.skip(f"no recorded depeg in {RECORDED}")
    rows = pytest.importorskip("pyarrow.parquet").read_table(recorded[0]).to_pylist()
    off_days = {row["open_time"].date() for row in rows if _is_off(to_decimal(str(row["close"])))}
    assert datetime(2023, 3, 11, tzinfo=UTC).date() in off_days
    assert datetime(2023, 3, 2, tzinfo=UTC).date() not in off_days
    assert datetime(2023, 3, 20, tzinfo=UTC).date() not in off_days


def _is_off(close: Decimal) -> bool:
    try:
        require_peg(_at(close), _policy(100))
    except OffPeg:
        return True
    return False
