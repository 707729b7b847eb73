"""A clock that stands still until a test moves it."""

from rebalancer.ports import Clock
from tests.factories import NOW_MS


class FakeClock(Clock):
    def __init__(self, now_ms: int = NOW_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def advance(self, ms: int) -> None:
        assert ms >= 0, ms
        self._now_ms += ms
