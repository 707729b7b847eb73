"""Group commit: settlements that come while one transaction is under way share the next.

A commit waits for the disk, whoever it is for; orders that end together need not wait in line.
Nobody waits for company: a settlement that comes alone is written at once, alone.
"""

import asyncio
from asyncio import AbstractEventLoop, Future, Task
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

from rebalancer.errors import StoreUnavailable
from rebalancer.settlement import LedgerReceipt, Settlement
from resources.postgres_connection import transaction
from resources.postgres_settling import ToBook, settle_orders

GROUP_MAX = 100
"""So that no transaction holds its rows for long."""

_Booked = LedgerReceipt | Exception
_Waiting = tuple[ToBook, Future[LedgerReceipt]]


@dataclass(slots=True)
class _Line:
    """The settlements that wait in one event loop, and the task that writes them."""

    waiting: "list[_Waiting]" = field(default_factory=list)
    writing: "Task[None] | None" = None


class SettlementWriter:
    """Books settlements in groups; each caller gets its own receipt, or its own error."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lines: WeakKeyDictionary[AbstractEventLoop, _Line] = WeakKeyDictionary()

    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        """Return once the settlement is committed. Raises as `settle_orders` does."""
        loop = asyncio.get_running_loop()
        line = self._lines.setdefault(loop, _Line())
        booked: Future[LedgerReceipt] = loop.create_future()
        line.waiting.append((ToBook(settlement, now_ms), booked))
        if line.writing is None or line.writing.done():
            line.writing = loop.create_task(self._write(line))
        return await booked

    async def _write(self, line: _Line) -> None:
        while group := _take_group(line):
            try:
                told = await asyncio.to_thread(self._book, [one for one, _ in group])
            except Exception as error:  # No thread to be had: whoever waits must hear of it.
                told = [error for _ in group]
            for (_, booked), answer in zip(group, told, strict=True):
                # Whoever waited may be gone; what it brought is on the books all the same.
                if booked.done():
                    continue
                if isinstance(answer, Exception):
                    booked.set_exception(answer)
                else:
                    booked.set_result(answer)

    def _book(self, brought: Sequence[ToBook]) -> list[_Booked]:
        try:
            with transaction(self._engine) as connection:
                return list(settle_orders(connection, brought))
        except StoreUnavailable as error:
            return [error for _ in brought]
        except Exception as error:
            if len(brought) == 1:
                return [error]
            # One of them cannot be booked, so nothing is: each by itself, and it alone fails.
            return [booked for one in brought for booked in self._book([one])]


def _take_group(line: _Line) -> list[_Waiting]:
    """The first ones that wait, each order once: the same order again comes after itself."""
    group: list[_Waiting] = []
    rest: list[_Waiting] = []
    seen = set[str]()
    for entry in line.waiting:
        order_id = entry[0].settlement.order.client_order_id
        is_full = len(group) >= GROUP_MAX
        (rest if is_full or order_id in seen else group).append(entry)
        seen.add(order_id)
    line.waiting = rest
    return group
