"""From the client's dictionaries to the domain's raw rows, fills and answers.

Pure. A number is the venue's own text or it is refused: nothing here has ever been a float.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rebalancer.balances import RawBalance
from rebalancer.errors import BadData
from rebalancer.money import ZERO, Asset, Symbol, exact, plain, to_decimal
from rebalancer.orders import Order
from rebalancer.precision import RawRule
from rebalancer.quotes import RawTicker
from rebalancer.settlement import Accepted, Fill

CLOSED = frozenset({"closed", "canceled", "expired", "rejected"})
_NOT_ASSETS = frozenset({"info", "free", "used", "total", "debt", "timestamp", "datetime"})
_NOTIONAL_FILTERS = ("NOTIONAL", "MIN_NOTIONAL")


def read_text(value: object, what: str) -> str | None:
    """A value as the venue wrote it, None where it wrote nothing.

    Raises:
        BadData: it has been a float on its way here, so its digits are no longer the venue's.
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise BadData(f"{what}: expected text, was {type(value).__name__} {value!r}")


def read_number(value: object, what: str) -> Decimal:
    """A number that must be there. Raises BadData."""
    try:
        return to_decimal(read_text(value, what) or "")
    except ValueError as error:
        raise BadData(f"{what}: {error}") from None


def is_tradable(market: Mapping[str, Any] | None) -> bool:
    """Say whether a market is a spot market that the venue does not call inactive."""
    return market is not None and market.get("spot") is True and market.get("active") is not False


