"""Running the engine's own commands, as an operator does, while the run goes on."""

import subprocess
import sys
import time
from collections.abc import Callable

from tests.chaos.world import World, take_environment

COMMAND_SECONDS = 60
Tend = Callable[[], None]


def start_command(world: World, *words: str) -> subprocess.Popen[str]:
    """Begin a command; what it prints is kept for whoever ends it."""
    take_environment(world)
    return subprocess.Popen(
        [sys.executable, "-m", "services.cli", *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_command(world: World, tend: Tend, *words: str) -> str:
    """Run a command until it succeeds, the workers going on; returns what it printed.

    A server may be down just now, and then it is asked again, as a person would.
    """
    deadline = time.monotonic() + COMMAND_SECONDS
    while True:
        process = start_command(world, *words)
        while process.poll() is None and time.monotonic() < deadline:
            tend()
            time.sleep(0.01)
        process.kill()
        said, told = process.communicate()
        if process.returncode == 0:
            return said
        if time.monotonic() >= deadline:
            raise RuntimeError(f"trimtab {' '.join(words)}: {process.returncode}: {told}")


def now_ms() -> int:
    return time.time_ns() // 1_000_000
