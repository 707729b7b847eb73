"""The only place that reads the time."""

import time
from datetime import UTC, date, datetime

from rebalancer.ports import Clock


class SystemClock(Clock):
    """This machine's clock."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


def utc_day(at_ms: int) -> date:
    """The UTC day of an instant."""
    return datetime.fromtimestamp(at_ms // 1_000, UTC).date()
