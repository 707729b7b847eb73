"""What a ccxt exchange does otherwise with what it was told: hand it over, instead of reckoning on.

Belongs here: the methods that `ccxt_client.exact_class` puts in the place of ccxt's own. They keep
what the venue wrote, and leave out what nobody here reads.
"""

import re
from typing import Any

_NEEDS_NO_QUOTES = re.compile(r"[\w.~-]*", re.ASCII).fullmatch
_WHOLE_ORDER = ("id", "status", "amount", "filled")


def pick(row: Any, place: int | str) -> Any:
    """What stands in one place of a row, a list or a table; None where nothing does."""
    try:
        return row[place]
    except (LookupError, TypeError):
        return None


def book_as_sent(
    _self: Any, answer: Any, symbol: Any, timestamp: Any = None, bids: Any = "bids",
    asks: Any = "asks", price: Any = 0, amount: Any = 1, _count_or_id: Any = 2,
) -> Any:  # fmt: skip
    """An order book with its levels as the venue wrote them, in the order it wrote them."""
    sides = {"bids": (answer or {}).get(bids), "asks": (answer or {}).get(asks)}
    levels = {
        name: [(pick(row, price), pick(row, amount)) for row in rows or ()]
        for name, rows in sides.items()
    }
    return {"symbol": symbol, "timestamp": timestamp, **levels}


def tickers_as_told(self: Any, tickers: Any, symbols: Any = None, params: Any = None) -> Any:
    """The rows of a list of tickers, each by itself: a symbol told twice stays twice."""
    if not isinstance(tickers, list):
        return self.parse_table_of_tickers(tickers, symbols, params or {})
    return [self.parse_ticker(row) for row in tickers]


def order_as_told(self: Any, order: Any, market: Any = None) -> Any:
    """An order as told, its trades parsed; ccxt finishes one of which the venue left something out.

    What it reckons beyond that, as the average price, is read by nobody here, and takes as long as
    all that is.
    """
    if not all(isinstance(pick(order, name), str) for name in _WHOLE_ORDER):
        return self.finish_order(order, market)
    return order | {"trades": self.parse_trades(order.get("trades") or [], market)}


def trade_as_told(_self: Any, trade: Any, _market: Any = None) -> Any:
    """A trade as told: what ccxt reckons beyond that, as its cost, is read by nobody here."""
    return trade


def encode_query(self: Any, params: Any = None, doseq: bool = False, sort: bool = False) -> Any:
    """The words of a request as ccxt writes them, who quotes each of them though most need none."""
    words = [word for pair in (params or {}).items() for word in pair]
    if all(type(word) in (str, int) for word in words):
        texts = [str(word) for word in words]
        if _NEEDS_NO_QUOTES("".join(texts)):
            return "&".join(f"{texts[at]}={texts[at + 1]}" for at in range(0, len(texts), 2))
    return self.encode_any_query(params or {}, doseq, sort)


AS_TOLD = {
    "parse_tickers": tickers_as_told,
    "parse_order_book": book_as_sent,
    "safe_order": order_as_told,
    "safe_trade": trade_as_told,
    "safe_ticker": lambda _self, ticker, _market=None: ticker,
    "safe_balance": lambda _self, balance: balance,
    "urlencode": encode_query,
}
"""Method of an exchange → what stands in its place. What three of them fall back to, ccxt's own,
they find as `parse_table_of_tickers`, `finish_order` and `encode_any_query`."""
