"""Setting a fault, and what is done at once when it is: new rules, a stranger's order, a deposit.

Belongs here: acts on the exchange that no client asks for; the journal has a line of each.
Does not belong here: reading the request (`fault_reading`).
"""

from copy import deepcopy
from typing import Any

from rebalancer.money import exact
from services.paper_exchange import wire
from services.paper_exchange.exchange import USER, Exchange
from services.paper_exchange.fault_kinds import KINDS, Place
from services.paper_exchange.fault_reading import read_fault
from services.paper_exchange.fault_views import remember
from services.paper_exchange.faults import Fault, NewFault
from services.paper_exchange.markets import read_market_rules
from services.paper_exchange.orders import NewOrder, OrderType, Side, TimeInForce
from services.paper_exchange.refusals import Refusal


def set_fault(exchange: Exchange, given: dict[str, Any], now_ms: int) -> Fault:
    """Set a fault as somebody wrote it.

    Raises:
        ValueError: It is not a fault, or cannot be done; the message says the cure.
    """
    asked = read_fault(given, exchange.markets)
    with exact():
        act = ACTS.get(asked.kind.name)
        if act is not None:
            act(exchange, asked, now_ms)
        return exchange.faults.add(asked, now_ms, remember(exchange, asked.kind.place, now_ms))


def _change_rules(exchange: Exchange, asked: NewFault, _now_ms: int) -> None:
    name = asked.params["symbol"]
    raw: dict[str, Any] = deepcopy(dict(exchange.markets[name].raw))
    filters = {item["filterType"]: item for item in raw["filters"]}
    notional = "NOTIONAL" if "NOTIONAL" in filters else "MIN_NOTIONAL"
    for param, kind, key, lowest in (
        ("step_size", "LOT_SIZE", "stepSize", "minQty"),
        ("tick_size", "PRICE_FILTER", "tickSize", "minPrice"),
        ("min_notional", notional, "minNotional", "minNotional"),
    ):
        value = asked.params[param]
        if value is not None and kind in filters:
            filters[kind][key] = filters[kind][lowest] = wire.number(value)
    exchange.markets[name] = read_market_rules(raw)
    exchange.requote(name)
    exchange.journal.tell("rules", symbol=name, filters=raw["filters"])


def _place_foreign(exchange: Exchange, asked: NewFault, now_ms: int) -> None:
    params = asked.params
    order = NewOrder(
        owner=USER,
        market=exchange.markets[params["symbol"]],
        side=Side(params["side"]),
        type=OrderType.LIMIT,
        tif=TimeInForce(params["tif"]),
        client_order_id=params["client_order_id"] or exchange.next_client_id(),
        price=params["price"],
        amount_base=params["quantity"],
    )
    try:
        placed = exchange.engine.place(order, now_ms)
    except Refusal as refusal:
        raise ValueError(
            f"foreign_order: the exchange refuses it with {refusal.code} {refusal.message};"
            " change its quantity or price"
        ) from None
    exchange.journal.tell(
        "order",
        foreign=True,
        order_id=placed.order_id,
        client_order_id=order.client_order_id,
        symbol=order.market.name,
        side=order.side.value,
        price=wire.number(order.price),
        qty=wire.number(order.amount_base),
        tif=order.tif.value,
        at_ms=now_ms,
    )


def _deposit(exchange: Exchange, asked: NewFault, now_ms: int) -> None:
    asset, amount = asked.params["asset"], asked.params["amount"]
    free = exchange.ledger.free(USER, asset)
    if asset not in exchange.ledger.assets(USER):
        known = ", ".join(exchange.ledger.assets(USER))
        raise ValueError(f"asset: expected one of {known}, was {asset!r}")
    if free + amount < 0:
        raise ValueError(f"amount: expected at least {-free:f} (all that is free), was {amount:f}")
    exchange.ledger.deposit(USER, asset, amount)
    exchange.journal.tell("deposit", asset=asset, amount=wire.number(amount), at_ms=now_ms)


ACTS = {"rules_changed": _change_rules, "foreign_order": _place_foreign, "deposit": _deposit}
assert set(ACTS) == {kind.name for kind in KINDS.values() if kind.place is Place.ONCE}, (
    "every kind that is done at once has its act"
)
