"""The queue as a command that only looks finds it: running, away, or never started.

Belongs here: joining Redis where it runs, without starting it, and what it says of the venues.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from rebalancer.errors import StoreUnavailable
from rebalancer.orders import VenueName
from rebalancer.ports import OrderQueue, TradingControls
from rebalancer.venue_tap import VenueTap
from resources.embedded import running_servers
from resources.embedded_process import is_served
from resources.settings import Settings
from resources.wiring import open_queue_and_controls


class TapAsFarAsKnown(VenueTap):
    """The venues' taps for a person's one look, which also serves while no queue is running."""

    def __init__(self, queue: OrderQueue | None) -> None:
        self._queue = queue

    def close_tap(self, venue: VenueName, *, for_ms: int) -> None:
        if self._queue is not None:
            self._queue.close_tap(venue, for_ms=for_ms)

    def tap_closed_ms(self, venue: VenueName) -> int:
        try:
            return 0 if self._queue is None else self._queue.tap_closed_ms(venue)
        except StoreUnavailable:
            return 0


@contextmanager
def redis_if_running(
    settings: Settings,
) -> Iterator[tuple[OrderQueue, TradingControls] | None]:
    home = settings.home.expanduser().absolute()
    if settings.redis_url is not None:
        url = settings.redis_url.get_secret_value()
        with open_queue_and_controls(settings, url) as opened:
            yield opened
    elif (home / "redis").is_dir() and is_served(home / "redis"):
        with (
            running_servers(home) as urls,
            open_queue_and_controls(settings, urls.redis_url) as opened,
        ):
            yield opened
    else:
        yield None
