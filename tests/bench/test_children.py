"""A program that is run to its end: what it says is told when it fails, and none of it stays."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from bench.children import run_to_end
from bench.failure import BenchFailed

STAYS = "import time; print('stays', flush=True); time.sleep(600)"
STARTS_ANOTHER = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {STAYS!r}], stdout=subprocess.PIPE)
child.stdout.readline()
open("pid", "w").write(str(child.pid))
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
    started = int((tmp_path / "pid").read_text())
    # Nobody may have collected it yet: a zombie has ended.
    assert not psutil.pid_exists(started) or psutil.Process(started).status() == "zombie"
