"""Ports that kill their own process, with -9, just before or just after a chosen call.

Belongs here: which steps there are, and the proxy. The steps are read off the ports that a desk
holds, so a method or a port that is added joins by itself.
"""

import dataclasses
import inspect
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast, get_args, get_type_hints

from rebalancer.desk import Desk
from rebalancer.ports import Clock

When = Literal["before", "after"]
Port = TypeVar("Port")


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """The instant before or after one call takes effect."""

    port: str
    method: str
    when: When

    def __str__(self) -> str:
        return f"{self.when} {self.port}.{self.method}"


def ports_of(desk: type[Desk] = Desk) -> tuple[type, ...]:
    """The ports a desk holds, by themselves or by venue; not its clock, which nobody waits for."""
    hints = get_type_hints(desk)
    kinds = [
        kind
        for field in dataclasses.fields(desk)
        for kind in (hints[field.name], *get_args(hints[field.name]))
    ]
    return tuple(kind for kind in kinds if inspect.isclass(kind) and inspect.isabstract(kind))


def steps_of(port: type) -> tuple[Step, ...]:
    """Every step of one port: before and after each abstract method."""
    names: Iterable[str] = sorted(getattr(port, "__abstractmethods__", ()))
    called = [name for name in names if callable(getattr(port, name))]
    return tuple(Step(port.__name__, name, when) for name in called for when in get_args(When))


def all_steps() -> tuple[Step, ...]:
    """Every step at which a worker may be killed."""
    return tuple(
        step for port in ports_of() if not issubclass(port, Clock) for step in steps_of(port)
    )


class Fuse:
    """Decides at which call the process ends, and writes that down first.

    Args:
        log: Where the death is written, one line, before it happens.
        fresh: Steps nobody has died at yet: the first of them to be reached kills.
        turn: The step whose turn it is: its `nth` call kills.
        nth: Counted from when the fuse is armed.
        delay_ms: How long the worker is left alone first.
    """

    def __init__(
        self, log: Path, fresh: frozenset[Step], turn: Step | None, *, nth: int, delay_ms: int
    ) -> None:
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._fresh, self._turn, self._nth = fresh, turn, nth
        self._armed_at = time.monotonic() + delay_ms / 1_000
        self._calls: Counter[Step] = Counter()

    def reach(self, step: Step) -> None:
        if time.monotonic() < self._armed_at:
            return
        self._calls[step] += 1
        if step in self._fresh or (step == self._turn and self._calls[step] >= self._nth):
            line = {"pid": os.getpid(), "step": str(step), "at_ms": time.time_ns() // 1_000_000}
            os.write(self._log, (json.dumps(line) + "\n").encode())
            os.kill(os.getpid(), signal.SIGKILL)


class Killer:
    """Any port, with every call of an abstract method led over a fuse."""

    def __init__(self, port: object, kind: type, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse
        self._steps = {
            step.method: (step, dataclasses.replace(step, when="after"))
            for step in steps_of(kind)
            if step.when == "before"
        }

    def __getattr__(self, name: str) -> Any:
        target = getattr(self._port, name)
        if name not in self._steps:
            return target
        before, after = self._steps[name]
        fuse = self._fuse

        async def call_later(*args: Any, **kwargs: Any) -> Any:
            fuse.reach(before)
            answer = await target(*args, **kwargs)
            fuse.reach(after)
            return answer

        def call(*args: Any, **kwargs: Any) -> Any:
            fuse.reach(before)
            answer = target(*args, **kwargs)
            fuse.reach(after)
            return answer

        return call_later if inspect.iscoroutinefunction(target) else call


def over_fuse(port: Port, fuse: Fuse) -> Port:
    """The port with its calls led over the fuse, or itself when it is none of a desk's ports."""
    for kind in ports_of():
        if isinstance(port, kind) and not isinstance(port, Clock):
            return cast(Port, Killer(port, kind, fuse))
    return port


def desk_over_fuse(desk: Desk, fuse: Fuse, **changes: Any) -> Desk:
    """A desk whose ports all lead over the fuse."""
    led: dict[str, Any] = {}
    for field in dataclasses.fields(desk):
        value = getattr(desk, field.name)
        if isinstance(value, Mapping):
            led[field.name] = {key: over_fuse(port, fuse) for key, port in value.items()}
        else:
            led[field.name] = over_fuse(value, fuse)
    return dataclasses.replace(desk, **{**led, **changes})
