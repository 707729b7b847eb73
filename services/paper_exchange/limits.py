"""The venue's rate limits: request weight per minute, new orders per ten seconds and per day.

Belongs here: counting in fixed windows, refusing beyond the limit, banning who keeps knocking.
Does not belong here: what a request weighs (`routes`).
"""

from services.paper_exchange.options import PaperOptions
from services.paper_exchange.refusals import banned, orders_used_up, weight_used_up

MINUTE_MS = 60_000
TEN_SECONDS_MS = 10_000
DAY_MS = 86_400_000


class Window:
    """A count that starts again at every multiple of its length."""

    def __init__(self, length_ms: int, limit: int) -> None:
        self.length_ms = length_ms
        self.limit = limit
        self.used = 0
        self._index = -1

    def turn(self, now_ms: int) -> bool:
        """Start again when a new window has begun; says whether it has."""
        index = now_ms // self.length_ms
        if index == self._index:
            return False
        self._index, self.used = index, 0
        return True

    def fits(self, amount: int) -> bool:
        return self.used + amount <= self.limit

    def retry_after_s(self, now_ms: int) -> int:
        """Whole seconds until the next window, at least one."""
        return (self.length_ms - now_ms % self.length_ms + 999) // 1000


class Limits:
    """The limits of one address and one account; everybody on loopback is the same address."""

    def __init__(self, options: PaperOptions) -> None:
        self.weight = Window(MINUTE_MS, options.weight_per_minute_max)
        self.orders = Window(TEN_SECONDS_MS, options.orders_per_10s_max)
        self.orders_day = Window(DAY_MS, options.orders_per_day_max)
        self._abuse_max = options.abuse_max
        self._ban_ms = options.ban_ms
        self._abuse = 0
        self._banned_until_ms = 0

    def spend_weight(self, weight: int, now_ms: int) -> None:
        """Count a request.

        Raises:
            Refusal: 429 beyond the limit, 418 after too many requests into a 429.
        """
        if now_ms < self._banned_until_ms:
            raise banned(self._banned_until_ms, (self._banned_until_ms - now_ms + 999) // 1000)
        if self.weight.turn(now_ms):
            self._abuse = 0
        if self.weight.fits(weight):
            self.weight.used += weight
            return
        self._knock(now_ms)
        raise weight_used_up(self.weight.limit, self.weight.retry_after_s(now_ms))

    def spend_order(self, now_ms: int) -> None:
        """Count a new order, accepted or not.

        Raises:
            Refusal: -1015 with 429 beyond a limit.
        """
        windows = ((self.orders, "10 SECOND"), (self.orders_day, "1 DAY"))
        for window, name in windows:
            window.turn(now_ms)
            if not window.fits(1):
                self._knock(now_ms)
                raise orders_used_up(window.limit, name, window.retry_after_s(now_ms))
        for window, _ in windows:
            window.used += 1

    def forget(self) -> None:
        """Start over: no weight used, no ban."""
        self.weight.used = self.orders.used = self.orders_day.used = 0
        self._abuse = self._banned_until_ms = 0

    def headers(self) -> dict[str, str]:
        return {
            "X-MBX-USED-WEIGHT": str(self.weight.used),
            "X-MBX-USED-WEIGHT-1M": str(self.weight.used),
        }

    def order_headers(self) -> dict[str, str]:
        return {
            "X-MBX-ORDER-COUNT-10S": str(self.orders.used),
            "X-MBX-ORDER-COUNT-1D": str(self.orders_day.used),
        }

    def _knock(self, now_ms: int) -> None:
        self._abuse += 1
        if self._abuse > self._abuse_max:
            self._abuse = 0
            self._banned_until_ms = now_ms + self._ban_ms
