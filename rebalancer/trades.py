"""How much of each gap to close: the band says when to trade, the destination where to stop."""

from collections.abc import Sequence
from decimal import Decimal

from rebalancer.drift import Drift, total_value
from rebalancer.money import ZERO, Asset, bps_of, exact


def choose_trades(
    drifts: Sequence[Drift], *, cash: Asset, drift_bps_min: int, destination_bps: int
) -> dict[Asset, Decimal]:
    """Choose what to buy (> 0) or sell (< 0) of each asset, valued in cash at mid.

    An asset outside its band is traded until `destination_bps` of the band is left between it and
    its target (0: to the target, 5_000: to half the band). Cash is nobody's order, so when it would
    end beyond the destination, the assets that lie the other way carry it there.

    Laws: no trade overshoots its gap; after the trades, at mid and free of fees, every asset and
    cash are inside the band and cash is not below zero; no drift outside the band means no trade.

    Args:
        drifts: One per asset and cash, as `measure_drift` gives them.
        cash: The quote currency.
        drift_bps_min: Half-width of the band, in bps of the portfolio's value.
        destination_bps: Share of the band to leave, 0 to 10_000.

    Returns:
        Signed cash value by asset; assets with nothing to trade are absent.
    """
    band = bps_of(total_value(tuple(drifts)), drift_bps_min)
    rest = bps_of(band, destination_bps)
    trades: dict[Asset, Decimal] = {}
    for drift in drifts:
        if drift.asset != cash and drift.gap_quote.copy_abs() > band:
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
