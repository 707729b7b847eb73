"""A pair: each round is compared with itself, and only what both sides tell is compared."""

import pytest

from bench.failure import BenchFailed
from bench.figures import Spread
from bench.paired import Compared, Row, compare, table_of


def one(per_second: float, *, variant: str = "one", **more: object) -> Row:
    figure = {"median": per_second, "least": 0, "most": 9_999}
    return {"variant": variant, "title": "1 drain", "orders": 100, "per_second": figure, **more}


def test_a_ratio_is_taken_round_by_round() -> None:
    # A slow moment halved both sides of the second round: the ratio does not know of it.
    rounds = [([one(100)], [one(200)]), ([one(50)], [one(100)]), ([one(100)], [one(300)])]
    assert compare(rounds) == [Compared("one: per_second", 100, 200, Spread(2, 2, 3))]


def test_figures_of_figures_have_names_of_their_own() -> None:
    stages = {"total": {"p50": {"median": 4, "least": 4, "most": 4}}}
    row = {"variant": "engine", "depth": 10, "round_trip_ms": 10.0, "stages_ms": stages}
    assert [found.figure for found in compare([([row], [row])])] == [
        "engine, depth 10, round_trip_ms 10.0: stages_ms total p50"
    ]


def test_a_side_that_knows_no_distance_is_compared_with_the_venue_on_loopback() -> None:
    stages = {"total": {"p50": {"median": 4, "least": 4, "most": 4}}}
    old = {"variant": "engine", "depth": 10, "stages_ms": stages}
    far = {"total": {"p50": {"median": 40, "least": 40, "most": 40}}}
    new = [old | {"round_trip_ms": 0.0}, old | {"round_trip_ms": 10.0, "stages_ms": far}]
    assert [(found.figure, found.after) for found in compare([([old], new)])] == [
        ("engine, depth 10, round_trip_ms 0.0: stages_ms total p50", 4)
    ]


def test_a_count_of_nothing_is_shown_and_has_no_ratio() -> None:
    before, after = one(1, doubled=0), one(1, doubled=2)
    assert compare([([before], [after])])[1] == Compared("one: doubled", 0, 2, None)


def test_what_only_one_side_tells_is_left_out() -> None:
    before, after = one(100), one(100, concurrency=10, share=0.5)
    rounds = [([before, one(7, variant="two")], [after])]
    assert [row.figure for row in compare(rounds)] == ["one: per_second"]


def test_two_rows_of_one_name_are_refused_and_not_mixed() -> None:
    older, newer = [one(1)], [one(1, concurrency=1), one(2, concurrency=2)]
    with pytest.raises(BenchFailed, match="one: per_second: told twice by one side"):
        compare([(older, newer)])


def test_sides_without_a_common_figure_are_refused() -> None:
    with pytest.raises(BenchFailed, match="no figure in common"):
        compare([([one(1)], [one(1, variant="two")])])


def test_a_table_says_before_after_and_the_spread_of_the_ratios() -> None:
    rows = [
        Compared("one: per_second", 233.4, 1_234.5, Spread(5.3, 5.1, 5.5)),
        Compared("one: doubled", 0, 0, None),
    ]
    assert table_of(rows).splitlines() == [
        "figure           before  after    after / before",
        "one: per_second     233  1,234  5.30 (5.10–5.50)",
        "one: doubled          0      0                 –",
    ]
