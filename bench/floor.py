"""What the parts allow: the same client, warm, placing orders in a loop with nothing around it."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench.bare_ccxt import BareClient
from bench.pace import Pace
from bench.place import Place
from rebalancer.orders import Order


@dataclass(frozen=True, slots=True)
class FloorRun:
    """When each order was handed to the client and when its answer was had, in monotonic ns."""

    handed_ns: dict[str, int]
    answered_ns: dict[str, int]
    seconds: float
    cpu_seconds: float


def run_floor(
    place: Place,
    orders: Sequence[Order],
    *,
    warm_up: Sequence[Order],
    concurrency: int,
    per_second: int | None = None,
) -> FloorRun:
    """Place orders as fast as the client can, or so many a second."""
    return asyncio.run(_place_all(place, orders, warm_up, concurrency, per_second))


async def _place_all(
    place: Place,
    orders: Sequence[Order],
    warm_up: Sequence[Order],
    concurrency: int,
    per_second: int | None,
) -> FloorRun:
    async with BareClient(place.venue_url) as client:
        await _place(client, warm_up, concurrency, None)
        return await _place(client, orders, concurrency, per_second)


async def _place(
    client: BareClient, orders: Sequence[Order], concurrency: int, per_second: int | None
) -> FloorRun:
    pace = Pace(per_second) if per_second else None
    handed: dict[str, int] = {}
    answered: dict[str, int] = {}
    waiting = iter(enumerate(orders))

    async def work() -> None:
        for number, order in waiting:
            if pace:
                await asyncio.sleep(pace.seconds_until(number))
            handed[order.client_order_id] = time.monotonic_ns()
            await client.create(order)
            answered[order.client_order_id] = time.monotonic_ns()

    started, cpu_started = time.monotonic(), time.process_time()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    seconds, cpu_seconds = time.monotonic() - started, time.process_time() - cpu_started
    return FloorRun(handed, answered, seconds, cpu_seconds)
