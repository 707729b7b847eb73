"""One direction of a connection to a venue that is some way off."""

import asyncio
from collections import deque
from collections.abc import Callable


class OneWay:
    """What is sent arrives so much later, in the order it was sent. Needs a running loop."""

    def __init__(self, seconds: float) -> None:
        assert seconds > 0, seconds
        self._seconds = seconds
        self._under_way: deque[Callable[[], None]] = deque()
        self._last_due = 0.0

    def send(self, arrive: Callable[[], None], *, later_seconds: float = 0.0) -> None:
        """Have `arrive` called when it is there; what is sent after it does not overtake it."""
        loop = asyncio.get_running_loop()
        due = loop.time() + self._seconds + later_seconds
        self._last_due = max(due, self._last_due)
        self._under_way.append(arrive)
        # The oldest each time: a loop promises no order for what is due at the same moment.
        loop.call_at(self._last_due, lambda: self._under_way.popleft()())
