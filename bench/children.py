"""Programs a benchmark starts: each says in one line of JSON when it is ready, and none is left.

Belongs here: starting and ending. What a program is told is its caller's business.
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.failure import BenchFailed

READY_SECONDS, STOP_SECONDS = 60, 30
TAIL_LENGTH = 2_000


@dataclass(frozen=True, slots=True)
class Child:
    """One running program."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def first_line(self) -> Any:
        """What it says when it is ready."""
        assert self.process.stdout is not None
        if select.select([self.process.stdout], [], [], READY_SECONDS)[0] and (
            line := self.process.stdout.readline()
        ):
            return json.loads(line)
        raise self.failure("was not ready")

    def await_end(self) -> None:
        """Wait until it has ended, as it was told to."""
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise self.failure(f"did not end in {STOP_SECONDS} s") from None
        if code != 0:
            raise self.failure(f"ended with code {code}")

    def failure(self, what: str) -> BenchFailed:
        return _failure(self.name, what, self.log)


@contextmanager
def running(
    module: str, *arguments: str, folder: Path, name: str, env: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """A module as a program of its own; ended with the block, by force if need be.

    In a session of its own, so that Ctrl-C reaches only us and we end what we started in order.
    """
    log = folder / f"{name}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.tethered", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(os.environ if env is None else env),
            cwd=folder,
            start_new_session=True,
        )
    try:
        yield Child(name, process, log)
    finally:
        _end(process)


def run_to_end(
    words: Sequence[str],
    *,
    name: str,
    folder: Path,
    log: Path,
    env: Mapping[str, str],
    seconds_max: float,
) -> str:
    """Run any program in a folder until it has ended well; what it printed.

    With all that it starts, in a session of its own as above; if we are interrupted, all of them
    are told to end. What it printed is in the log too, after what it said beside it.
    """
    with log.open("wb") as errors:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(env),
            cwd=folder,
            start_new_session=True,
        )
        try:
            printed, _ = process.communicate(timeout=seconds_max)
        except subprocess.TimeoutExpired:
            raise _failure(name, f"did not end in {seconds_max} s", log) from None
        finally:
            _end_group(process)
        errors.write(printed)
    if process.returncode != 0:
        raise _failure(name, f"ended with code {process.returncode}", log)
    return printed.decode(errors="replace")


def end_all(children: Sequence[Child]) -> None:
    """End them at the same time: one that waits for another's orders would wait for long."""
    for child in children:
        child.process.terminate()
    for child in children:
        # Told once: a second word would meet it without its handlers, on its way out.
        child.await_end()


def _end(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End a program that leads a session, and whoever else is in it."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.stdout is not None
    process.stdout.close()


def _failure(name: str, what: str, log: Path) -> BenchFailed:
    said = log.read_text(errors="replace")[-TAIL_LENGTH:] or "nothing"
    return BenchFailed(f"{name} {what}. The end of what it said:\n{said}")
