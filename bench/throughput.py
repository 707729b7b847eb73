"""Orders a second until each is in PostgreSQL and out of the queue: one drain process, and three.

The floor is measured in the same run, at the same concurrency: the warm client alone.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from bench.floor import run_floor
from bench.orders import make_orders
from bench.place import Place, running_place
from bench.sessions import await_end, plan, start_sessions
from bench.stages import Marks
from rebalancer.queue import Recovery
from resources.system_clock import SystemClock
from resources.wiring import Stores, open_stores

CONCURRENCY = 10
WARM_UP = 100


@dataclass(frozen=True, slots=True)
class ThroughputRun:
    """One repetition of one variant."""

    variant: str
    orders: int
    seconds: float
    doubled: int
    """Orders the venue saw more than once."""
    share_of_least: float
    """Of an even share of the orders, what the process that did least of them did."""

    @property
    def per_second(self) -> float:
        return self.orders / self.seconds


def measure_throughput(*, orders: int, repetitions: int) -> Iterator[ThroughputRun]:
    """Variants in turn, repetition after repetition, so that a slow moment meets them all."""
    with running_place(concurrency=CONCURRENCY) as place, open_stores(place.settings) as stores:
        # A queue that is new counts as lost, and whatever is planned until it is not, as in doubt.
        stores.queue.recover(Recovery((), {}))
        for repetition in range(repetitions):
            yield _measure_floor(place, orders, f"floor-{repetition}")
            for processes in (1, 3):
                yield _measure(place, stores, orders, processes, f"drain-{processes}-{repetition}")


def _measure_floor(place: Place, count: int, name: str) -> ThroughputRun:
    orders = make_orders(name, count, SystemClock().now_ms())
    run_floor(place, orders[:WARM_UP], concurrency=CONCURRENCY)
    place.orders_seen()
    seconds = run_floor(place, orders, concurrency=CONCURRENCY).seconds
    return ThroughputRun("floor", count, seconds, _doubled(place), 1.0)


def _measure(
    place: Place, stores: Stores, count: int, processes: int, name: str
) -> ThroughputRun:
    now_ms = SystemClock().now_ms()
    warm_up, orders = make_orders(f"{name}-warm", WARM_UP, now_ms), make_orders(name, count, now_ms)
    plan(stores, [*warm_up, *orders], now_ms)
    sessions = start_sessions(place, stores, processes, name)
    stores.queue.enqueue(warm_up)
    await_end(stores, warm_up)
    started_ns = time.monotonic_ns()
    stores.queue.enqueue(orders)
    await_end(stores, orders)
    marks = [session.leave() for session in sessions]
    ids = {order.client_order_id for order in orders}
    ends = [_ends(mark, ids) for mark in marks]
    seconds = (max(max(end) for end in ends if end) - started_ns) / 1e9
    least = min(len(end) for end in ends) * processes / count
    return ThroughputRun(f"{processes} drain", count, seconds, _doubled(place), least)


def _ends(marks: Marks, ids: set[str]) -> list[int]:
    """When each of the measured orders left the queue."""
    return [
        stages["acknowledged"]
        for order_id, stages in marks.items()
        if order_id in ids and "acknowledged" in stages
    ]


def _doubled(place: Place) -> int:
    return sum(count > 1 for _, _, count in place.orders_seen().values())
