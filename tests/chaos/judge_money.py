"""Is every digit where it belongs? Fills, balances, and the way back into the band. Pure."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from rebalancer.money import ZERO, exact
from tests.chaos.facts import Evidence, Trade, Verdict, Violation

Key = tuple[str, str]


def judge_fills(evidence: Evidence) -> Verdict:
    """The fills on the books are the venue's trades of our orders, to the last digit."""
    foreign = {send.client_order_id for send in evidence.sent if send.is_foreign}
    at_venue = {
        _key(trade): trade for trade in evidence.trades if trade.client_order_id not in foreign
    }
    on_books = {_key(fill): fill for fill in evidence.fills}
    wrong = [
        Violation(at_venue[key].client_order_id, f"trade {key} of the venue is not on the books")
        for key in sorted(at_venue.keys() - on_books.keys())
    ]
    wrong += [
        Violation(on_books[key].client_order_id, f"fill {key} on the books was never traded")
        for key in sorted(on_books.keys() - at_venue.keys())
    ]
    for key in sorted(at_venue.keys() & on_books.keys()):
        if _told(at_venue[key]) != _told(on_books[key]):
            what = f"fill {key}: books {_told(on_books[key])}, venue {_told(at_venue[key])}"
            wrong.append(Violation(at_venue[key].client_order_id, what))
    return Verdict("fills equal trades to the last digit", len(at_venue), tuple(wrong))


def judge_balances(evidence: Evidence) -> Verdict:
    """initial + deposits + trades − fees = final, of every asset, by the venue and by our books."""
    foreign = {send.client_order_id for send in evidence.sent if send.is_foreign}
    outside = [trade for trade in evidence.trades if trade.client_order_id in foreign]
    is_buy = {_key(trade): trade.is_buy for trade in evidence.trades}
    booked = [(fill, is_buy.get(_key(fill), fill.is_buy)) for fill in evidence.fills]
    ways = {
        "the venue's trades": [(trade, trade.is_buy) for trade in evidence.trades],
        "the books' fills": booked + [(trade, trade.is_buy) for trade in outside],
    }
    wrong = []
    for way, trades in ways.items():
        reckoned = _reckon(evidence, trades)
        for asset in sorted({*reckoned, *evidence.final}):
            found, wanted = evidence.final.get(asset, ZERO), reckoned.get(asset, ZERO)
            if found != wanted:
                wrong.append(Violation(asset, f"holds {found}; by {way} it must be {wanted}"))
    return Verdict("balances reconcile exactly", 2 * len(evidence.final), tuple(wrong))


def judge_convergence(
    drift_bps: Mapping[str, Decimal], *, band_bps: int, cycles: int, cycles_max: int
) -> Verdict:
    """With the faults over, a bounded number of cycles brings every weight into its band."""
    wrong = [
        Violation(asset, f"is {drift} bps off after {cycles} cycles, the band is ±{band_bps} bps")
        for asset, drift in sorted(drift_bps.items())
        if abs(drift) > band_bps
    ]
    if cycles > cycles_max:
        wrong.append(Violation("portfolio", f"took {cycles} cycles, at most {cycles_max} allowed"))
    if not drift_bps:
        wrong.append(Violation("portfolio", "was never measured after the faults"))
    return Verdict("it converges once the faults stop", len(drift_bps), tuple(wrong))


def _reckon(evidence: Evidence, trades: Iterable[tuple[Trade, bool]]) -> dict[str, Decimal]:
    holds = dict(evidence.initial)
    with exact():
        for asset, amount in evidence.deposits.items():
            holds[asset] = holds.get(asset, ZERO) + amount
        for trade, is_buy in trades:
            base, _, quote = trade.symbol.partition("/")
            sign = 1 if is_buy else -1
            holds[base] = holds.get(base, ZERO) + sign * trade.amount_base
            paid = trade.amount_base * trade.price_quote
            holds[quote] = holds.get(quote, ZERO) - sign * paid
            if trade.fee_asset is not None:
                holds[trade.fee_asset] = holds.get(trade.fee_asset, ZERO) - trade.fee_amount
    return holds


def _key(trade: Trade) -> Key:
    return trade.symbol, trade.trade_id


def _told(trade: Trade) -> tuple[str, Decimal, Decimal, Decimal, str | None]:
    return (
        trade.client_order_id,
        trade.amount_base,
        trade.price_quote,
        trade.fee_amount,
        trade.fee_asset,
    )
