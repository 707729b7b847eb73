"""The rows a benchmark reports: repetitions brought together, variants compared pair by pair."""

from bench.figures import Percentiles
from bench.latency import LatencyRun
from bench.machine import UNKNOWN, read_cpu
from bench.startup import StartupRun
from bench.throughput import ThroughputRun
from services.cli.bench_tables import latency_result, startup_result, throughput_result


def one_latency(
    variant: str, depth: int | None, p99: float, *, doubled: int = 0, round_trip_ms: float = 0
) -> LatencyRun:
    figures = Percentiles(p50=1, p99=p99, max=p99)
    names = ("to answer",) if depth is None else ("to venue", "to answer", "total")
    stages = dict.fromkeys(names, figures)
    return LatencyRun(variant, depth, round_trip_ms, 100, doubled, stages)


def one_throughput(variant: str, seconds: float, *, concurrency: int = 10) -> ThroughputRun:
    share = 0.97 if variant == "rated" else None
    return ThroughputRun(variant, concurrency, 100, seconds, 1, 0, 1.0, 3, seconds, share)


def test_each_repetition_is_compared_with_the_one_that_ran_beside_it() -> None:
    rows = latency_result(
        [
            one_latency("floor", None, 1),
            one_latency("engine", 10, 3),
            one_latency("baseline", 10, 30),
            one_latency("floor", None, 2),
            one_latency("engine", 10, 5, doubled=1),
            one_latency("baseline", 10, 100),
        ]
    )
    assert [(row["variant"], row["depth"]) for row in rows] == [
        ("floor", None),
        ("engine", 10),
        ("baseline", 10),
    ]
    engine = rows[1]
    assert engine["repetitions"] == 2
    assert engine["doubled"] == 1
    assert engine["stages_ms"]["total"]["p99"] == {"median": 4, "least": 3, "most": 5}
    assert engine["above_floor_p99_ms"] == {"median": 2.5, "least": 2, "most": 3}
    faster = engine["times_faster_than_baseline_total_p99"]
    assert faster == {"median": 15, "least": 10, "most": 20}
    assert "above_paced_floor_p99_ms" not in engine


def test_a_run_is_compared_with_those_at_the_same_distance_only() -> None:
    rows = latency_result(
        [
            one_latency("floor", None, 1),
            one_latency("engine", 10, 4),
            one_latency("baseline", 10, 2),
            one_latency("baseline alone", 10, 1),
            one_latency("floor", None, 12, round_trip_ms=10),
            one_latency("engine", 10, 20, round_trip_ms=10),
            one_latency("baseline", 10, 900, round_trip_ms=10),
            one_latency("baseline alone", 10, 40, round_trip_ms=10),
        ]
    )
    near, far = (row for row in rows if row["variant"] == "engine")
    assert [near["round_trip_ms"], far["round_trip_ms"]] == [0, 10]
    for row, above, paced, alone in ((near, 3, 0.5, 0.25), (far, 8, 45, 2)):
        assert row["above_floor_p99_ms"]["median"] == above
        for stage in ("to_venue", "total"):
            assert row[f"times_faster_than_baseline_{stage}_p99"]["median"] == paced
            assert row[f"times_faster_than_baseline_alone_{stage}_p99"]["median"] == alone


def test_a_drain_is_told_as_a_share_of_the_floor_and_a_rated_one_of_its_rate() -> None:
    floor, drain, rated = throughput_result(
        [one_throughput("floor", 1), one_throughput("one", 4), one_throughput("rated", 30)]
    )
    assert "share_of_floor" not in floor
    assert drain["share_of_floor"]["median"] == 0.25
    assert drain["per_second"]["median"] == 25
    assert drain["cpu_ms_per_order"]["median"] == 4
    assert rated["share_of_rate"]["median"] == 0.97
    assert "share_of_floor" not in rated
    assert rated["most_in_a_second"] == 3


def test_a_drain_is_a_share_of_the_floor_with_as_many_orders_at_once() -> None:
    rows = throughput_result(
        [
            one_throughput("floor", 1, concurrency=1),
            one_throughput("one", 2, concurrency=1),
            one_throughput("floor", 2, concurrency=20),
            one_throughput("one", 8, concurrency=20),
        ]
    )
    assert [(row["variant"], row["concurrency"]) for row in rows] == [
        ("floor", 1),
        ("one", 1),
        ("floor", 20),
        ("one", 20),
    ]
    assert [rows[number]["share_of_floor"]["median"] for number in (1, 3)] == [0.5, 0.25]


def test_times_of_one_thing_are_one_row() -> None:
    runs = [StartupRun("a", 1.0), StartupRun("b", 7.0), StartupRun("a", 3.0)]
    assert startup_result(runs) == [
        {"what": "a", "times": 2, "seconds": {"median": 2, "least": 1, "most": 3}},
        {"what": "b", "times": 1, "seconds": {"median": 7, "least": 7, "most": 7}},
    ]


def test_the_processor_is_named_as_the_system_names_it() -> None:
    assert read_cpu("processor\t: 0\nmodel name\t: Fast 9000 @ 3 GHz\n") == "Fast 9000 @ 3 GHz"
    assert read_cpu("") == UNKNOWN
