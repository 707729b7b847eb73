"""What the engine did, told at once: a user's own events, and trades to everybody.

Belongs here: executionReport, outboundAccountPosition and trade, and who receives them.
Does not belong here: subscribing (`sockets`).
"""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from services.paper_exchange import wire
from services.paper_exchange.accounts import Ledger
from services.paper_exchange.hub import Hub, Listener
from services.paper_exchange.orders import Fill, Order

ZERO = Decimal(0)


class UserStream:
    """Tells the user's connections what the engine did; the engine's witness."""

    def __init__(self, hub: Hub, ledger: Ledger, user: str, clock: Callable[[], int]) -> None:
        self._hub = hub
        self._ledger = ledger
        self._user = user
        self._clock = clock
        self._subscription_id = -1
        self._held: dict[int, list[dict[str, Any]]] = defaultdict(list)

    def subscribe(self, listener: Listener) -> int:
        self._subscription_id += 1
        listener.subscription_ids.append(self._subscription_id)
        return self._subscription_id

    def reported(self, order: Order, event: str, fill: Fill | None) -> None:
        if order.owner != self._user or not self._has_listeners():
            return
        if order.veil is not None and event != "NEW":
            self._held[order.order_id].append(_execution_report(order, event, fill, self._clock()))
            return
        self._send(_execution_report(order.shown(), event, fill, self._clock()))
        if event == "TRADE" or order.is_limit:  # A market order that only arrives moves no money.
            self._send(self._account_position(order))

    def feigned(self, order: Order, event: str) -> None:
        if order.owner == self._user:
            self._send(_execution_report(order.shown(), event, None, self._clock()))

    def unveiled(self, order: Order) -> None:
        for report in self._held.pop(order.order_id, ()):
            self._send(report)
            self._send(self._account_position(order))

    def traded(self, maker_fill: Fill) -> None:
        stream = f"{maker_fill.market.name.lower()}@trade"
        if self._hub.wants(stream):
            self._hub.publish(stream, _trade_message(maker_fill, self._clock()))

    def _has_listeners(self) -> bool:
        return any(listener.subscription_ids for listener in self._hub.listeners)

    def _send(self, event: dict[str, Any]) -> None:
        for listener in self._hub.listeners:
            for subscription_id in listener.subscription_ids:
                listener.send({"subscriptionId": subscription_id, "event": event})

    def _account_position(self, order: Order) -> dict[str, Any]:
        now_ms = self._clock()
        return {
            "e": "outboundAccountPosition",
            "E": now_ms,
            "u": now_ms,
            "B": [
                {
                    "a": asset,
                    "f": wire.number(self._ledger.free(order.owner, asset)),
                    "l": wire.number(self._ledger.locked(order.owner, asset)),
                }
                for asset in (order.market.base, order.market.quote)
            ],
        }


def _trade_message(fill: Fill, at_ms: int) -> dict[str, Any]:
    return {
        "e": "trade",
        "E": at_ms,
        "s": fill.market.name,
        "t": fill.trade_id,
        "p": wire.number(fill.price),
        "q": wire.number(fill.amount_base),
        "T": fill.at_ms,
        "m": fill.is_buyer,
        "M": True,
    }


def _execution_report(order: Order, event: str, fill: Fill | None, now_ms: int) -> dict[str, Any]:
    asked = order.asked
    return {
        "e": "executionReport",
        "E": now_ms,
        "s": order.market.name,
        "c": asked.client_order_id,
        "S": asked.side.value,
        "o": asked.type.value,
        "f": asked.tif.value,
        "q": wire.number(asked.amount_base),
        "p": wire.number(asked.price),
        "P": wire.number(ZERO),
        "F": wire.number(ZERO),
        "g": -1,
        "C": asked.client_order_id if event == "CANCELED" else "",
        "x": event,
        "X": order.status.value,
        "r": "NONE",
        "i": order.order_id,
        "l": wire.number(fill.amount_base if fill else ZERO),
        "z": wire.number(order.executed_base),
        "L": wire.number(fill.price if fill else ZERO),
        "n": wire.number(fill.fee_amount) if fill else "0",
        "N": fill.fee_asset if fill else None,
        "T": order.updated_at_ms,
        "t": fill.trade_id if fill else -1,
        "I": order.order_id,
        "w": order.is_open and order.is_limit,
        "m": fill.is_maker if fill else False,
        "M": False,
        "O": order.created_at_ms,
        "Z": wire.number(order.executed_quote),
        "Y": wire.number(fill.amount_quote if fill else ZERO),
        "Q": wire.number(asked.amount_quote),
        "W": order.created_at_ms,
        "V": wire.SELF_TRADE,
    }
