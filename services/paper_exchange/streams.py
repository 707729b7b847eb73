"""What the public streams say: bookTicker, ticker, miniTicker, depth, trade.

Belongs here: the market streams' messages and when they are told.
Does not belong here: who listens (`hub`), a user's own events (`user_stream`).
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from services.paper_exchange import wire
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.hub import Listener

BEST_FIELDS = {"bidPrice": "b", "bidQty": "B", "askPrice": "a", "askQty": "A"}
MINI_FIELDS = {
    "lastPrice": "c",
    "openPrice": "o",
    "highPrice": "h",
    "lowPrice": "l",
    "volume": "v",
    "quoteVolume": "q",
}
DAY_FIELDS = {
    **BEST_FIELDS,
    **MINI_FIELDS,
    "priceChange": "p",
    "priceChangePercent": "P",
    "weightedAvgPrice": "w",
    "prevClosePrice": "x",
    "lastQty": "Q",
    "openTime": "O",
    "closeTime": "C",
    "firstId": "F",
    "lastId": "L",
    "count": "n",
}


def tell_books(exchange: Exchange) -> None:
    """Tell what changed in every book since the last call: best prices and levels."""
    for name, book in exchange.engine.books.items():
        changes = book.take_changes()
        if changes is not None:
            tell_best(exchange, name)
            _tell_depth(exchange, name, *changes)


def tell_best(exchange: Exchange, name: str) -> None:
    stream = f"{name.lower()}@bookTicker"
    if exchange.hub.wants(stream):
        exchange.hub.publish(stream, _best_message(exchange, name))


def tell_days(exchange: Exchange) -> None:
    """Tell the tickers of every symbol somebody listens to."""
    for name in exchange.markets:
        for kind in ("ticker", "miniTicker"):
            stream = f"{name.lower()}@{kind}"
            if exchange.hub.wants(stream):
                exchange.hub.publish(stream, _day_message(exchange, name, kind))


def greet(exchange: Exchange, listener: Listener, streams: Iterable[str]) -> None:
    """Tell a new listener how its symbols stand now, so that a quiet market is not a silent one."""
    for stream in streams:
        low, _, kind = stream.partition("@")
        name = low.upper()
        if name not in exchange.markets:
            continue
        if kind == "bookTicker":
            listener.tell(stream, _best_message(exchange, name))
        elif kind in ("ticker", "miniTicker"):
            listener.tell(stream, _day_message(exchange, name, kind))


def _tell_depth(
    exchange: Exchange,
    name: str,
    first_id: int,
    last_id: int,
    changes: list[tuple[bool, Decimal]],
) -> None:
    low = name.lower()
    streams = [s for s in (f"{low}@depth", f"{low}@depth@100ms") if exchange.hub.wants(s)]
    if not streams:
        return
    book = exchange.engine.books[name]
    message = {
        "e": "depthUpdate",
        "E": exchange.clock(),
        "s": name,
        "U": first_id,
        "u": last_id,
        "b": wire.levels([(p, book.bids.amount(p)) for is_bid, p in changes if is_bid]),
        "a": wire.levels([(p, book.asks.amount(p)) for is_bid, p in changes if not is_bid]),
    }
    for stream in streams:
        exchange.hub.publish(stream, message)


def _best_message(exchange: Exchange, name: str) -> dict[str, Any]:
    book = exchange.engine.books[name]
    best = exchange.overlaid(name, {**wire.best(name, book)})
    return {"u": book.update_id, "s": name, **_shorten(best, BEST_FIELDS)}


def _day_message(exchange: Exchange, name: str, kind: str) -> dict[str, Any]:
    engine, now_ms = exchange.engine, exchange.clock()
    ticker = exchange.overlaid(name, wire.day(name, engine.books[name], engine.tapes[name], now_ms))
    if kind == "miniTicker":
        return {"e": "24hrMiniTicker", "E": now_ms, "s": name, **_shorten(ticker, MINI_FIELDS)}
    return {"e": "24hrTicker", "E": now_ms, "s": name, **_shorten(ticker, DAY_FIELDS)}


def _shorten(ticker: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {names[key]: value for key, value in ticker.items() if key in names}
