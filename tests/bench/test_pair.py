"""`make bench-pair`: both sides run, each with its own code, and the copy is gone in the end."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.checkout import ROOT
from bench.failure import BenchFailed
from bench.pair import PACKAGES, Side, require_own_code
from tests.contract.cli import environment

FAILED, BAD_USAGE, INTERRUPTED = 1, 2, 130
START_SECONDS = END_SECONDS = 60
PAIR_SECONDS = 240
QUEUE = ("queue", "--depth", "10", "--orders", "12", "--repetitions", "1")

needs_checkout = pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="runs from files that are no git checkout"
)


def pair(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "bench.pair", *words],
        env=environment(TMPDIR=folder),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PAIR_SECONDS,
        check=False,
    )


def make_tree(folder: Path, *packages: str) -> Side:
    """Code that has so many of our packages, all of them empty."""
    for name in packages:
        (folder / "tree" / name).mkdir(parents=True)
        (folder / "tree" / name / "__init__.py").touch()
    return Side("before", folder / "tree", folder)


@pytest.mark.slow
@needs_checkout
def test_a_pair_compares_what_both_sides_measured_and_removes_its_copy(tmp_path: Path) -> None:
    ended = pair(tmp_path, "HEAD", *QUEUE, "--rounds", "2", "--figure", "claim wall_ms")
    assert ended.returncode == 0, ended.stderr
    head, *rows = ended.stdout.splitlines()
    assert head.split() == ["figure", "before", "after", "after", "/", "before"]
    assert [row.split("  ")[0] for row in rows] == [
        f"depth 10: steps claim wall_ms {figure}" for figure in ("p50", "p99", "max")
    ]
    turns = [line for line in ended.stderr.splitlines() if " of 2, " in line]
    assert [turn.split(":")[0] for turn in turns] == [
        "1 of 2, before",
        "1 of 2, after",
        "2 of 2, after",
        "2 of 2, before",
    ]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@needs_checkout
def test_a_pair_that_is_interrupted_removes_its_copy(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "bench.pair", "HEAD", *QUEUE],
        env=environment(TMPDIR=tmp_path),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        deadline = time.monotonic() + START_SECONDS
        # The benchmark's own folder is the second one here.
        while not list(tmp_path.glob("trimtab-bench-*/home")):
            assert process.poll() is None, "it ended by itself"
            assert time.monotonic() < deadline, f"it did not begin in {START_SECONDS} s"
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=END_SECONDS)
    assert process.returncode == INTERRUPTED
    assert "bench pair was interrupted; what it had started is ended" in said
    assert list(tmp_path.iterdir()) == []


@needs_checkout
def test_a_commit_that_is_none_is_refused_with_where_to_look(tmp_path: Path) -> None:
    ended = pair(tmp_path, "no-such-commit", *QUEUE)
    assert ended.returncode == FAILED
    assert "was 'no-such-commit'; `git log --oneline` lists them" in ended.stderr


def test_a_pair_of_nothing_shows_how_to_ask(tmp_path: Path) -> None:
    ended = pair(tmp_path, "")
    assert ended.returncode == BAD_USAGE
    assert "make bench-pair BEFORE=COMMIT" in ended.stderr


def test_a_side_runs_its_own_code_though_another_is_installed(tmp_path: Path) -> None:
    side = make_tree(tmp_path, *PACKAGES)
    require_own_code(side)
    child = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1]])"
    look = "import bench; print(bench.__file__)"
    printed = side.python("-c", child, look, seconds_max=60)
    assert printed.strip() == str(tmp_path / "tree" / "bench" / "__init__.py")


def test_a_side_that_lacks_a_package_is_refused_and_not_filled_up_with_ours(
    tmp_path: Path,
) -> None:
    side = make_tree(tmp_path, *(name for name in PACKAGES if name != "bench"))
    with pytest.raises(BenchFailed, match=r"before: .*bench"):
        require_own_code(side)
