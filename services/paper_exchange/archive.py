"""What users did: their orders and trades, found by id, by client id and by time.

Belongs here: looking up. Bounded: the oldest closed orders are forgotten.
Does not belong here: changing an order.
"""

from collections import defaultdict, deque
from collections.abc import Iterable

from services.paper_exchange.orders import Fill, Order, Veil

ORDERS_MAX = 100_000
TRADES_MAX = 200_000


class Archive:
    """Every user's orders, open and closed, and their trades."""

    def __init__(self) -> None:
        self._orders: dict[int, Order] = {}
        self._by_client_id: dict[tuple[str, str], Order] = {}
        self._open: dict[tuple[str, str], dict[int, Order]] = defaultdict(dict)
        self._trades: dict[tuple[str, str], deque[Fill]] = defaultdict(
            lambda: deque(maxlen=TRADES_MAX)
        )
        self._veiled: dict[int, Order] = {}

    def add(self, order: Order) -> None:
        self._orders[order.order_id] = order
        self._by_client_id[order.owner, order.asked.client_order_id] = order
        self._open[order.owner, order.market.name][order.order_id] = order
        if len(self._orders) > ORDERS_MAX:
            self._forget_oldest_closed()

    def add_trade(self, owner: str, fill: Fill) -> None:
        self._trades[owner, fill.market.name].append(fill)

    def close(self, order: Order) -> None:
        self._open[order.owner, order.market.name].pop(order.order_id, None)

    def find(
        self, owner: str, market: str, order_id: int | None, client_order_id: str | None
    ) -> Order | None:
        """The order of this id; by client id the latest that carried it."""
        if order_id is not None:
            found = self._orders.get(order_id)
        else:
            found = self._by_client_id.get((owner, client_order_id or ""))
        if found is None or found.owner != owner or found.market.name != market:
            return None
        return found

    def has_open_client_id(self, owner: str, client_order_id: str) -> bool:
        order = self._by_client_id.get((owner, client_order_id))
        return order is not None and (order.is_open or order.seems_open)

    def open_orders(self, owner: str, market: str) -> list[Order]:
        return list(self._open[owner, market].values())

    def seemingly_open_orders(self, owner: str, market: str) -> list[Order]:
        """The open orders as their owner is told, oldest first."""
        open_orders = dict(self._open[owner, market])
        for order in self._veiled.values():
            if (order.owner, order.market.name) == (owner, market):
                open_orders[order.order_id] = order
        return [open_orders[key] for key in sorted(open_orders) if open_orders[key].seems_open]

    def orders(self, owner: str, market: str) -> Iterable[Order]:
        """Oldest first."""
        return (o for o in self._orders.values() if o.owner == owner and o.market.name == market)

    def trades(self, owner: str, market: str, order_id: int | None) -> Iterable[Fill]:
        """Oldest first; of one order where one is named."""
        if order_id is None:
            return iter(self._trades[owner, market])
        order = self.find(owner, market, order_id, None)
        return () if order is None else iter(order.fills)

    def shown_trades(self, owner: str, market: str, order_id: int | None) -> list[Fill]:
        """`trades` without those a veil hides."""
        hidden = {
            fill.trade_id
            for order in self._veiled.values()
            if order.veil is not None
            for fill in order.fills[order.veil.fills_shown :]
        }
        return [f for f in self.trades(owner, market, order_id) if f.trade_id not in hidden]

    def veil(self, order: Order, veil: Veil) -> None:
        """From now on the order is told as `veil` says."""
        order.veil = veil
        self._veiled[order.order_id] = order

    def unveil(self, order: Order) -> None:
        order.veil = None
        self._veiled.pop(order.order_id, None)

    def due_veils(self, now_ms: int) -> list[Order]:
        """The orders whose veil is to be lifted now."""
        return [o for o in self._veiled.values() if o.veil and o.veil.until_ms <= now_ms]

    def _forget_oldest_closed(self) -> None:
        oldest = next((o for o in self._orders.values() if not o.is_open and not o.veil), None)
        if oldest is None:
            return
        del self._orders[oldest.order_id]
        key = (oldest.owner, oldest.asked.client_order_id)
        if self._by_client_id.get(key) is oldest:
            del self._by_client_id[key]
