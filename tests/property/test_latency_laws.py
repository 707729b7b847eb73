"""Laws of the latency estimate: the median of the last five answers, unknown after a failure."""

from statistics import median_high

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.latency import LatencyEstimate

trips_ms = st.integers(0, 10_000)


def _estimate(answers: list[int | None]) -> int | None:
    estimate = LatencyEstimate()
    for answer in answers:
        if answer is None:
            estimate.observe_failure()
        else:
            estimate.observe(answer)
    return estimate.round_trip_ms


@given(st.lists(trips_ms | st.none()))
def test_it_is_the_median_of_the_last_five_or_unknown(answers: list[int | None]) -> None:
    known = [answer for answer in answers if answer is not None][-5:]
    if not answers or answers[-1] is None:
        assert _estimate(answers) is None
    else:
        assert _estimate(answers) == median_high(known)


@given(st.lists(trips_ms, min_size=2), trips_ms)
def test_one_odd_answer_never_leaves_the_range_of_the_others(answers: list[int], odd: int) -> None:
    found = _estimate([*answers, odd])
    assert found is not None
    assert min(answers) <= found <= max(answers)


@given(st.lists(trips_ms | st.none()), trips_ms)
def test_a_real_change_is_followed_within_three_answers(
    before: list[int | None], now_ms: int
) -> None:
    assert _estimate([*before, now_ms, now_ms, now_ms]) == now_ms
