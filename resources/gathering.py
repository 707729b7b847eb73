"""Calls that come while one is under way go together next: one commit, or one trip, for all.

A disk or a server makes everybody wait as long, whether for one or for many. Nobody waits for
company: a call that comes alone goes at once, alone. What the work is, is the caller's to say.
"""

import asyncio
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

Ask = TypeVar("Ask")
Told = TypeVar("Told")


@dataclass(slots=True)
class _Line(Generic[Ask, Told]):
    """What waits in one event loop, and the task that sees to it."""

    waiting: "list[tuple[Ask, Future[Told]]]" = field(default_factory=list)
    working: "Task[None] | None" = None


class Gathering(Generic[Ask, Told]):
    """Does `work` for many at a time; each caller gets its own answer, or its own error.

    Args:
        work: Answers every call it is given, in their order; an exception is one caller's error.
        most: How many go together.
        name_of: Calls of one name never go together: the later one comes after the earlier. None:
            no two have one.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Ask]], Awaitable[Sequence[Told | Exception]]],
        *,
        most: int,
        name_of: Callable[[Ask], Hashable] | None = None,
    ) -> None:
        self._work, self._most, self._name_of = work, most, name_of
        self._lines: WeakKeyDictionary[AbstractEventLoop, _Line[Ask, Told]] = WeakKeyDictionary()

    async def join(self, ask: Ask) -> Told:
        """Wait for the answer to one call. Raises what the work has for it."""
        loop = asyncio.get_running_loop()
        line = self._lines.setdefault(loop, _Line())
        answer: Future[Told] = loop.create_future()
        line.waiting.append((ask, answer))
        if line.working is None or line.working.done():
            line.working = loop.create_task(self._see_to(line))
        return await answer

    async def _see_to(self, line: _Line[Ask, Told]) -> None:
        while group := self._take_group(line):
            try:
                told = await self._work([ask for ask, _ in group])
            except Exception as error:  # The work as a whole: whoever waits must hear of it.
                told = [error for _ in group]
            for (_, answer), one in zip(group, told, strict=True):
                # Whoever waited may be gone; what it asked for was done all the same.
                if answer.done():
                    continue
                if isinstance(one, Exception):
                    answer.set_exception(one)
                else:
                    answer.set_result(one)

    def _take_group(self, line: _Line[Ask, Told]) -> "list[tuple[Ask, Future[Told]]]":
        if self._name_of is None:
            first, line.waiting = line.waiting[: self._most], line.waiting[self._most :]
            return first
        group: list[tuple[Ask, Future[Told]]] = []
        rest: list[tuple[Ask, Future[Told]]] = []
        names = set[Hashable]()
        for entry in line.waiting:
            name = self._name_of(entry[0])
            is_next = len(group) < self._most and name not in names
            (group if is_next else rest).append(entry)
            names.add(name)
        line.waiting = rest
        return group
