"""The turnover of the day by portfolio, reckoned as lua/prelude.lua does."""

from rebalancer.orders import ClientOrderId, Order, PortfolioName
from rebalancer.ports import Clock
from resources.turnover import MICRO_MAX, micro_of_order

DAY_MS = 86_400_000


class FakeTurnover:
    """Sums of micro-units that belong to a day, and what sent orders have reserved of them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sums: dict[PortfolioName, tuple[int, int]] = {}
        self._reserved: dict[ClientOrderId, tuple[int, int]] = {}

    def micro_today(self, portfolio: PortfolioName) -> int:
        return self._today(portfolio)[1]

    def add(self, portfolio: PortfolioName, micro: int) -> int:
        """Add to the day's sum; returns the day. A sum at the end of the range stays there."""
        day, total = self._today(portfolio)
        if total < MICRO_MAX:
            total = max(0, min(MICRO_MAX, total + micro))
        self._sums[portfolio] = (day, total)
        return day

    def reserve(self, order: Order) -> None:
        micro = micro_of_order(order)
        self._reserved[order.client_order_id] = (self.add(order.portfolio, micro), micro)

    def count_ended(self, order: Order) -> None:
        """All that an order might have traded, once: what it traded nobody can tell."""
        if order.client_order_id not in self._reserved:
            self.reserve(order)

    def give_back(self, order: Order) -> None:
        """Take the order's reservation out of its day, unless that day is over."""
        day, micro = self._reserved.pop(order.client_order_id, (None, 0))
        if day == self._today(order.portfolio)[0]:
            self.add(order.portfolio, -micro)

    def _today(self, portfolio: PortfolioName) -> tuple[int, int]:
        today = self._clock.now_ms() // DAY_MS
        day, total = self._sums.get(portfolio, (today, 0))
        return (day, total) if day in (today, today + 1) else (today, 0)
