"""What many measured times come to. Pure: times in, figures out."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Percentiles:
    """One repetition: of so many values, the middle one, the 99th of a hundred, the largest."""

    p50: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over several repetitions."""

    median: float
    least: float
    most: float


def percentile(values: Iterable[float], percent: int) -> float:
    """The smallest value that at least so many percent of all do not exceed: one that was seen."""
    ordered = sorted(values)
    assert ordered, "no values"
    assert 0 < percent <= 100, percent
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


def percentiles_of(values: Sequence[float]) -> Percentiles:
    return Percentiles(percentile(values, 50), percentile(values, 99), max(values))


def spread_of(values: Iterable[float]) -> Spread:
    found = list(values)
    return Spread(median(found), min(found), max(found))


def most_in_a_window(times_ns: Iterable[int], window_ns: int = SECOND_NS) -> int:
    """The most events in any window of this length, wherever it begins; its end is outside."""
    ordered, most, first = sorted(times_ns), 0, 0
    for last, at_ns in enumerate(ordered):
        while at_ns - ordered[first] >= window_ns:
            first += 1
        most = max(most, last - first + 1)
    return most


def share_of_rate(times_ns: Iterable[int], per_second: int) -> float:
    """Of what a rate allows from the first event to the last, the share that happened.

    The first event begins the time and is not counted: n events at even distances of 1 / rate are
    a share of exactly 1.
    """
    ordered = sorted(times_ns)
    assert len(ordered) > 1, "a rate needs two events"
    seconds = (ordered[-1] - ordered[0]) / SECOND_NS
    return (len(ordered) - 1) / (per_second * seconds)
