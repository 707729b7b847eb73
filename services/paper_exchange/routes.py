"""Which request does what, what it weighs, and how it is answered and written down.

Belongs here: the table of endpoints and the one path every request takes through it: limits, then
signature, then the act, then the journal. Nothing in it waits, so the journal's order is the
engine's order.
Does not belong here: HTTP (`app`, `fault_transport`), the endpoints themselves (`rest`, `signed`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rebalancer.money import exact
from services.paper_exchange import rest, signed
from services.paper_exchange.auth import check_signed
from services.paper_exchange.calls import Call, Reply
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.fault_views import bend_view, refuse_in_maintenance
from services.paper_exchange.refusals import Refusal, key_unknown

KEY_TAIL = 4
PREFIXES = ("/api/v3/", "/api/v1/", "/sapi/v1/", "/")

Act = Callable[[Exchange, Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    act: Act
    weigh: Callable[[Call], int]
    is_signed: bool = False
    is_order: bool = False
    moves_orders: bool = False


def _public(act: Act, weight: int) -> Route:
    return Route(act, lambda _call: weight)


def _signed(act: Act, weight: int, *, is_order: bool = False, moves_orders: bool = False) -> Route:
    return Route(
        act, lambda _call: weight, is_signed=True, is_order=is_order, moves_orders=moves_orders
    )


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
    ("POST", "order"): _signed(signed.place_order, 1, is_order=True, moves_orders=True),
    ("POST", "order/test"): _signed(signed.check_order, 1),
    ("GET", "order"): _signed(signed.look_up_order, 4),
    ("DELETE", "order"): _signed(signed.cancel_order, 1, moves_orders=True),
    ("GET", "openOrders"): Route(
        signed.open_orders, lambda call: rest.weigh_tickers(call, 6, 80), is_signed=True
    ),
    ("DELETE", "openOrders"): _signed(signed.cancel_open_orders, 1, moves_orders=True),
    ("GET", "allOrders"): _signed(signed.all_orders, 20),
    ("GET", "myTrades"): _signed(signed.my_trades, 20),
}


def find_route(method: str, path: str) -> Route | None:
    """The route of a path, with the venue's prefixes or bare."""
    return ROUTES.get((method, _short(path)))


def _short(path: str) -> str:
    return path.removeprefix(next(prefix for prefix in PREFIXES if path.startswith(prefix)))


def answer(exchange: Exchange, call: Call, *, is_heard: bool = True) -> Reply:
    """Do what a request asks, write it down, and only then answer."""
    reply = act(exchange, call)
    record(exchange, call, reply, sent=reply if is_heard else None)
    return reply


def act(exchange: Exchange, call: Call) -> Reply:
    """Do what a request asks; whoever calls this records it before anything else happens."""
    route = find_route(call.method, call.path)
    exchange.engine.unveil_due(call.now_ms)
    try:
        if route is None:
            raise Refusal(-1099, f"Not found: {call.method} {call.path}", status=404)
        exchange.limits.spend_weight(route.weigh(call), call.now_ms)
        if route.is_signed:
            refuse_in_maintenance(exchange, call)
            check_signed(call, exchange.options)
        if route.moves_orders and not exchange.options.key_may_trade:
            raise key_unknown()
        with exact():
            body = bend_view(exchange, call, _short(call.path), route.act(exchange, call))
        return Reply(200, body, _headers(exchange, route))
    except Refusal as refusal:
        return error_reply(refusal, _headers(exchange, route))


def record(
    exchange: Exchange,
    call: Call,
    reply: Reply | None,
    *,
    sent: Reply | None = None,
    told: str | None = None,
) -> None:
    """Write down a request.

    Args:
        exchange: Where it was asked.
        call: The request.
        reply: What acting on it came to; None when nothing was done.
        sent: What leaves; None is nothing.
        told: How much of it leaves; None says full, error or none by what is sent.
    """
    if exchange.doors_closed:  # Whoever asked has been cut off.
        sent, told = None, None
    exchange.journal.record(_entry(exchange, call, reply, sent) | _outcome(call, reply, sent, told))


def error_reply(refusal: Refusal, headers: dict[str, str] | None = None) -> Reply:
    headers = {} if headers is None else headers
    if refusal.retry_after_s is not None:
        headers["Retry-After"] = str(refusal.retry_after_s)
    return Reply(refusal.status, {"code": refusal.code, "msg": refusal.message}, headers)


def _headers(exchange: Exchange, route: Route | None) -> dict[str, str]:
    headers = exchange.limits.headers()
    if route is not None and route.is_order:
        headers |= exchange.limits.order_headers()
    return headers


def _entry(
    exchange: Exchange, call: Call, reply: Reply | None, sent: Reply | None
) -> dict[str, Any]:
    body = _object(reply)
    no = _object(sent) or body
    return {
        "received_at_ms": call.received_at_ms,
        "acted_at_ms": call.now_ms,
        "tick": exchange.tick,
        "method": call.method,
        "path": call.path,
        "params": {key: value for key, value in call.params.items() if key != "signature"},
        "api_key_tail": (call.api_key or "")[-KEY_TAIL:],
        "status": None if sent is None else sent.status,
        "code": no.get("code"),
        "message": no.get("msg"),
        "orderId": body.get("orderId"),
        "clientOrderId": body.get("origClientOrderId", body.get("clientOrderId")),
        "orderStatus": body.get("status") if "orderId" in body else None,
        "executed": body.get("executedQty"),
    }


def _outcome(
    call: Call, reply: Reply | None, sent: Reply | None, told: str | None
) -> dict[str, Any]:
    """What the engine did and what the client may know of it."""
    route = find_route(call.method, call.path)
    is_done = reply is not None and reply.status == 200
    acted = is_done and route is not None and route.moves_orders
    body = _object(reply) if is_done else {}
    named = call.params.get("newClientOrderId" if call.method == "POST" else "origClientOrderId")
    if told is None:
        told = "none" if sent is None else "full" if sent.status == 200 else "error"
    return {
        "fault": call.fired[0] if call.fired else None,
        "faults": call.fired,
        "acted": acted,
        "client_order_id": body.get("origClientOrderId", body.get("clientOrderId", named)),
        "order_id": body.get("orderId") if acted else None,
        "answered": told,
    }


def _object(reply: Reply | None) -> dict[str, Any]:
    return reply.body if reply is not None and isinstance(reply.body, dict) else {}
