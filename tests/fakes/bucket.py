"""Token buckets in whole units: the same arithmetic as in lua/rates.lua."""

from rebalancer.queue import CallKind
from resources.rate_limit import RateLimit


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
        """Keep only what new orders must leave: what was sent before is forgotten here alone."""
        for window in self._windows:
            self._tokens[window.name], self._at_us[window.name] = window.reserve_units, now_us
