"""Faults of one HTTP request: what is acted on, what of the answer leaves, and when.

Belongs here: everything between a request that was read and the bytes of its answer.
Does not belong here: requests that no such fault meets; they never come here.

An act and its journal line are one step without a wait in it; whatever is withheld is withheld
after that, and a client that hangs up changes nothing of it.
"""

import asyncio
import json
from dataclasses import dataclass, replace

from aiohttp import web

from services.paper_exchange.calls import Call, Reply
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.faults import Fault
from services.paper_exchange.refusals import code_refusal, rate_refusal
from services.paper_exchange.routes import act, error_reply, record

LOOK_SECONDS = 0.02
PIECES = 10
PHRASES = {
    408: "Request Timeout",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Temporarily Unavailable",
    504: "Gateway Time-out",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What leaves.

    Attributes:
        reply: What it was meant to be.
        text: What is left of its body.
        told: What the journal calls it.
    """

    reply: Reply
    text: str
    told: str
    content_type: str = "application/json"


def respond(reply: Reply) -> web.Response:
    return web.Response(
        text=write_body(reply),
        status=reply.status,
        headers=reply.headers,
        content_type="application/json",
    )


def write_body(reply: Reply) -> str:
    return json.dumps(reply.body, separators=(",", ":"))


async def serve_faulty(
    exchange: Exchange, request: web.Request, call: Call, fault: Fault
) -> web.StreamResponse:
    """Serve one request the way its fault says."""
    if fault.name == "stall_before":
        call = await _stall(exchange, call, fault.param("hold_ms"))
    is_taken = _acts(fault) and not exchange.is_stopping
    reply = act(exchange, call) if is_taken else None
    answer = _bend(fault, reply)
    if answer is None:
        record(exchange, call, reply)
        await _wait(exchange, fault.asked.params.get("hold_ms", 0), request)
        return _hang_up(request)
    record(exchange, call, reply, sent=answer.reply, told=answer.told)
    if fault.name == "slow_body":
        return await _send_slowly(request, answer, fault.param("slow_ms"))
    return web.Response(
        text=answer.text,
        status=answer.reply.status,
        headers=answer.reply.headers,
        content_type=answer.content_type,
    )


def _acts(fault: Fault) -> bool:
    if fault.name == "code":
        return bool(fault.param("acted"))
    not_acted = ("reject_then_timeout", "close_before", "status_before", "rate_limited")
    return fault.name not in not_acted


def _bend(fault: Fault, reply: Reply | None) -> Answer | None:
    """What leaves instead of `reply`; None is nothing."""
    name = fault.name
    if name in ("status_before", "status_after"):
        return _gateway_page(fault.param("status"))
    if name == "code":
        told = (fault.param(key) for key in ("code", "status", "message"))
        return _whole(error_reply(code_refusal(*told)))
    if name == "rate_limited":
        return _whole(
            error_reply(rate_refusal(fault.param("status"), fault.param("retry_after_s")))
        )
    if reply is None or name in ("accept_then_timeout", "accept_then_close"):
        return None
    answer = _whole(reply)
    if name == "truncated_200":
        return replace(answer, text=answer.text[: len(answer.text) // 2], told="partial")
    if name == "empty_200":
        return replace(answer, text="", told="partial")
    return answer


def _whole(reply: Reply) -> Answer:
    return Answer(reply, write_body(reply), "full" if reply.status == 200 else "error")


def _gateway_page(status: int) -> Answer:
    """A page of the machine in front of the exchange, which knows nothing of JSON."""
    title = f"{status} {PHRASES[status]}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(Reply(status, None), page, "error", "text/html")


async def _stall(exchange: Exchange, call: Call, hold_ms: int) -> Call:
    """Wait; the call as it stands then, so that its timestamp is judged then."""
    await _wait(exchange, hold_ms)
    now_ms = exchange.clock()
    return replace(call, now_ms=now_ms, skew_ms=exchange.faults.skew_ms(now_ms))


async def _wait(exchange: Exchange, hold_ms: int, request: web.Request | None = None) -> None:
    """Until the time is over, the exchange stops or, where one is given, its client hangs up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + hold_ms / 1000
    while (left := end - loop.time()) > 0 and not exchange.is_stopping:
        if request is not None and request.transport is None:
            return
        await asyncio.sleep(min(left, LOOK_SECONDS))


def _hang_up(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()  # Nobody is there to read it.


async def _send_slowly(request: web.Request, answer: Answer, slow_ms: int) -> web.StreamResponse:
    """The whole body, a piece at a time."""
    content = answer.text.encode()
    response = web.StreamResponse(status=answer.reply.status, headers=answer.reply.headers)
    response.content_type = answer.content_type
    response.content_length = len(content)
    size = max(len(content) // PIECES, 1)
    pieces = [content[at : at + size] for at in range(0, len(content), size)]
    try:
        await response.prepare(request)
        for piece in pieces:
            await asyncio.sleep(slow_ms / 1000 / len(pieces))
            await response.write(piece)
        await response.write_eof()
    except ConnectionError:
        return _hang_up(request)
    return response
