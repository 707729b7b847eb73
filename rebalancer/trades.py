"""How much of each gap to close: the band says when to trade, the destination where to stop."""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.drift import Drift, is_within_band, total_value
from rebalancer.money import ZERO, Asset, bps_of, exact


def choose_trades(
    drifts: Sequence[Drift],
    *,
    cash: Asset,
    drift_bps_min: int,
    destination_bps: int,
    cost_bps_max: int,
) -> dict[Asset, Decimal]:
    """Choose what to buy (> 0) or sell (< 0) of each asset, valued in cash at mid.

    An asset outside its band is traded until `destination_bps` of the band is left between it and
    its target (0: to the target, 5_000: to half the band). Cash is nobody's order, so when it would
    end beyond the destination, the assets that lie the other way carry it there.

    Trading costs money, and the band is a share of what is left. So once anything is traded, an
    asset that those costs alone could push out of its band counts as outside: otherwise it would
    be the next cycle's trade.

    Laws: no trade overshoots its gap; after the trades, at mid and free of fees, every asset and
    cash are inside the band and cash is not below zero; no drift outside the band means no trade;
    an asset that is not traded stays inside its band whatever the trades cost, up to the most,
    unless it is at the destination already.

    Args:
        drifts: One per asset and cash, as `measure_drift` gives them.
        cash: The quote currency.
        drift_bps_min: Half-width of the band, in bps of the portfolio's value.
        destination_bps: Share of the band to leave, 0 to 10_000.
        cost_bps_max: What trading may cost at most, in bps of what is traded.

    Returns:
        Signed cash value by asset; assets with nothing to trade are absent.
    """
    if is_within_band(tuple(drifts), drift_bps_min=drift_bps_min):
        return {}
    total = total_value(tuple(drifts))
    band = bps_of(total, drift_bps_min)
    rest = bps_of(band, destination_bps)
    with exact():
        total_min = total - _costs_max(drifts, cash=cash, cost_bps_max=cost_bps_max)
    trades: dict[Asset, Decimal] = {}
    for drift in drifts:
        # Only a holding over its target can be pushed out: the band's upper edge sinks with costs.
        highest = bps_of(total_min, drift.target_bps + drift_bps_min)
        is_pushed_out = drift.gap_quote < rest.copy_negate() and drift.value_quote > highest
        is_outside = drift.gap_quote.copy_abs() > band
        if drift.asset != cash and (is_outside or is_pushed_out):
            trades[drift.asset] = _toward_zero(drift.gap_quote, rest)
    held = next((drift for drift in drifts if drift.asset == cash), None)
    with exact():
        cash_gap = sum(trades.values(), held.gap_quote if held else ZERO)
    if cash_gap > 0:
        # Cash ends at nothing at the least: a gap beyond its target would buy with money not held.
        rest = min(rest, held.target_quote if held else ZERO)
    if cash_gap.copy_abs() > (rest if trades else band):
        _carry_cash(drifts, trades, cash=cash, cash_gap=cash_gap, rest=rest)
    return {asset: trade for asset, trade in trades.items() if trade != 0}


def _costs_max(drifts: Sequence[Drift], *, cash: Asset, cost_bps_max: int) -> Decimal:
    """What all trades can cost together: none is larger than its gap."""
    with exact():
        gaps = sum((abs(drift.gap_quote) for drift in drifts if drift.asset != cash), ZERO)
    return bps_of(gaps, cost_bps_max)


def _carry_cash(
    drifts: Sequence[Drift],
    trades: dict[Asset, Decimal],
    *,
    cash: Asset,
    cash_gap: Decimal,
    rest: Decimal,
) -> None:
    """Extend `trades`, the largest remaining gap first, until cash is `rest` from its target."""
    sign = -1 if cash_gap > 0 else 1  # Too little cash: sell. Too much: buy.
    with exact():
        need = abs(cash_gap) - rest
        remaining = {
            drift.asset: sign * (drift.gap_quote - trades.get(drift.asset, ZERO))
            for drift in drifts
            if drift.asset != cash
        }
        for asset in sorted(remaining, key=lambda name: (-remaining[name], name)):
            if need <= 0 or remaining[asset] <= 0:
                break
            step = min(remaining[asset], need)
            trades[asset] = trades.get(asset, ZERO) + sign * step
            need -= step


def _toward_zero(gap: Decimal, rest: Decimal) -> Decimal:
    with exact():
        return gap - rest if gap > 0 else gap + rest
