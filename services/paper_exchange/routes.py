"""Which request does what, what it weighs, and how it is answered and written down.

Belongs here: the table of endpoints and the one path every request takes through it: limits, then
signature, then the act, then the journal. Nothing in it waits, so the journal's order is the
engine's order.
Does not belong here: HTTP (`app`), the endpoints themselves (`rest`, `signed`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rebalancer.money import exact
from services.paper_exchange import rest, signed
from services.paper_exchange.auth import check_signed
from services.paper_exchange.calls import Call, Reply
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.refusals import Refusal

KEY_TAIL = 4
PREFIXES = ("/api/v3/", "/api/v1/", "/sapi/v1/", "/")

Act = Callable[[Exchange, Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    act: Act
    weigh: Callable[[Call], int]
    is_signed: bool = False
    is_order: bool = False


def _public(act: Act, weight: int) -> Route:
    return Route(act, lambda _call: weight)


def _signed(act: Act, weight: int, *, is_order: bool = False) -> Route:
    return Route(act, lambda _call: weight, is_signed=True, is_order=is_order)


ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "ping"): _public(rest.ping, 1),
    ("GET", "time"): _public(rest.server_time, 1),
    ("GET", "exchangeInfo"): _public(rest.exchange_info, 20),
    ("GET", "ticker/24hr"): Route(rest.ticker_day, lambda call: rest.weigh_tickers(call, 2, 80)),
    ("GET", "ticker/bookTicker"): Route(
        rest.ticker_book, lambda call: rest.weigh_tickers(call, 2, 4)
    ),
    ("GET", "ticker/price"): Route(rest.ticker_price, lambda call: rest.weigh_tickers(call, 2, 4)),
    ("GET", "depth"): Route(rest.depth, rest.weigh_depth),
    ("GET", "system/status"): _public(rest.system_status, 1),
    ("GET", "margin/allPairs"): _public(rest.nothing, 1),
    ("GET", "margin/isolated/allPairs"): _public(rest.nothing, 1),
    ("GET", "capital/config/getall"): _signed(rest.nothing, 10),
    ("GET", "asset/tradeFee"): _signed(signed.trade_fees, 1),
    ("GET", "account/apiRestrictions"): _signed(signed.key_rights, 1),
    ("GET", "account"): _signed(signed.account, 20),
    ("POST", "order"): _signed(signed.place_order, 1, is_order=True),
    ("POST", "order/test"): _signed(signed.check_order, 1),
    ("GET", "order"): _signed(signed.look_up_order, 4),
    ("DELETE", "order"): _signed(signed.cancel_order, 1),
    ("GET", "openOrders"): Route(
        signed.open_orders, lambda call: rest.weigh_tickers(call, 6, 80), is_signed=True
    ),
    ("DELETE", "openOrders"): _signed(signed.cancel_open_orders, 1),
    ("GET", "allOrders"): _signed(signed.all_orders, 20),
    ("GET", "myTrades"): _signed(signed.my_trades, 20),
}


def find_route(method: str, path: str) -> Route | None:
    """The route of a path, with the venue's prefixes or bare."""
    prefix = next(prefix for prefix in PREFIXES if path.startswith(prefix))
    return ROUTES.get((method, path.removeprefix(prefix)))


def answer(exchange: Exchange, call: Call) -> Reply:
    """Do what a request asks, write it down, and only then answer."""
    route = find_route(call.method, call.path)
    try:
        if route is None:
            raise Refusal(-1099, f"Not found: {call.method} {call.path}", status=404)
        exchange.limits.spend_weight(route.weigh(call), call.now_ms)
        if route.is_signed:
            check_signed(call, exchange.options)
        with exact():
            reply = Reply(200, route.act(exchange, call), _headers(exchange, route))
    except Refusal as refusal:
        reply = _refused(refusal, _headers(exchange, route))
    return record(exchange, call, reply)


def record(exchange: Exchange, call: Call, reply: Reply) -> Reply:
    exchange.journal.record(_entry(exchange, call, reply))
    return reply


def _headers(exchange: Exchange, route: Route | None) -> dict[str, str]:
    headers = exchange.limits.headers()
    if route is not None and route.is_order:
        headers |= exchange.limits.order_headers()
    return headers


def _refused(refusal: Refusal, headers: dict[str, str]) -> Reply:
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return Reply(refusal.status, {"code": refusal.code, "msg": refusal.message}, headers)


def _entry(exchange: Exchange, call: Call, reply: Reply) -> dict[str, Any]:
    body = reply.body if isinstance(reply.body, dict) else {}
    return {
        "received_at_ms": call.received_at_ms,
        "acted_at_ms": call.now_ms,
        "tick": exchange.tick,
        "method": call.method,
        "path": call.path,
        "params": {key: value for key, value in call.params.items() if key != "signature"},
        "api_key_tail": (call.api_key or "")[-KEY_TAIL:],
        "status": reply.status,
        "code": body.get("code"),
        "message": body.get("msg"),
        "orderId": body.get("orderId"),
        "clientOrderId": body.get("origClientOrderId", body.get("clientOrderId")),
        "orderStatus": body.get("status") if "orderId" in body else None,
        "executed": body.get("executedQty"),
    }
