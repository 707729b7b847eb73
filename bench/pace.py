"""When each of a row of orders is due, so that so many come a second."""

import time


class Pace:
    """Counts from the moment it was made. An order that is late does not make the next one late."""

    def __init__(self, per_second: int) -> None:
        assert per_second > 0, per_second
        self._per_second = per_second
        self._started = time.monotonic()

    def seconds_until(self, number: int) -> float:
        """How long until this order is due; 0 when it is."""
        return max(0.0, self._started + number / self._per_second - time.monotonic())
