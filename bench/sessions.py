"""Drain sessions as processes of their own: started, fed, and read when they leave."""

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.children import Child, end_all, running
from bench.failure import BenchFailed
from bench.place import Place
from bench.stages import Marks
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from resources.wiring import Stores

DRAIN_SECONDS_MAX = 600
POLL_SECONDS = 0.02
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Sessions:
    """Drainers that take orders."""

    children: Sequence[Child]
    files: Sequence[Path]

    def leave(self) -> list[Marks]:
        """Ask them to leave, and read the times of each."""
        end_all(self.children)
        return [json.loads(file.read_text()) for file in self.files]


@contextmanager
def running_sessions(place: Place, count: int, name: str) -> Iterator[Sessions]:
    """Start drainers, each in a slot of its own, and wait until all of them take orders."""
    files = [place.folder / f"{name}-{slot}.json" for slot in range(count)]
    with ExitStack() as stack:
        children = [
            stack.enter_context(
                running(
                    "bench.drainer",
                    str(slot),
                    str(file),
                    folder=place.folder,
                    name=f"drain session {name}-{slot}",
                )
            )
            for slot, file in enumerate(files)
        ]
        for child in children:
            child.first_line()
        yield Sessions(children, files)


def plan(stores: Stores, orders: Sequence[Order], now_ms: int) -> None:
    """Bring the books where a cycle leaves them as it queues: planned, then queued.

    Only while no session starts: it would find orders that no queue holds, and doubt them.
    """
    asyncio.run(_plan(stores, orders, now_ms))


async def _plan(stores: Stores, orders: Sequence[Order], now_ms: int) -> None:
    for start in range(0, len(orders), BATCH):
        batch = orders[start : start + BATCH]
        await stores.ledger.record_planned(batch, now_ms=now_ms)
        await stores.ledger.move(
            batch,
            before=OrderState.PLANNED,
            after=OrderState.QUEUED,
            detail=None,
            now_ms=now_ms,
        )


def run_through(stores: Stores, orders: Sequence[Order], now_ms: int) -> None:
    """Queue orders all at once and wait until each has ended."""
    plan(stores, orders, now_ms)
    stores.queue.enqueue(orders, generation=stores.queue.generation())
    await_end(stores, orders)


def await_end(stores: Stores, orders: Sequence[Order]) -> None:
    """Return once none of these orders is in the queue."""
    left = [order.client_order_id for order in orders]
    deadline = time.monotonic() + DRAIN_SECONDS_MAX
    while left:
        if time.monotonic() > deadline:
            raise BenchFailed(f"{len(left)} orders did not end in {DRAIN_SECONDS_MAX} s")
        # The last ones are asked for first: most end in the order they were queued in.
        if stores.queue.stages(left[-1:]):
            time.sleep(POLL_SECONDS)
        else:
            held = stores.queue.stages(left)
            left = [order_id for order_id in left if order_id in held]
