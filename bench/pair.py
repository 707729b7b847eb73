"""`python -m bench.pair COMMIT BENCHMARK …`: what a change bought, measured in pairs.

The same benchmark runs with the code of a commit and with the code that is here, in turn, so that a
slow moment meets both; who goes first changes, so that neither gains by it. Each side is the whole
of it, programs it starts and the benchmark itself included, with the same interpreter and packages.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from bench.checkout import ROOT, copy, describe, is_changed, require_checkout, resolve
from bench.children import run_to_end
from bench.failure import BenchFailed
from bench.paired import Row, compare, table_of

PACKAGES = ("rebalancer", "resources", "assets", "sensors", "pipelines", "bench", "services")
REQUIREMENTS = "requirements/runtime.txt"
BENCH_SECONDS_MAX, LOOK_SECONDS_MAX = 3_600, 120
FAILED, INTERRUPTED = 1, 130
WHERE_FROM = (
    "import importlib.util, json, sys; "
    "print(json.dumps({name: importlib.util.find_spec(name).origin for name in sys.argv[1:]}))"
)


@dataclass(frozen=True, slots=True)
class Side:
    """Code that runs, and where its logs go."""

    name: str
    tree: Path
    folder: Path

    def python(self, *words: str, seconds_max: float) -> str:
        """Run the interpreter of this environment with the code of this side; what it printed."""
        return run_to_end(
            [sys.executable, *words],
            name=f"{self.name}: {' '.join(words[1:])}",
            # Elsewhere: `-m` looks into the working folder before anywhere else.
            folder=self.folder,
            log=self.folder / f"{self.name}.log",
            env=self._environment(),
            seconds_max=seconds_max,
        )

    def _environment(self) -> Mapping[str, str]:
        # Before what is installed, and inherited by whatever a benchmark starts.
        return {
            **{name: text for name, text in os.environ.items() if not name.startswith("PYTHON")},
            "PYTHONPATH": str(self.tree),
        }


def run_pair(commit: str, words: Sequence[str], *, rounds: int, figures: Sequence[str]) -> str:
    """Measure both sides in turn; a table of what both told.

    Args:
        commit: Whose code is the one before.
        words: A benchmark and its options, as after `trimtab bench`.
        rounds: How often each side runs.
        figures: Show only figures whose name holds one of these; without any, all.
    """
    require_checkout("a pair")
    before = resolve(commit)
    _require_same_packages(before)
    if is_changed(before, "bench", "services/cli/bench*.py"):
        _say("bench/ is another one there: a part of the difference may be how it was measured")
    with TemporaryDirectory(prefix="trimtab-bench-pair-") as folder:
        logs, tree = Path(folder) / "logs", Path(folder) / "before"
        logs.mkdir()
        copy(before, tree)
        sides = (Side("before", tree, logs), Side("after", ROOT, logs))
        for side, title in zip(sides, (describe(before), "as it is here"), strict=True):
            require_own_code(side)
            _say(f"{side.name}: {title}, in {side.tree}")
        told = [_measure_both(sides, words, number, rounds) for number in range(rounds)]
    compared = [
        row
        for row in compare(told)
        if not figures or any(figure in row.figure for figure in figures)
    ]
    if not compared:
        raise BenchFailed(f"--figure: no figure has {' or '.join(figures)} in its name")
    return table_of(compared)


def _measure_both(
    sides: tuple[Side, Side], words: Sequence[str], number: int, rounds: int
) -> tuple[Sequence[Row], Sequence[Row]]:
    before, after = sides
    in_turn = (before, after) if number % 2 == 0 else (after, before)
    told = {side.name: _measure(side, words, f"{number + 1} of {rounds}") for side in in_turn}
    return told[before.name], told[after.name]


def _measure(side: Side, words: Sequence[str], number: str) -> Sequence[Row]:
    started = time.monotonic()
    command = ("-m", "services.cli", "bench", *words, "--json")
    told: dict[str, Any] = json.loads(side.python(*command, seconds_max=BENCH_SECONDS_MAX))
    _say(f"{number}, {side.name}: {time.monotonic() - started:.0f} s")
    rows: Sequence[Row] = told["results"]
    return rows


def _require_same_packages(commit: str) -> None:
    if is_changed(commit, REQUIREMENTS):
        raise BenchFailed(
            f"{REQUIREMENTS} differs from that of {describe(commit)}: one environment cannot run "
            "both. Choose a commit that pins the same, or clone each and measure it by itself"
        )


def require_own_code(side: Side) -> None:
    """Compile all of it, so that neither side is the colder one, and see that it is what runs.

    Raises:
        BenchFailed: a package of ours would come from anywhere else.
    """
    folders = [str(side.tree / name) for name in PACKAGES]
    side.python("-m", "compileall", "-q", *folders, seconds_max=LOOK_SECONDS_MAX)
    printed = side.python("-c", WHERE_FROM, *PACKAGES, seconds_max=LOOK_SECONDS_MAX)
    for name, origin in json.loads(printed).items():
        if side.tree.resolve() not in Path(origin).resolve().parents:
            raise BenchFailed(f"{side.name}: {name} would come from {origin}, not {side.tree}")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _interrupt(number: int, frame: object) -> NoReturn:
    del number, frame
    raise KeyboardInterrupt


def _read_words() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(
        prog="make bench-pair",
        usage='make bench-pair BEFORE=COMMIT ARGS="[--rounds N] [--figure TEXT] BENCHMARK ..."',
        allow_abbrev=False,
    )
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, choices=range(1, 101), default=3, metavar="1-100")
    parser.add_argument("--figure", action="append", default=[])
    known, words = parser.parse_known_args()
    if not known.commit or not words:
        parser.error("expected a commit and a benchmark, such as: throughput --variant one")
    return known, words


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    asked, words = _read_words()
    try:
        table = run_pair(asked.commit, words, rounds=asked.rounds, figures=asked.figure)
    except BenchFailed as failure:
        _say(f"bench pair: {failure}")
        return FAILED
    except KeyboardInterrupt:
        _say("bench pair was interrupted; what it had started is ended, and its copy is removed")
        return INTERRUPTED
    with suppress(BrokenPipeError):
        print(table, flush=True)  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
