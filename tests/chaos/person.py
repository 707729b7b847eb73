"""The person who is told that a portfolio is frozen: looks, settles what is not ours, adopts.

Belongs here: acting on a freeze with the commands that a person has, while the run goes on, and
remembering when nothing may have been sent.
"""

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Callable

from rebalancer.controls import HaltKind
from rebalancer.errors import RebalancerError
from rebalancer.ports import TradingControls
from resources.settings_file import load_settings
from resources.wiring import open_queue_and_controls
from tests.chaos.commands import now_ms, start_command
from tests.chaos.facts import Period
from tests.chaos.world import PORTFOLIO, World, read_urls

LOOK_SECONDS = 0.25
THINK_MS = 1_500
"""How long a freeze stands at least before a person answers it: there must be time to trespass."""
COMMAND_SECONDS = 60
FORGET_MS = 10_000
ENDED = "ended on the books and open at the venue"
STANDING = re.compile(r"(\d+) \((?:buy|sell) ")


class Person:
    """Looks whenever asked to, and has at most one command running."""

    def __init__(self, world: World, done: Counter[str]) -> None:
        self._world, self._done = world, done
        self._looks_at = 0.0
        self._frozen_since_ms: int | None = None
        self._command: subprocess.Popen[str] | None = None
        self._words: tuple[str, ...] = ()
        self._begun_ms = 0
        self._to_settle: list[str] = []
        self._may_adopt = True
        self.periods: list[Period] = []
        self.freezes: Counter[str] = Counter()

    @property
    def is_busy(self) -> bool:
        """Whether a freeze is known and not yet answered."""
        return self._frozen_since_ms is not None

    def look(self) -> None:
        """One step: end a command, begin one, or look whether there is anything to do."""
        if self._command is not None:
            if self._command.poll() is None and now_ms() < self._begun_ms + COMMAND_SECONDS * 1_000:
                return
            self._end_command(self._command)
        elif time.monotonic() >= self._looks_at:
            self._looks_at = time.monotonic() + LOOK_SECONDS
            self._look_at_freeze()

    def leave(self) -> None:
        if self._command is not None:
            self._command.kill()
            self._command.communicate()

    def _look_at_freeze(self) -> None:
        try:
            reason = _freeze(self._world)
        except RebalancerError:
            return
        if reason is None:
            # Nobody but the person lifts it; a Redis that lost everything gets it back.
            self._forget_answered()
            return
        if self._frozen_since_ms is None:
            self._frozen_since_ms = now_ms()
            self.freezes[_kind_of(reason)] += 1
        elif now_ms() >= self._frozen_since_ms + THINK_MS:
            self._begin_command()

    def _forget_answered(self) -> None:
        """A command that was cut off may have lifted the freeze all the same."""
        if self._begun_ms and now_ms() > self._begun_ms + FORGET_MS:
            self._frozen_since_ms = None

    def _begin_command(self) -> None:
        if self._to_settle:
            venue_order_id = self._to_settle.pop()
            # Both answers in turn: left alone for good, or ours from now on.
            is_ours = self._may_adopt and int(venue_order_id) % 2 == 0
            self._words = ("adopt", venue_order_id) if is_ours else ("ignore", venue_order_id)
            self._words += () if is_ours else ("--reason", "chaos")
        else:
            self._words = ("adopt",)
        self._begun_ms = now_ms()
        words = ("orders", *self._words, "--portfolio", PORTFOLIO, "--yes", "--json")
        self._command = start_command(self._world, *words)

    def _end_command(self, command: subprocess.Popen[str]) -> None:
        self._command = None
        command.kill()
        _, told = command.communicate()
        what = "orders " + " ".join(word for word in self._words if not word.isdigit())
        self._done[f"{what}: exit {command.returncode}"] += 1
        if command.returncode == 0 and self._words == ("adopt",):
            since_ms = self._frozen_since_ms or self._begun_ms
            self.periods.append(Period(since_ms, self._begun_ms, "freeze"))
            self._frozen_since_ms = None
        elif self._words == ("adopt",) and ("not ours" in told or ENDED in told):
            self._to_settle = STANDING.findall(told)
            self._may_adopt = ENDED not in told


def _freeze(world: World) -> str | None:
    """Why the portfolio is frozen, or None. Raises StoreUnavailable."""
    return _with_controls(
        world,
        lambda controls: next(
            (halt.reason for halt in controls.halts() if halt.kind is HaltKind.FREEZE), None
        ),
    )


def _with_controls(world: World, ask: Callable[[TradingControls], str | None]) -> str | None:
    settings, urls = load_settings(world.settings_file), read_urls(world.urls_file)
    with open_queue_and_controls(settings, urls.redis_url) as (_, controls):
        return ask(controls)


def _kind_of(reason: str) -> str:
    for words in (
        "open orders are not ours",
        "balances moved without us",
        "the books said",
        "ended on the books are open",
    ):
        if words in reason:
            return f"frozen: {words}"
    return f"frozen: {json.dumps(reason)[:60]}"
