"""Token buckets in whole units, and orders on their way: as in rates.lua and permit.lua."""

from rebalancer.queue import CallKind
from resources.rate_limit import RateLimit

FLIGHT_MS = 1_000
SOON_MS = 100


class Buckets:
    """Every budget of one venue: a call takes from all of them or from none."""

    def __init__(self, rate: RateLimit) -> None:
        self._windows = rate.windows
        self._draws = {kind: rate.draws(kind) for kind in CallKind}
        self._tokens: dict[str, int] = {}
        self._at_us: dict[str, int] = {}

    def take(self, kind: CallKind, now_us: int) -> int:
        """Take what a call costs and return 0, or the milliseconds until it could be had."""
        draws = self._draws[kind]
        waits_ms = [0]
        for draw in draws:
            earned = max(0, now_us - self._at_us.get(draw.name, now_us)) * draw.rate
            held = min(draw.capacity, self._tokens.get(draw.name, draw.capacity) + earned)
            self._tokens[draw.name], self._at_us[draw.name] = held, now_us
            missing = draw.cost + draw.floor - held
            waits_ms.append(max(0, -(-missing // (draw.rate * 1000))))
        if max(waits_ms) == 0:
            for draw in draws:
                self._tokens[draw.name] -= draw.cost
        return max(waits_ms)

    def begin_after_loss(self, now_us: int) -> None:
        """Nobody knows here what was sent until now; the venue does."""
        for window in self._windows:
            self._tokens[window.name], self._at_us[window.name] = window.spent_units, now_us


class Flights:
    """Attempts to send to one venue that are on their way, or arrived within the last second."""

    def __init__(self, flights_max: int) -> None:
        self._max = flights_max
        self._until_ms: dict[tuple[str, int], int] = {}

    def wait_ms(self, now_ms: int) -> int:
        """0 when one more may leave, or when to ask again."""
        self._until_ms = {key: at for key, at in self._until_ms.items() if at > now_ms}
        if len(self._until_ms) < self._max:
            return 0
        wait_ms = min(self._until_ms.values()) - now_ms
        return wait_ms if wait_ms <= FLIGHT_MS + 1 else SOON_MS

    def take_off(self, order_id: str, *, sent_at_ms: int, lease_until_ms: int) -> None:
        self._until_ms[order_id, sent_at_ms] = lease_until_ms + FLIGHT_MS + 1

    def land(self, order_id: str, *, sent_at_ms: int, now_ms: int) -> None:
        key = order_id, sent_at_ms
        if key in self._until_ms:
            self._until_ms[key] = min(self._until_ms[key], now_ms + FLIGHT_MS + 1)
