"""Percentiles, windows and shares: what benchmarks say must follow from what they saw."""

from bench.figures import (
    SECOND_NS,
    Percentiles,
    Spread,
    most_in_a_window,
    percentile,
    percentiles_of,
    share_of_rate,
    spread_of,
)


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(reversed(values), 50) == 50
    assert percentile(values, 99) == 99
    assert percentile(values, 100) == 100
    assert percentile([7.0], 99) == 7


def test_of_few_values_the_99th_percentile_is_the_largest() -> None:
    assert percentiles_of([3.0, 1.0, 2.0]) == Percentiles(p50=2, p99=3, max=3)


def test_one_slow_order_of_a_thousand_shows_in_the_maximum_only() -> None:
    assert percentiles_of([*[1.0] * 999, 500.0]) == Percentiles(p50=1, p99=1, max=500)


def test_a_spread_keeps_the_least_and_the_most_beside_the_median() -> None:
    assert spread_of([5.0, 1.0, 2.0]) == Spread(median=2, least=1, most=5)


def test_a_window_counts_wherever_it_begins() -> None:
    half = SECOND_NS // 2
    assert most_in_a_window([]) == 0
    assert most_in_a_window([0, half, half + 1, SECOND_NS - 1, SECOND_NS + half]) == 4
    # Two bursts on both sides of a full second are one burst.
    assert most_in_a_window([SECOND_NS - 2, SECOND_NS - 1, SECOND_NS, SECOND_NS + 1]) == 4


def test_an_event_exactly_one_window_later_is_outside_of_it() -> None:
    assert most_in_a_window([0, SECOND_NS]) == 1
    assert most_in_a_window([0, SECOND_NS - 1]) == 2


def test_events_at_even_distances_of_a_rate_use_all_of_it() -> None:
    times = [number * SECOND_NS // 4 for number in range(41)]
    assert share_of_rate(times, 4) == 1
    assert share_of_rate(times, 8) == 0.5
