"""Requests of tests and demonstrations: bend a ticker, slow the answers, move a price, set a fault.

Belongs here: everything under /paper/; only answered on loopback.
Does not belong here: anything the real venue has.
"""

from decimal import Decimal
from typing import Any

from rebalancer.money import exact, to_decimal
from services.paper_exchange import wire
from services.paper_exchange.calls import Call, Reply
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.fault_acts import set_fault
from services.paper_exchange.json_text import read_json
from services.paper_exchange.options import LATENCY_MS_MAX
from services.paper_exchange.streams import tell_best

BPS_LOWEST = Decimal(-9_900)
BPS_HIGHEST = Decimal(100_000)
TOLD_MAX = 1_000


def control(exchange: Exchange, call: Call, body: bytes) -> Reply:
    """Answer a control request; a wrong one says what was expected."""
    act = {
        ("POST", "/paper/quote"): _set_quote,
        ("DELETE", "/paper/quote"): _clear_quote,
        ("POST", "/paper/latency"): _set_latency,
        ("POST", "/paper/price"): _move_price,
        ("POST", "/paper/limits/forget"): _forget_limits,
        ("GET", "/paper/state"): _state,
        ("POST", "/paper/faults"): _set_fault,
        ("GET", "/paper/faults"): _faults,
        ("DELETE", "/paper/faults"): _clear_faults,
    }.get((call.method, call.path))
    try:
        if act is None:
            raise LookupError(f"no control request {call.method} {call.path}")
        given = read_json(body) if body else dict(call.params)
        if not isinstance(given, dict):
            raise ValueError(f"expected a JSON object, was {given!r:.80}")
        reply = Reply(200, act(exchange, given))
    except (LookupError, ValueError, TypeError) as error:
        reply = Reply(400, {"code": -1, "msg": f"{error!s:.{TOLD_MAX}}"})
    exchange.journal.record(
        {
            "received_at_ms": call.received_at_ms,
            "acted_at_ms": call.now_ms,
            "tick": exchange.tick,
            "method": call.method,
            "path": call.path,
            "params": dict(call.params) | ({"body": body.decode(errors="replace")} if body else {}),
            "status": reply.status,
            "message": reply.body.get("msg"),
            "fault_id": reply.body.get("id"),
        }
    )
    return reply


def _set_quote(exchange: Exchange, given: dict[str, Any]) -> Any:
    """Put ticker fields over the real ones: text or whole numbers; null removes a field."""
    name = _symbol(exchange, given)
    fields = given.get("fields")
    if not isinstance(fields, dict) or not fields:
        raise ValueError(f'expected "fields": {{"bidPrice": "NaN", …}}, was {fields!r}')
    for key, value in fields.items():
        # A bare NaN is no JSON: the venue, if it ever erred, would send the text "NaN".
        if not isinstance(value, (str, int, type(None))) or isinstance(value, bool):
            raise ValueError(f"{key}: expected text, a whole number or null, was {value!r}")
    exchange.overlays[name] = {**exchange.overlays.get(name, {}), **fields}
    tell_best(exchange, name)
    return {"symbol": name, "fields": exchange.overlays[name]}


def _clear_quote(exchange: Exchange, given: dict[str, Any]) -> Any:
    """Of one symbol, or of all when none is named."""
    if "symbol" in given:
        exchange.overlays.pop(_symbol(exchange, given), None)
    else:
        exchange.overlays.clear()
    return {}


def _set_latency(exchange: Exchange, given: dict[str, Any]) -> Any:
    latency_ms = given.get("ms")
    if type(latency_ms) is not int or not 0 <= latency_ms <= LATENCY_MS_MAX:
        raise ValueError(f'expected "ms": 0 to {LATENCY_MS_MAX}, was {latency_ms!r}')
    exchange.latency_ms = latency_ms
    return {"ms": latency_ms}


def _move_price(exchange: Exchange, given: dict[str, Any]) -> Any:
    name = _symbol(exchange, given)
    bps = to_decimal(given.get("bps", ""))
    if not BPS_LOWEST <= bps <= BPS_HIGHEST:
        raise ValueError(f'expected "bps": {BPS_LOWEST} to {BPS_HIGHEST}, was {bps}')
    exchange.shift_price(name, bps)
    return {"symbol": name, "mid": wire.number(exchange.mid(name))}


def _forget_limits(exchange: Exchange, _given: dict[str, Any]) -> Any:
    exchange.limits.forget()
    return {}


def _set_fault(exchange: Exchange, given: dict[str, Any]) -> Any:
    return {"id": set_fault(exchange, given, exchange.clock()).fault_id}


def _faults(exchange: Exchange, _given: dict[str, Any]) -> Any:
    return exchange.faults.describe(exchange.clock())


def _clear_faults(exchange: Exchange, given: dict[str, Any]) -> Any:
    """One by its id, or all when none is named."""
    text = str(given.get("id", ""))
    if "id" in given and not (text.isascii() and text.isdecimal()):
        raise ValueError(f'expected "id": the number of a fault, was {given["id"]!r}')
    cleared = exchange.faults.clear(int(text) if text else None)
    if text and not cleared:
        raise LookupError(f"id: no fault {text} is set; GET /paper/faults lists them")
    return {"cleared": cleared}


def _state(exchange: Exchange, _given: dict[str, Any]) -> Any:
    with exact():
        totals = exchange.ledger.totals()
    return {
        "tick": exchange.tick,
        "prices": exchange.source.describe(),
        "latency_ms": exchange.latency_ms,
        "mids": {name: wire.number(exchange.mid(name)) for name in exchange.markets},
        "totals": {asset: wire.number(amount) for asset, amount in sorted(totals.items())},
        "accounts": {
            owner: {
                asset: {"free": wire.number(free), "locked": wire.number(locked)}
                for asset, (free, locked) in balances.items()
            }
            for owner, balances in exchange.accounts()
        },
    }


def _symbol(exchange: Exchange, given: dict[str, Any]) -> str:
    name = given.get("symbol")
    if not isinstance(name, str) or name not in exchange.markets:
        raise LookupError(
            f"symbol: expected one of {', '.join(exchange.markets)}, was {name!r:.80}"
        )
    return name
