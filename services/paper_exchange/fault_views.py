"""Faults of what an endpoint shows: old balances, old prices, a trade twice, maintenance.

Belongs here: what such a fault remembers when it is set, and bending an answer by it.
Does not belong here: which requests it meets (`faults`).
"""

from typing import Any

from services.paper_exchange import rest, wire
from services.paper_exchange.calls import Call
from services.paper_exchange.exchange import USER, Exchange
from services.paper_exchange.fault_kinds import Place
from services.paper_exchange.refusals import under_maintenance

PLACES = {
    "account": Place.BALANCES,
    "myTrades": Place.TRADES,
    **dict.fromkeys(rest.TICKERS, Place.QUOTES),
}


def remember(exchange: Exchange, place: Place, now_ms: int) -> Any:
    """What a fault of this place keeps of the moment it is set; None where it needs nothing."""
    if place is Place.BALANCES:
        ledger = exchange.ledger
        return [wire.balance(ledger, USER, asset) for asset in ledger.assets(USER)]
    if place is Place.QUOTES:
        return {
            short: {name: show(exchange, name, now_ms) for name in exchange.markets}
            for short, show in rest.TICKERS.items()
        }
    return None


def refuse_in_maintenance(exchange: Exchange, call: Call) -> None:
    """Raises Refusal while the trading endpoints are down."""
    if call.path.startswith("/sapi/"):
        return
    if exchange.faults.take(Place.TRADING, call, call.now_ms) is not None:
        raise under_maintenance()


def bend_view(exchange: Exchange, call: Call, short: str, body: Any) -> Any:
    """An endpoint's answer, bent by the fault that fires on it, if any does."""
    place = PLACES.get(short) if call.method == "GET" else None
    if place is None or not body:
        return body
    fault = exchange.faults.take(place, call, call.now_ms)
    if fault is None:
        return body
    if place is Place.TRADES:
        return [trade for trade in body for _ in range(2)]
    if place is Place.QUOTES:
        kept = fault.kept[short]
        return [kept[t["symbol"]] for t in body] if isinstance(body, list) else kept[body["symbol"]]
    zero = wire.number(exchange.ledger.free(USER, ""))
    hides_zero = call.params.get("omitZeroBalances") == "true"
    shown = [b for b in fault.kept if not hides_zero or {b["free"], b["locked"]} != {zero}]
    return {**body, "balances": shown}
