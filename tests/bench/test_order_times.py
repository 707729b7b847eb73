"""The way of an order in stages: nothing is counted twice, and nothing between them is left out."""

import pytest

from bench.failure import BenchFailed
from bench.figures import Percentiles
from bench.order_times import STAGES, SUMS, measure_stages

MILLISECOND = 1_000_000
WHOLE = {
    "queued": 0,
    "claimed": 1 * MILLISECOND,
    "gated": 3 * MILLISECOND,
    "permitted": 6 * MILLISECOND,
    "read": 10 * MILLISECOND,
    "replied": 15 * MILLISECOND,
    "answered": 21 * MILLISECOND,
    "acknowledged": 28 * MILLISECOND,
}


def test_every_stage_begins_where_the_one_before_ended() -> None:
    parts = list(STAGES.values())
    assert [last for _, last in parts[:-1]] == [first for first, _ in parts[1:]]
    assert SUMS["total"] == (parts[0][0], parts[-1][1])


def test_the_stages_of_one_order_add_up_to_its_whole_way() -> None:
    stages = measure_stages([WHOLE])
    assert sum(stages[name].p50 for name in STAGES) == stages["total"].p50 == 28
    assert stages["client"] == Percentiles(4, 4, 4)
    assert stages["to venue"].p99 == 10


def test_a_variant_without_a_stage_says_nothing_of_it() -> None:
    floor = {name: WHOLE[name] for name in ("queued", "read", "replied", "answered")}
    assert set(measure_stages([floor])) == {"venue", "answer", "to venue", "to answer"}


def test_an_order_that_lacks_a_moment_is_no_figure_but_a_failure() -> None:
    half = {name: at_ns for name, at_ns in WHOLE.items() if name != "acknowledged"}
    with pytest.raises(BenchFailed, match="acknowledged is noted for some"):
        measure_stages([WHOLE, half])
