"""WebSocket: what a client says on one connection, and what it is told.

Belongs here: SUBSCRIBE and its kin, the WebSocket API's methods, one connection's life.
Does not belong here: what the streams contain (`streams`, `user_stream`).

Every path takes every message: a client pointed here may have lost its prefixes.
"""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from services.paper_exchange.auth import check_signed
from services.paper_exchange.calls import Call, Reply
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.hub import STREAMS_MAX, Listener
from services.paper_exchange.json_text import read_json
from services.paper_exchange.refusals import Refusal
from services.paper_exchange.routes import answer, record
from services.paper_exchange.streams import greet

HEARTBEAT_SECONDS = 20
SHORT_BY_METHOD = {
    "ping": ("GET", "ping"),
    "time": ("GET", "time"),
    "exchangeInfo": ("GET", "exchangeInfo"),
    "depth": ("GET", "depth"),
    "ticker.24hr": ("GET", "ticker/24hr"),
    "ticker.book": ("GET", "ticker/bookTicker"),
    "ticker.price": ("GET", "ticker/price"),
    "account.status": ("GET", "account"),
    "order.place": ("POST", "order"),
    "order.test": ("POST", "order/test"),
    "order.status": ("GET", "order"),
    "order.cancel": ("DELETE", "order"),
    "openOrders.status": ("GET", "openOrders"),
    "openOrders.cancelAll": ("DELETE", "openOrders"),
    "allOrders": ("GET", "allOrders"),
    "myTrades": ("GET", "myTrades"),
}


async def serve_socket(exchange: Exchange, request: web.Request) -> web.StreamResponse:
    """One connection, from its handshake to its end."""
    socket = web.WebSocketResponse(autoping=False)  # A silent socket answers no ping either.
    await socket.prepare(request)
    listener = Listener(combined=request.path.startswith("/stream"))
    exchange.hub.listeners.add(listener)
    asked = _streams_of_path(request)
    exchange.hub.subscribe(listener, asked)
    greet(exchange, listener, asked)
    writer = asyncio.create_task(_write(exchange, socket, listener))
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                before = set(listener.streams)
                listener.send(respond_to_text(exchange, listener, message.data, request.path))
                greet(exchange, listener, sorted(listener.streams - before))
            elif message.type is WSMsgType.PING and not exchange.is_silent():
                await socket.pong(message.data)
    finally:
        exchange.hub.leave(listener)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
    return socket


async def _write(exchange: Exchange, socket: web.WebSocketResponse, listener: Listener) -> None:
    """Send what is queued, and a ping when nothing is; a silent exchange drops both."""
    while True:
        text: str | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(HEARTBEAT_SECONDS):
                text = await listener.outbox.get()
        if listener.farewell is not None:
            await socket.close(code=WSCloseCode.GOING_AWAY, message=listener.farewell.encode())
            return
        if exchange.is_silent():
            continue
        try:
            await (socket.ping() if text is None else socket.send_str(text))
        except ConnectionError:
            return


def _streams_of_path(request: web.Request) -> list[str]:
    """Streams named in the address: /ws/btcusdt@trade or /stream?streams=a/b."""
    if "streams" in request.query:
        return [name for name in request.query["streams"].split("/") if name]
    return [name for name in request.path.split("/") if "@" in name]


def respond_to_text(exchange: Exchange, listener: Listener, text: str, path: str) -> dict[str, Any]:
    try:
        message = read_json(text)
        method, identity = message["method"], message.get("id")
        if not isinstance(method, str):
            raise TypeError(method)
    except (ValueError, KeyError, TypeError, AttributeError):
        return {
            "error": {"code": 2, "msg": "Invalid JSON: expected value with a method"},
            "id": None,
        }
    params = message.get("params")
    if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
        return _change_streams(exchange, listener, method, params, identity)
    if method == "LIST_SUBSCRIPTIONS":
        return {"result": sorted(listener.streams), "id": identity}
    reply = _answer_method(exchange, listener, method, _texts(params), path)
    shown = "result" if reply.status == 200 else "error"
    return {"id": identity, "status": reply.status, shown: reply.body, "rateLimits": []}


def _change_streams(
    exchange: Exchange, listener: Listener, method: str, params: object, identity: object
) -> dict[str, Any]:
    if not isinstance(params, list) or not all(isinstance(name, str) for name in params):
        return {
            "error": {"code": 2, "msg": "Invalid request: params must be texts"},
            "id": identity,
        }
    if method == "UNSUBSCRIBE":
        exchange.hub.unsubscribe(listener, params)
    elif len(listener.streams) + len(params) > STREAMS_MAX:
        return {"error": {"code": 3, "msg": "Too many subscriptions"}, "id": identity}
    else:
        exchange.hub.subscribe(listener, params)
    return {"result": None, "id": identity}


def _texts(params: object) -> dict[str, str]:
    if not isinstance(params, dict):
        return {}
    return {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in params.items()
    }


def _answer_method(
    exchange: Exchange, listener: Listener, method: str, params: dict[str, str], path: str
) -> Reply:
    now_ms = exchange.clock()
    verb, short = SHORT_BY_METHOD.get(method, ("WS", method))
    payload = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "signature")
    bare = {key: value for key, value in params.items() if key != "apiKey"}
    full_path = f"/api/v3/{short}" if verb != "WS" else path
    skew_ms = exchange.faults.skew_ms(now_ms)
    call = Call(verb, full_path, bare, payload, params.get("apiKey"), now_ms, now_ms, skew_ms)
    if verb != "WS":
        return answer(exchange, call, is_heard=not exchange.is_silent())
    call = replace(call, path=f"{path}#{method}")
    reply = _answer_stream(exchange, listener, method, call)
    is_heard = not exchange.is_silent()
    record(
        exchange, call, reply, sent=reply if is_heard else None, told=None if is_heard else "none"
    )
    return reply


def _answer_stream(exchange: Exchange, listener: Listener, method: str, call: Call) -> Reply:
    try:
        exchange.limits.spend_weight(2, call.now_ms)
        if method == "userDataStream.subscribe.signature":
            check_signed(call, exchange.options)
            return Reply(200, {"subscriptionId": exchange.users.subscribe(listener)})
        if method == "userDataStream.unsubscribe":
            listener.subscription_ids.clear()
            return Reply(200, {})
        raise Refusal(-1099, f"Not found: {method}", status=404)
    except Refusal as refusal:
        return Reply(refusal.status, {"code": refusal.code, "msg": refusal.message})
