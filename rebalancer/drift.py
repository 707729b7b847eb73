"""How far each holding sits from its target, and how much that matters."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from rebalancer.errors import BadConfig, EmptyPortfolio, UnpricedAsset
from rebalancer.money import BPS_WHOLE, ONE, ZERO, Asset, Symbol, bps_of, exact, share_bps
from rebalancer.snapshot import Snapshot

DRIFT_BPS_URGENT = 1_500
"""Drift at which urgency reaches 1: 15 percentage points."""

_URGENCY_STEP = Decimal("0.000001")


@dataclass(frozen=True, slots=True)
class TargetWeights:
    """Wanted share of total value by asset, in whole basis points summing to exactly 10_000."""

    weight_bps: Mapping[Asset, int]

    def __post_init__(self) -> None:
        for asset, weight in self.weight_bps.items():
            if weight < 0:
                raise BadConfig(f"target of {asset} is {weight} bps; expected 0 or more")
        total = sum(self.weight_bps.values())
        if total != BPS_WHOLE:
            raise BadConfig(f"targets sum to {total} bps; expected exactly {BPS_WHOLE}")


@dataclass(frozen=True, slots=True)
class Drift:
    """One asset's distance from target.

    `gap_quote` > 0 means too little is held: buy. `drift_bps` is weight minus target: its sign is
    the opposite of the gap's. `urgency` runs from 0 to 1.
    """

    asset: Asset
    value_quote: Decimal
    target_quote: Decimal
    gap_quote: Decimal
    weight_bps: Decimal
    target_bps: int
    drift_bps: Decimal
    urgency: Decimal


def measure_drift(snapshot: Snapshot, targets: TargetWeights) -> tuple[Drift, ...]:
    """Measure how far each holding sits from its target weight.

    gap_quote = total × weight − value, and drift_bps = −10_000 × gap_quote / total. The gaps sum to
    exactly zero: rebalancing moves value, it does not create any.

    Args:
        snapshot: Fresh, whole holdings. Values are taken at mid, in `snapshot.cash`.
        targets: Wanted weights in whole bps, summing to 10_000.

    Returns:
        One Drift per targeted asset and one for cash; largest |gap_quote| first, then by asset.

    Raises:
        UnpricedAsset: a targeted asset has no quote. Skip the cycle.
        EmptyPortfolio: the targeted holdings are worth nothing. Fund the account.
    """
    assets = sorted({snapshot.cash, *targets.weight_bps})
    for asset in assets:
        if asset != snapshot.cash and Symbol(asset, snapshot.cash) not in snapshot.quotes:
            raise UnpricedAsset(f"{asset} is targeted but has no {asset}/{snapshot.cash} quote")
    value = {asset: snapshot.value_quote(asset) for asset in assets}
    with exact():
        total = sum(value.values(), ZERO)
    if total == 0:
        names = ", ".join(assets)
        raise EmptyPortfolio(f"the account holds none of {names}; fund it or change the targets")
    drifts = [
        _drift_of(asset, value[asset], targets.weight_bps.get(asset, 0), total) for asset in assets
    ]
    with exact():
        assert sum((drift.gap_quote for drift in drifts), ZERO) == 0, drifts
        # abs() and minus round to the context's digits like any arithmetic does.
        return tuple(sorted(drifts, key=lambda drift: (-abs(drift.gap_quote), drift.asset)))


def urgency(drift_bps: Decimal) -> Decimal:
    """min(|drift| / 0.15, 1): how much a drift matters, from 0 to 1, to six decimals."""
    with exact():
        share = min(abs(drift_bps), Decimal(DRIFT_BPS_URGENT))
    if share == DRIFT_BPS_URGENT:
        return ONE
    return (share / DRIFT_BPS_URGENT).quantize(_URGENCY_STEP, rounding=ROUND_HALF_EVEN)


def total_value(drifts: tuple[Drift, ...]) -> Decimal:
    """What the portfolio is worth, in cash."""
    with exact():
        return sum((drift.value_quote for drift in drifts), ZERO)


def is_within_band(drifts: tuple[Drift, ...], *, drift_bps_min: int) -> bool:
    """Say whether every holding, cash included, is at most `drift_bps_min` from its target."""
    band_quote = bps_of(total_value(drifts), drift_bps_min)
    return all(drift.gap_quote.copy_abs() <= band_quote for drift in drifts)


def _drift_of(asset: Asset, value: Decimal, target_bps: int, total: Decimal) -> Drift:
    target = bps_of(total, target_bps)
    with exact():
        gap = target - value
        drift_bps = share_bps(-gap, total)
    return Drift(
        asset=asset,
        value_quote=value,
        target_quote=target,
        gap_quote=gap,
        weight_bps=share_bps(value, total),
        target_bps=target_bps,
        drift_bps=drift_bps,
        urgency=urgency(drift_bps),
    )
