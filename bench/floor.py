"""What the parts allow: the same client, warm, placing orders in a loop with nothing around it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.place import VENUE, Place
from rebalancer.orders import Order
from rebalancer.queue import SendPermit
from rebalancer.settlement import Accepted
from resources.system_clock import SystemClock
from resources.wiring import Venues

VALID_MS = 600_000


@dataclass(frozen=True, slots=True)
class FloorRun:
    """When each order was handed to the client and when its answer was had, in monotonic ns."""

    handed_ns: dict[str, int]
    answered_ns: dict[str, int]
    seconds: float


async def _place_all(place: Place, orders: Sequence[Order], concurrency: int) -> FloorRun:
    clock, waiting = SystemClock(), iter(orders)
    handed: dict[str, int] = {}
    answered: dict[str, int] = {}
    async with Venues(place.settings, clock).connect(VENUE) as venue:
        await venue.fetch_rules([order.symbol for order in orders[:1]])
        await asyncio.gather(*(venue.probe() for _ in range(concurrency)))

        async def work() -> None:
            for order in waiting:
                handed[order.client_order_id] = time.monotonic_ns()
                permit = SendPermit(order, clock.now_ms() + VALID_MS)
                answer = await venue.submit(permit)
                assert isinstance(answer, Accepted), answer
                answered[order.client_order_id] = time.monotonic_ns()

        started = time.monotonic()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        return FloorRun(handed, answered, time.monotonic() - started)


def run_floor(place: Place, orders: Sequence[Order], *, concurrency: int) -> FloorRun:
    return asyncio.run(_place_all(place, orders, concurrency))
