"""A program that is run to its end: what it says is told when it fails, and none of it stays."""

import fcntl
import os
import sys
import time
from pathlib import Path

import pytest

from bench.children import run_to_end
from bench.failure import BenchFailed

STAYS_SECONDS = 60
STAYS = f"""
import fcntl, time
held = open("held", "w")
fcntl.flock(held, fcntl.LOCK_EX)
print("stays", flush=True)
time.sleep({STAYS_SECONDS})
"""
STARTS_ANOTHER = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {STAYS!r}], stdout=subprocess.PIPE)
child.stdout.readline()
open("started", "w").close()
child.wait()
"""


def run(folder: Path, program: str, *, seconds_max: float = 60) -> str:
    return run_to_end(
        [sys.executable, "-c", program],
        name="a program",
        folder=folder,
        log=folder / "log",
        env=os.environ,
        seconds_max=seconds_max,
    )


def test_what_a_program_printed_is_its_answer(tmp_path: Path) -> None:
    assert run(tmp_path, "import sys; print(7); print('aside', file=sys.stderr)") == "7\n"


def test_of_a_program_that_fails_both_outputs_are_told(tmp_path: Path) -> None:
    program = "import sys; print('printed'); print('said', file=sys.stderr); sys.exit(3)"
    with pytest.raises(BenchFailed, match=r"a program ended with code 3.*\nsaid\nprinted"):
        run(tmp_path, program)


def test_a_program_that_takes_too_long_ends_with_all_it_started(tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="a program did not end in 3 s"):
        run(tmp_path, STARTS_ANOTHER, seconds_max=3)
    assert (tmp_path / "started").exists()
    # The kernel lets go of the lock as its holder ends, a moment after it was told to: one that
    # stayed would hold it for a minute.
    began = time.monotonic()
    with (tmp_path / "held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
    assert time.monotonic() - began < STAYS_SECONDS / 2
