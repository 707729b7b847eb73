"""Processes a command starts: each with a log of its own, each ended with the command.

Belongs here: starting, watching and ending. Which programs run is told by the callers.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.cli.failures import CommandFailed, Exit

LEASH = Path(__file__).with_name("leash.py")
# A folder named `assets` where the person happens to stand must not pass for ours.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}
TAIL_LINES = 15
GRACE_SECONDS = 5.0
"""A short run under way ends by itself in this time; a drain session is told to leave after it."""
STOP_SECONDS = 12.0
POLL_SECONDS = 0.05
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What people and programs end us with."""


@dataclass(frozen=True, slots=True)
class Child:
    """One program that runs beside the command."""

    name: str
    log: Path
    process: "subprocess.Popen[str]"

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        """The end of its log, for an error message."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-TAIL_LINES:]) or "it left no log"

    def death(self) -> CommandFailed:
        """Tell which child died and what it said last."""
        code = self.process.returncode
        return CommandFailed(
            f"{self.name} ended with code {code}. The end of its log {self.log}:\n"
            f"{self.last_words()}",
            Exit.UNAVAILABLE,
        )


class Children:
    """Everything one command started, in order."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self._started: list[Child] = []

    def start(
        self, name: str, command: Sequence[str], *, env: Mapping[str, str], pipe: bool = False
    ) -> Child:
        """Start a program in a process group of its own, so that Ctrl-C reaches only us.

        Args:
            name: What people call it; its log is named after it.
            command: The program and its arguments.
            env: Its whole environment.
            pipe: Whether its output is read by us; its errors go to the log all the same.
        """
        self.logs.mkdir(parents=True, exist_ok=True)
        log = self.logs / f"{name.replace(' ', '-')}.log"
        with log.open("w") as file:
            process = subprocess.Popen(
                [sys.executable, "-I", str(LEASH), str(os.getpid()), *command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipe else file,
                stderr=file,
                env={**env, **SAFE_PATH},
                text=True,
                start_new_session=True,
            )
        child = Child(name, log, process)
        self._started.append(child)
        return child

    def dead(self) -> Child | None:
        """The first child that has ended although nobody told it to."""
        return next((child for child in self._started if child.has_ended()), None)

    def end(self) -> None:
        """End them all, the last one first; by force those that do not listen."""
        for child in reversed(self._started):
            if not child.has_ended():
                child.process.terminate()
        grace_until = time.monotonic() + GRACE_SECONDS
        for child in reversed(self._started):
            try:
                child.process.wait(max(0.0, grace_until - time.monotonic()))
            except subprocess.TimeoutExpired:
                # It waits for its own children: tell them as well.
                _signal_group(child.process.pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for child in reversed(self._started):
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
            _end_group(child.process.pid)
            if child.process.stdout is not None:
                child.process.stdout.close()


@contextmanager
def children(logs: Path) -> Iterator[Children]:
    """Programs that run as long as the block; ended whatever happens in it."""
    started = Children(logs)
    try:
        yield started
    finally:
        with _undisturbed():
            started.end()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C must not leave half of them running, nor may a terminal that closes."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_group(group: int) -> None:
    """End what a child left behind; its group's number cannot be reused while one lives."""
    if not _signal_group(group, signal.SIGTERM):
        return
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline:
        if not _signal_group(group, 0):
            return
        time.sleep(POLL_SECONDS)
    _signal_group(group, signal.SIGKILL)


def _signal_group(group: int, number: int) -> bool:
    """Signal every process of a group; False when none is left."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True
