"""From the client's dictionaries to open orders, account trades, books and the venue's own word.

Pure. As in `ccxt_reading`, a number of an order or a trade is the venue's own text or is refused.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from rebalancer.account import AccountTrade, OpenOrder, VenueStatus
from rebalancer.depth import RawBook, RawLevel
from rebalancer.errors import BadData
from rebalancer.money import Symbol, parse_symbol, to_decimal
from rebalancer.precision import Side
from resources.ccxt_dialects import Dialect
from resources.ccxt_reading import read_number, read_text, read_trade_terms

_STATUSES = {
    "ok": VenueStatus.OPERATIONAL,
    "maintenance": VenueStatus.MAINTENANCE,
    "shutdown": VenueStatus.MAINTENANCE,
}
_SECOND_MS = 1_000


def read_open_order(symbol: Symbol, row: Mapping[str, Any], dialect: Dialect) -> OpenOrder:
    """One order of a list of open ones, exactly. Raises BadData."""
    what = f"open order {row.get('id')} of {symbol}"
    order_id, at_ms, named = row.get("id"), row.get("timestamp"), row.get("clientOrderId")
    if not order_id or not isinstance(at_ms, int):
        raise BadData(f"{what}: expected an id and a time, was {order_id!r} and {at_ms!r}")
    amount = read_number(row.get("amount"), f"{what}, amount")
    filled = read_number(row.get("filled"), f"{what}, filled")
    if amount <= 0 or filled < 0:
        raise BadData(f"{what}: expected an amount above 0, was {filled} filled of {amount}")
    return OpenOrder(
        venue_order_id=str(order_id),
        client_order_id=dialect.unspell(str(named)) if named else None,
        symbol=_read_symbol(symbol, row, what),
        side=_read_side(row, what),
        amount_base=amount,
        filled_base=filled,
        limit_price_quote=_read_limit(row, what),
        placed_at_ms=at_ms,
    )


def read_account_trade(trade: Mapping[str, Any]) -> AccountTrade:
    """One trade of the account, whoever placed its order, exactly. Raises BadData."""
    what = f"trade {trade.get('id')} of {trade.get('symbol')}"
    terms = read_trade_terms(trade, what)
    if not trade.get("order"):
        raise BadData(f"{what}: expected the id of its order, was {trade.get('order')!r}")
    return AccountTrade(
        trade_id=terms.trade_id,
        venue_order_id=str(trade["order"]),
        symbol=_read_symbol(None, trade, what),
        side=_read_side(trade, what),
        amount_base=terms.amount_base,
        price_quote=terms.price_quote,
        fee_asset=terms.fee_asset,
        fee_amount=terms.fee_amount,
        is_maker=terms.is_maker,
        filled_at_ms=terms.filled_at_ms,
    )


def raw_book(
    symbol: Symbol, book: Mapping[str, Any], *, levels: int, observed_at_ms: int
) -> RawBook:
    """The best levels of each side as sent."""
    bids, asks = (
        tuple(_raw_level(symbol, level) for level in _best_first(book.get(name) or (), sign))
        for name, sign in (("bids", 1), ("asks", -1))
    )
    return RawBook(symbol, bids[:levels], asks[:levels], observed_at_ms)


def read_status(answer: object) -> VenueStatus:
    """What the client makes of the venue's announcement; any work under way is maintenance."""
    if not isinstance(answer, Mapping):
        return VenueStatus.UNKNOWN
    info = answer.get("info")
    # Of several announcements ccxt keeps the last: one planned hides one that has begun.
    rows = info.get("data") if isinstance(info, Mapping) else None
    events = rows if isinstance(rows, list) else []
    if any(isinstance(row, Mapping) and row.get("state") == "ongoing" for row in events):
        return VenueStatus.MAINTENANCE
    return _STATUSES.get(str(answer.get("status")), VenueStatus.UNKNOWN)


def skew_ms(venue_at_ms: int, our_at_ms: int) -> int:
    """Venue time minus ours. A venue that tells whole seconds may mean any time within one."""
    if venue_at_ms % _SECOND_MS:
        return venue_at_ms - our_at_ms
    latest_ms = venue_at_ms + _SECOND_MS - 1
    return min(max(our_at_ms, venue_at_ms), latest_ms) - our_at_ms


def _read_symbol(asked: Symbol | None, row: Mapping[str, Any], what: str) -> Symbol:
    try:
        told = parse_symbol(str(row.get("symbol")))
    except ValueError as error:
        raise BadData(f"{what}: {error}") from None
    if asked is not None and told != asked:
        raise BadData(f"{what}: asked about {asked}, was told of {told}")
    return told


def _read_side(row: Mapping[str, Any], what: str) -> Side:
    side = row.get("side")
    if side not in ("buy", "sell"):
        raise BadData(f"{what}: expected buy or sell, was {side!r}")
    return cast("Side", side)


def _read_limit(row: Mapping[str, Any], what: str) -> Decimal | None:
    """The limit price. Venues write none, or zero, for an order without one."""
    if row.get("price") is None:
        return None
    price = read_number(row["price"], f"{what}, price")
    if price < 0:
        raise BadData(f"{what}: expected a price above 0, was {price}")
    return price or None


def _raw_level(symbol: Symbol, level: Sequence[Any]) -> RawLevel:
    price, amount = level
    return _as_text(price, f"{symbol} book price"), _as_text(amount, f"{symbol} book amount")


def _as_text(value: object, what: str) -> str | None:
    # A client of a rare venue builds its book from floats. Its shortest text is near enough:
    # a book decides whether to send, and never what was traded.
    return repr(value) if isinstance(value, float) else read_text(value, what)


def _best_first(side: Sequence[Any], sign: int) -> Sequence[Any]:
    """A side the venue lists from its far end is turned round; any other order is left to judge."""
    try:
        first, last = (to_decimal(str(side[place][0])) * sign for place in (0, -1))
    except (IndexError, ValueError):
        return side
    return side[::-1] if first < last else side
