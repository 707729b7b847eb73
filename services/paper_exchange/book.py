"""One market's order book: price first, then time.

Belongs here: resting orders, their order, and the ids that join a snapshot to the stream.
Does not belong here: matching (`engine`), balances, what goes over the wire.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator
from decimal import Decimal

from services.paper_exchange.orders import Order

ZERO = Decimal(0)


class Ladder:
    """One side of a book. Every level keeps its orders in the order they came."""

    def __init__(self, *, highest_first: bool) -> None:
        self._highest_first = highest_first
        self._prices: list[Decimal] = []  # Ascending on both sides.
        self._levels: dict[Decimal, dict[int, Order]] = {}
        self._amounts: dict[Decimal, Decimal] = {}

    def best(self) -> Decimal | None:
        if not self._prices:
            return None
        return self._prices[-1 if self._highest_first else 0]

    def first(self) -> Order | None:
        """The order that trades next: best price, then earliest."""
        price = self.best()
        return None if price is None else next(iter(self._levels[price].values()))

    def amount(self, price: Decimal) -> Decimal:
        return self._amounts.get(price, ZERO)

    def prices(self) -> Iterator[Decimal]:
        """Best first."""
        return reversed(self._prices) if self._highest_first else iter(self._prices)

    def levels(self, count: int) -> list[tuple[Decimal, Decimal]]:
        """The best `count` levels as (price, amount)."""
        return [
            (price, self._amounts[price])
            for price, _ in zip(self.prices(), range(count), strict=False)
        ]

    def orders(self) -> Iterator[Order]:
        """In the order they would trade."""
        for price in self.prices():
            yield from self._levels[price].values()

    def add(self, order: Order) -> None:
        price = order.asked.price
        if price not in self._levels:
            insort(self._prices, price)
            self._levels[price] = {}
            self._amounts[price] = ZERO
        self._levels[price][order.order_id] = order
        self._amounts[price] += order.left_base

    def reduce(self, order: Order, amount_base: Decimal) -> None:
        """Take `amount_base` of an order off its level; an order with nothing left leaves."""
        self._amounts[order.asked.price] -= amount_base
        if order.left_base == 0:
            self._drop(order)

    def remove(self, order: Order) -> None:
        self._amounts[order.asked.price] -= order.left_base
        self._drop(order)

    def _drop(self, order: Order) -> None:
        price = order.asked.price
        del self._levels[price][order.order_id]
        if not self._levels[price]:
            assert self._amounts[price] == 0, (price, self._amounts[price])
            del self._levels[price], self._amounts[price]
            del self._prices[bisect_left(self._prices, price)]


class Book:
    """Both sides, and what changed since the stream last told."""

    def __init__(self) -> None:
        self.bids = Ladder(highest_first=True)
        self.asks = Ladder(highest_first=False)
        self.update_id = 1
        self._told_id = 1
        self._changed: set[tuple[bool, Decimal]] = set()

    def side(self, *, bids: bool) -> Ladder:
        return self.bids if bids else self.asks

    def add(self, order: Order) -> None:
        self.side(bids=order.is_buy).add(order)
        self._touch(order)

    def reduce(self, order: Order, amount_base: Decimal) -> None:
        self.side(bids=order.is_buy).reduce(order, amount_base)
        self._touch(order)

    def remove(self, order: Order) -> None:
        self.side(bids=order.is_buy).remove(order)
        self._touch(order)

    def take_changes(self) -> tuple[int, int, list[tuple[bool, Decimal]]] | None:
        """Ids (first, last) and levels changed since the last call; None when nothing did.

        Consecutive answers leave no gap between one's last id and the next one's first.
        """
        if not self._changed:
            return None
        first = self._told_id + 1
        changes = sorted(self._changed)
        self._told_id = self.update_id
        self._changed.clear()
        return first, self.update_id, changes

    def _touch(self, order: Order) -> None:
        self.update_id += 1
        self._changed.add((order.is_buy, order.asked.price))