def raw_rule(symbol: Symbol, market: Mapping[str, Any], observed_at_ms: int) -> RawRule:
    """One market's rules as sent. A minimum the venue does not have is "0"."""
    precision, limits = market["precision"], market["limits"]
    filters = _filters_of(market)
    has_lot = any(row.get("filterType") == "LOT_SIZE" for row in filters)
    amount_min = read_text(limits["amount"].get("min"), f"{symbol} amount min")
    return RawRule(
        symbol=symbol,
        amount_step=read_text(precision.get("amount"), f"{symbol} amount step"),
        # A lot filter without a readable minimum is a fault; no lot filter is no minimum.
        amount_min="0" if amount_min is None and not has_lot else amount_min,
        amount_max=_amount_max(symbol, limits),
        price_step=read_text(precision.get("price"), f"{symbol} price step"),
        notional_min=_notional_min(symbol, filters, limits),
        payload=json.dumps(market["info"], sort_keys=True),
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


def raw_balances(account: Mapping[str, Any], observed_at_ms: int) -> tuple[RawBalance, ...]:
    """Every asset with anything free or locked, and every asset that cannot be read."""
    rows = [
        _raw_balance(asset, parts, observed_at_ms)
        for asset, parts in account.items()
        if asset not in _NOT_ASSETS and isinstance(parts, Mapping)
    ]
    return tuple(row for row in rows if not (_is_zero(row.free) and _is_zero(row.locked)))


def listed_balances(
    rows: object, code_of: Callable[[str], str], observed_at_ms: int
) -> tuple[RawBalance, ...]:
    """The same from a venue's own list of asset, free and locked: a row sent twice stays twice.

    Args:
        rows: The list as the venue sent it.
        code_of: The client's name of an asset the venue names.
        observed_at_ms: Our clock, before the question was asked.

    Raises:
        BadData: it is not such a list. An account nobody could read is not an empty account.
    """
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadData(f"balances: expected a list of assets, was {type(rows).__name__}")
    if not all(isinstance(row.get("asset"), str) and row["asset"] for row in rows):
        raise BadData("balances: expected every row to name its asset")
    balances = [
        _raw_balance(
            code_of(row["asset"]),
            {"free": row.get("free"), "used": row.get("locked")},
            observed_at_ms,
        )
        for row in rows
    ]
    return tuple(row for row in balances if not (_is_zero(row.free) and _is_zero(row.locked)))


def read_accepted(order: Order, answer: object, spelled_id: str) -> Accepted | str:
    """The venue's word that it has the order, or why this is not one."""
    if not isinstance(answer, Mapping):
        return f"expected an order, was {type(answer).__name__}"
    venue_order_id, status = answer.get("id"), answer.get("status")
    if not venue_order_id:
        return "the answer has no order id"
    if answer.get("clientOrderId") not in (None, spelled_id):
        return f"asked about {spelled_id}, was told of {answer.get('clientOrderId')}"
    if status not in CLOSED and status != "open":
        return f"order {venue_order_id} has the unknown status {status!r}"
    try:
        filled = read_number(answer.get("filled"), f"order {venue_order_id} filled")
    except BadData as error:
        return str(error)
    if filled < 0:
        return f"order {venue_order_id} is filled by {filled}"
    return Accepted(order, str(venue_order_id), status in CLOSED, filled)


def read_fill(order: Order, trade: Mapping[str, Any]) -> Fill:
    """One trade, exactly. Raises BadData."""
    what = f"trade {trade.get('id')} of {order.client_order_id}"
    trade_id, at_ms = trade.get("id"), trade.get("timestamp")
    if not trade_id or not isinstance(at_ms, int):
        raise BadData(f"{what}: expected an id and a time, was {trade_id!r} and {at_ms!r}")
    amount = read_number(trade.get("amount"), f"{what}, amount")
    price = read_number(trade.get("price"), f"{what}, price")
    if amount <= 0 or price <= 0:
        raise BadData(f"{what}: expected amount and price above 0, was {amount} at {price}")
    fee_asset, fee_amount = _read_fee(trade, what)
    return Fill(
        trade_id=str(trade_id),
        client_order_id=order.client_order_id,
        amount_base=amount,
        price_quote=price,
        fee_asset=fee_asset,
        fee_amount=fee_amount,
        is_maker=trade.get("takerOrMaker") == "maker",
        filled_at_ms=at_ms,
    )


def find_order(rows: Iterable[object], spelled_id: str) -> Mapping[str, Any] | None:
    """The order with our id in a list of orders."""
    orders = (row for row in rows if isinstance(row, Mapping))
    return next((row for row in orders if row.get("clientOrderId") == spelled_id), None)


def find_trade(rows: Iterable[object], spelled_id: str) -> Mapping[str, Any] | None:
    """A trade whose own text carries our id: the venue's word for it differs."""
    trades = (row for row in rows if isinstance(row, Mapping))
    return next((row for row in trades if spelled_id in (row.get("info") or {}).values()), None)


def _raw_balance(asset: str, parts: Mapping[str, Any], observed_at_ms: int) -> RawBalance:
    free, used, total = (
        read_text(parts.get(name), f"{asset} {name}") for name in ("free", "used", "total")
    )
    # Some venues state two of the three; the third is their difference, exactly.
    if free is None and used is not None:
        free = _difference(total, used)
    elif used is None and free is not None:
        used = _difference(total, free)
    return RawBalance(Asset(asset), free, used, observed_at_ms)


def _difference(total: str | None, part: str) -> str | None:
    if total is None:
        return None
    try:
        with exact():
            return plain(to_decimal(total) - to_decimal(part))
    except ValueError:
        return None


def _is_zero(text: str | None) -> bool:
    try:
        return text is not None and to_decimal(text) == 0
    except ValueError:
        return False


def _filters_of(market: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The venue's own filters where it has them (Binance and its relatives)."""
    info = market["info"]
    rows = info.get("filters") if isinstance(info, Mapping) else None
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
        stated = [read_text((limits.get("cost") or {}).get("min"), f"{symbol} minimum cost")]
        return "0" if stated == [None] else stated[0]
    return _extreme(stated, highest=True)


def _amount_max(symbol: Symbol, limits: Mapping[str, Any]) -> str | None:
    """The lower of the two lot limits. A market lot of zero is switched off."""
    lot = read_text(limits["amount"].get("max"), f"{symbol} amount max")
    market_lot = read_text((limits.get("market") or {}).get("max"), f"{symbol} market lot")
    stated = [lot] if market_lot is None or _is_zero(market_lot) else [lot, market_lot]
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


def _read_fee(trade: Mapping[str, Any], what: str) -> tuple[Asset | None, Decimal]:
    fees = [fee for fee in (trade.get("fees") or [trade.get("fee")]) if fee and fee.get("cost")]
    assets = {fee.get("currency") for fee in fees}
    if not fees:
        return None, ZERO
    if len(assets) != 1 or None in assets:
        raise BadData(f"{what}: expected a fee in one asset, was {fees!r}")
    with exact():
        cost = sum((read_number(fee["cost"], f"{what}, fee") for fee in fees), ZERO)
    return Asset(str(assets.pop())), cost
