"""Venues' taps in a dictionary, by a clock of the test's."""

from collections.abc import Mapping

from rebalancer.errors import StoreUnavailable
from rebalancer.orders import VenueName
from rebalancer.ports import Clock
from rebalancer.venue_tap import VenueTap


class FakeTap(VenueTap):
    """Open until somebody closes it. `is_away`: its server does not answer."""

    def __init__(self, clock: Clock, *, is_away: bool = False) -> None:
        self._clock = clock
        self._is_away = is_away
        self._closed: dict[VenueName, int] = {}

    @property
    def closed(self) -> Mapping[VenueName, int]:
        """Until when each venue asked everybody to wait, in epoch milliseconds."""
        return dict(self._closed)

    def close_tap(self, venue: VenueName, *, for_ms: int) -> None:
        self._require_server()
        until_ms = self._clock.now_ms() + for_ms
        self._closed[venue] = max(until_ms, self._closed.get(venue, 0))

    def tap_closed_ms(self, venue: VenueName) -> int:
        self._require_server()
        return max(0, self._closed.get(venue, 0) - self._clock.now_ms())

    def _require_server(self) -> None:
        if self._is_away:
            raise StoreUnavailable("Redis is away")
