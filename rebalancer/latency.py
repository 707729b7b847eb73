"""How slow the venue is now, from its last few answers."""

from collections import deque

_SAMPLES = 5


class LatencyEstimate:
    """The median of the last five round trips; unknown until the first, infinite after a failure.

    A median follows a real change within three answers and is not moved by one slow answer. A
    failed probe is infinite latency, not a large number: nothing that compares it can pass.
    """

    def __init__(self) -> None:
        self._samples: deque[int] = deque(maxlen=_SAMPLES)
        self._last_failed = False

    def observe(self, round_trip_ms: int) -> None:
        assert round_trip_ms >= 0, round_trip_ms
        self._samples.append(round_trip_ms)
        self._last_failed = False

    def observe_failure(self) -> None:
        self._last_failed = True

    @property
    def round_trip_ms(self) -> int | None:
        """Milliseconds, or None while the venue does not answer or has not been asked."""
        if self._last_failed or not self._samples:
            return None
        ordered = sorted(self._samples)
        return ordered[len(ordered) // 2]
