"""The endpoints anybody may ask: rules, prices, books.

Belongs here: one function per public endpoint; each answers at once and changes nothing.
Does not belong here: endpoints that need a signature (`signed`).
"""

from collections.abc import Callable
from typing import Any

from services.paper_exchange import wire
from services.paper_exchange.calls import Call, read_market
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.json_text import read_json
from services.paper_exchange.refusals import Refusal, bad_symbol

DEPTH_DEFAULT = 100
DEPTH_MAX = 5_000


def ping(_exchange: Exchange, _call: Call) -> Any:
    return {}


def server_time(_exchange: Exchange, call: Call) -> Any:
    return {"serverTime": call.shown_ms}


def system_status(exchange: Exchange, call: Call) -> Any:
    if exchange.faults.standing("maintenance", call.now_ms) is not None:
        return {"status": 1, "msg": "system_maintenance"}
    return {"status": 0, "msg": "normal"}


def exchange_info(exchange: Exchange, call: Call) -> Any:
    limits = exchange.limits
    return {
        "timezone": "UTC",
        "serverTime": call.shown_ms,
        "rateLimits": [
            _rate_limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight.limit),
            _rate_limit("ORDERS", "SECOND", 10, limits.orders.limit),
            _rate_limit("ORDERS", "DAY", 1, limits.orders_day.limit),
        ],
        "exchangeFilters": [],
        "symbols": [exchange.markets[name].raw for name in _names(exchange, call)],
    }


def ticker_day(exchange: Exchange, call: Call) -> Any:
    return _one_or_many(exchange, call, _day)


def ticker_book(exchange: Exchange, call: Call) -> Any:
    return _one_or_many(exchange, call, _best)


def ticker_price(exchange: Exchange, call: Call) -> Any:
    return _one_or_many(exchange, call, _price)


def depth(exchange: Exchange, call: Call) -> Any:
    book = exchange.engine.books[read_market(call, exchange.markets).name]
    limit = call.limit(DEPTH_DEFAULT, DEPTH_MAX)
    return {
        "lastUpdateId": book.update_id,
        "bids": wire.levels(book.bids.levels(limit)),
        "asks": wire.levels(book.asks.levels(limit)),
    }


def nothing(_exchange: Exchange, _call: Call) -> Any:
    """Margin pairs, currencies: this exchange is spot only and has no wallet."""
    return []


def weigh_tickers(call: Call, one: int, all_of_them: int) -> int:
    return one if "symbol" in call.params or "symbols" in call.params else all_of_them


def weigh_depth(call: Call) -> int:
    """5 to 250 by the number of levels asked for."""
    limit = call.limit(DEPTH_DEFAULT, DEPTH_MAX)
    return next(
        (weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250
    )


def _one_or_many(exchange: Exchange, call: Call, show: Any) -> Any:
    names = _names(exchange, call)
    if "symbol" in call.params:
        return show(exchange, names[0], call.now_ms)
    return [show(exchange, name, call.now_ms) for name in names]


def _names(exchange: Exchange, call: Call) -> list[str]:
    """The symbols a call asks for: one, several as a JSON list, or all."""
    if "symbol" in call.params:
        return [read_market(call, exchange.markets).name]
    text = call.params.get("symbols")
    if text is None:
        return list(exchange.markets)
    try:
        names = read_json(text)
    except ValueError:
        names = None
    if not isinstance(names, list) or not names:
        raise Refusal(
            -1100, "Illegal characters found in parameter 'symbols'; legal range is a JSON list."
        )
    if not all(isinstance(name, str) and name in exchange.markets for name in names):
        raise bad_symbol()
    return names


def _day(exchange: Exchange, name: str, now_ms: int) -> dict[str, Any]:
    engine = exchange.engine
    ticker = wire.day(name, engine.books[name], engine.tapes[name], now_ms)
    return exchange.overlaid(name, ticker)


def _best(exchange: Exchange, name: str, _now_ms: int) -> dict[str, Any]:
    return exchange.overlaid(name, {**wire.best(name, exchange.engine.books[name])})


def _price(exchange: Exchange, name: str, _now_ms: int) -> dict[str, Any]:
    over = exchange.overlays.get(name, {})
    price = over.get("lastPrice", wire.number(exchange.engine.tapes[name].last))
    return {"symbol": name, "price": price}


# What each ticker endpoint says of one symbol.
TICKERS: dict[str, Callable[[Exchange, str, int], dict[str, Any]]] = {
    "ticker/24hr": _day,
    "ticker/bookTicker": _best,
    "ticker/price": _price,
}


def _rate_limit(kind: str, interval: str, count: int, limit: int) -> dict[str, Any]:
    return {
        "rateLimitType": kind,
        "interval": interval,
        "intervalNum": count,
        "limit": limit,
    }
