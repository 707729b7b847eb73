"""Ports that fail at a chosen call: a process that dies there leaves what was done before."""

import inspect
from typing import Any, Literal

When = Literal["before", "after"]


class Crash(Exception):
    """The process is gone."""


class Fuse:
    """Counts calls to ports and burns at the `at`-th: before it takes effect, or just after."""

    def __init__(self, at: int, when: When) -> None:
        self._at, self._when, self._count = at, when, 0
        self._burnt_at: str | None = None

    @property
    def burnt_at(self) -> str | None:
        """The call at which it burned, or None when there were fewer calls."""
        return self._burnt_at

    def pass_through(self, name: str, when: When) -> None:
        self._count += when == "before"
        if self._count == self._at and when == self._when:
            self._burnt_at = name
            raise Crash(f"{when} {name}")


class Tripwire:
    """Any port, with every call led over a fuse."""

    def __init__(self, port: object, fuse: Fuse) -> None:
        self._port, self._fuse = port, fuse

    def __getattr__(self, name: str) -> Any:
        target = getattr(self._port, name)
        if not callable(target):
            return target
        fuse = self._fuse

        async def call_later(*args: Any, **kwargs: Any) -> Any:
            fuse.pass_through(name, "before")
            answer = await target(*args, **kwargs)
            fuse.pass_through(name, "after")
            return answer

        def call(*args: Any, **kwargs: Any) -> Any:
            fuse.pass_through(name, "before")
            answer = target(*args, **kwargs)
            fuse.pass_through(name, "after")
            return answer

        return call_later if inspect.iscoroutinefunction(target) else call
