"""Each benchmark from its command to its result, with counts too small to mean anything.

Nothing here judges a time: only that everything was measured, nothing doubled, nothing left behind.
"""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.cli import command, environment, trimtab

INTERRUPTED, BAD_INPUT = 130, 2
START_SECONDS = END_SECONDS = 60
ONCE = ("--orders", "12", "--repetitions", "1", "--json")


def results(folder: Path, *words: str) -> list[dict[str, Any]]:
    ended = trimtab("bench", *words, env=own_environment(folder), cwd=folder)
    assert ended.code == 0, ended.said
    told = ended.json()
    assert told["benchmark"] == words[0]
    assert told["machine"]["cores"] == os.cpu_count()
    assert list(folder.iterdir()) == []
    rows: list[dict[str, Any]] = told["results"]
    return rows


def own_environment(folder: Path) -> dict[str, str]:
    """Whatever a benchmark makes, it makes below a folder that is watched."""
    return environment(TMPDIR=folder)


@pytest.mark.slow
def test_latency_measures_every_stage_of_engine_baseline_and_floor(tmp_path: Path) -> None:
    words = ("--depth", "10", "--depth", "50", "--round-trip-ms", "4", "--round-trip-ms", "0")
    rows = results(tmp_path, "latency", *ONCE, *words)
    assert [(row["variant"], row["depth"], row["round_trip_ms"]) for row in rows] == [
        ("floor", None, 0),
        ("paced floor", None, 0),
        ("engine", 10, 0),
        ("baseline", 10, 0),
        ("baseline alone", 10, 0),
        ("engine", 50, 0),
        ("baseline", 50, 0),
        ("baseline alone", 50, 0),
        ("floor", None, 4),
        ("paced floor", None, 4),
        ("engine", 10, 4),
        ("baseline", 10, 4),
        ("baseline alone", 10, 4),
    ]
    assert {row["orders"] for row in rows} == {12}
    assert sum(row["doubled"] for row in rows) == 0
    assert {"queue", "gate", "permit", "client", "venue", "books", "total"} <= set(
        rows[2]["stages_ms"]
    )
    assert rows[2]["times_faster_than_baseline_total_p99"]["median"] > 0
    # There and back twice, for a connection and the ping, and then there.
    assert rows[-1]["stages_ms"]["to venue"]["p50"]["least"] >= 2.5 * 4


@pytest.mark.slow
def test_throughput_ends_every_order_once_and_keeps_the_rate(tmp_path: Path) -> None:
    rows = {row["variant"]: row for row in results(tmp_path, "throughput", *ONCE)}
    assert list(rows) == ["floor", "one", "three", "rated"]
    assert sum(row["doubled"] for row in rows.values()) == 0
    assert rows["rated"]["most_in_a_second"] <= 3


@pytest.mark.slow
def test_throughput_measures_each_number_of_orders_at_once_beside_its_own_floor(
    tmp_path: Path,
) -> None:
    words = ("--concurrency", "4", "--concurrency", "2", "--variant", "floor", "--variant", "one")
    rows = results(tmp_path, "throughput", *ONCE, *words)
    assert [(row["concurrency"], row["variant"]) for row in rows] == [
        (2, "floor"),
        (2, "one"),
        (4, "floor"),
        (4, "one"),
    ]
    assert all("share_of_floor" in row for row in rows if row["variant"] == "one")


@pytest.mark.slow
def test_startup_measures_commands_drains_and_a_session_that_waits(tmp_path: Path) -> None:
    rows = results(tmp_path, "startup", *ONCE[2:], "--orders", "2", "--no-dagster", "--no-demo")
    assert [row["times"] for row in rows] == [1, 1, 1, 1, 1, 1, 2, 1]
    assert rows[-1]["what"] == "trimtab drain: first order at the venue"


@pytest.mark.slow
def test_queue_measures_every_step_at_every_depth(tmp_path: Path) -> None:
    rows = results(tmp_path, "queue", *ONCE, "--depth", "1000", "--depth", "10")
    assert [row["depth"] for row in rows] == [10, 1_000]
    assert set(rows[0]["steps"]) == {"enqueue", "claim", "permit", "acknowledge"}
    assert rows[1]["bytes_per_order"] > 0


@pytest.mark.slow
def test_an_interrupted_benchmark_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # At 100 orders a second these take most of a minute: there is time to interrupt.
    words = ("latency", "--orders", "5000", "--depth", "10", "--variant", "engine")
    interrupt(tmp_path, words, when="trimtab-bench-*/drain session *.log")


@pytest.mark.slow
def test_a_queue_that_is_being_filled_can_be_interrupted(tmp_path: Path) -> None:
    # Two million take minutes; a queue that is not filled has no log of this size.
    log = "trimtab-bench-*/home/*/appendonlydir/*"
    interrupt(tmp_path, ("queue", "--depth", "2000000"), when=log, bytes_min=5_000_000)


def test_a_variant_that_is_none_is_refused_with_those_there_are(tmp_path: Path) -> None:
    ended = trimtab(
        "bench", "throughput", "--variant", "two", env=own_environment(tmp_path), cwd=tmp_path
    )
    assert ended.code == BAD_INPUT
    assert "--variant: expected one of floor, one, three, rated, was two" in ended.said


@pytest.mark.parametrize("bad", ["-1", "1000.5", "nan", "far"])
def test_a_distance_that_is_none_is_refused_before_anything_starts(
    tmp_path: Path, bad: str
) -> None:
    words = ("bench", "latency", "--round-trip-ms", bad)
    ended = trimtab(*words, env=own_environment(tmp_path), cwd=tmp_path)
    assert ended.code == BAD_INPUT
    assert "--round-trip-ms" in ended.said
    assert list(tmp_path.iterdir()) == []


def interrupt(folder: Path, words: Sequence[str], *, when: str, bytes_min: int = 0) -> None:
    """Send Ctrl-C to a benchmark once a file is there, and see it end in order."""
    with subprocess.Popen(
        command("bench", *words),
        env=own_environment(folder),
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            await_file(folder, when, process, bytes_min=bytes_min)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=END_SECONDS)
        finally:
            process.terminate()
    assert process.returncode == INTERRUPTED
    assert f"bench {words[0]} was interrupted; everything it had started is ended" in said
    assert list(folder.iterdir()) == []


def await_file(
    folder: Path, pattern: str, process: "subprocess.Popen[str]", *, bytes_min: int = 0
) -> None:
    """Return once a file of this pattern is there, and holds so much."""
    deadline = time.monotonic() + START_SECONDS
    while not any(file.stat().st_size >= bytes_min for file in folder.glob(pattern)):
        assert process.poll() is None, "it ended by itself"
        assert time.monotonic() < deadline, f"no {pattern} in {START_SECONDS} s"
        time.sleep(0.1)
