"""From the client's dictionaries to a market's rules and its ticker.

Pure. As in `ccxt_reading`, a number is the venue's own text or it is refused.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rebalancer.errors import BadData
from rebalancer.money import Symbol, to_decimal
from rebalancer.precision import RawRule
from rebalancer.quotes import RawTicker
from resources.ccxt_reading import info_of, is_zero, read_text

_NOTIONAL_FILTERS = ("NOTIONAL", "MIN_NOTIONAL")


def is_tradable(market: Mapping[str, Any] | None) -> bool:
    """Say whether a market is a spot market that the venue does not call inactive."""
    return market is not None and market.get("spot") is True and market.get("active") is not False


def raw_rule(symbol: Symbol, market: Mapping[str, Any], observed_at_ms: int) -> RawRule:
    """One market's rules as sent. A minimum the venue does not have is "0"."""
    precision = _table(market, "precision", symbol)
    limits = _table(market, "limits", symbol)
    lot_limits = _table(limits, "amount", symbol)
    filters = _filters_of(market)
    has_lot = any(row.get("filterType") == "LOT_SIZE" for row in filters)
    amount_min = read_text(lot_limits.get("min"), f"{symbol} amount min")
    return RawRule(
        symbol=symbol,
        amount_step=read_text(precision.get("amount"), f"{symbol} amount step"),
        # A lot filter without a readable minimum is a fault; no lot filter is no minimum.
        amount_min="0" if amount_min is None and not has_lot else amount_min,
        amount_max=_amount_max(symbol, limits),
        price_step=read_text(precision.get("price"), f"{symbol} price step"),
        notional_min=_notional_min(symbol, filters, limits),
        payload=json.dumps(market.get("info"), sort_keys=True),
        observed_at_ms=observed_at_ms,
    )


def raw_ticker(symbol: Symbol, ticker: Mapping[str, Any], observed_at_ms: int) -> RawTicker:
    """One ticker as sent; venues name the last trade `last` or `close`."""
    last = ticker.get("last")
    return RawTicker(
        symbol=symbol,
        bid=read_text(ticker.get("bid"), f"{symbol} bid"),
        ask=read_text(ticker.get("ask"), f"{symbol} ask"),
        last=read_text(ticker.get("close") if last is None else last, f"{symbol} last"),
        observed_at_ms=observed_at_ms,
    )


def _table(parent: Mapping[str, Any], name: str, symbol: Symbol) -> Mapping[str, Any]:
    """A part of a market's rules; what is not there is empty."""
    part = parent.get(name) or {}
    if not isinstance(part, Mapping):
        raise BadData(f"{symbol} {name}: expected a table, was {part!r:.80}")
    return part


def _filters_of(market: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The venue's own filters where it has them (Binance and its relatives)."""
    rows = info_of(market).get("filters")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else ()


def _notional_min(
    symbol: Symbol, filters: Sequence[Mapping[str, Any]], limits: Mapping[str, Any]
) -> str | None:
    """The highest of the minima that apply; ccxt takes the first it finds."""
    stated = [
        read_text(row.get("minNotional", row.get("notional")), f"{symbol} minimum notional")
        for row in filters
        if row.get("filterType") in _NOTIONAL_FILTERS
    ]
    if not stated:
        stated = [read_text(_table(limits, "cost", symbol).get("min"), f"{symbol} minimum cost")]
        return "0" if stated == [None] else stated[0]
    return _extreme(stated, highest=True)


def _amount_max(symbol: Symbol, limits: Mapping[str, Any]) -> str | None:
    """The lower of the two lot limits. A market lot of zero is switched off."""
    lot = read_text(_table(limits, "amount", symbol).get("max"), f"{symbol} amount max")
    market_lot = read_text(_table(limits, "market", symbol).get("max"), f"{symbol} market lot")
    stated = [lot] if market_lot is None or is_zero(market_lot) else [lot, market_lot]
    return _extreme([text for text in stated if text is not None], highest=False)


def _extreme(texts: Sequence[str | None], *, highest: bool) -> str | None:
    """The highest or lowest of written numbers; an unreadable one is handed on to be refused."""
    numbers = []
    for text in texts:
        try:
            numbers.append((to_decimal(text or ""), text))
        except ValueError:
            return text
    if not numbers:
        return None
    return (max if highest else min)(numbers, key=lambda pair: pair[0])[1]
