"""Orders a second until each is in PostgreSQL and out of the queue: one drain process, and three.

The floor is measured in the same run, with as many orders at once: the warm client alone. With the
rate on, what counts is how much of it is used, and that no second holds more than it.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from bench.failure import BenchFailed
from bench.figures import most_in_a_window, share_of_rate
from bench.floor import run_floor
from bench.order_times import CPU, ENDED
from bench.orders import make_orders
from bench.place import RATE_MAX, Place, beside, environment, running_place
from bench.sessions import await_end, plan, run_through, running_sessions
from bench.stages import Marks
from rebalancer.orders import Order
from resources.settings import DrainSettings
from resources.system_clock import SystemClock
from resources.wiring import Stores

CONCURRENCIES = (DrainSettings().concurrency,)
"""Orders under way at once in each process."""
WARM_UP = 100
RATE = 3
RATED_ORDERS_MAX = 60
"""At 3 a second: 20 seconds."""
FLOOR, ONE, THREE, RATED = "floor", "one", "three", "rated"
VARIANTS = (FLOOR, ONE, THREE, RATED)
TITLES = {
    FLOOR: "the warm client alone",
    ONE: "1 drain",
    THREE: "3 drains",
    RATED: f"3 drains at {RATE} orders/s",
}
_PROCESSES = {ONE: 1, THREE: 3, RATED: 3}


@dataclass(frozen=True, slots=True)
class ThroughputRun:
    """One repetition of one variant."""

    variant: str
    concurrency: int
    orders: int
    seconds: float
    doubled: int
    """Orders the venue saw more than once."""
    starved: int
    """Processes that got no order at all."""
    share_of_least: float
    """Of an even share of the orders, what the process that did least of them did."""
    most_in_a_second: int
    """By the venue's clock, in any second, wherever it begins."""
    cpu_ms_per_order: float
    """Processor time of the processes that send, between the first order's end and the last's."""
    share_of_rate: float | None = None
    """Of what the rate allows, what was sent; where a rate is on."""

    @property
    def per_second(self) -> float:
        return self.orders / self.seconds


def measure_throughput(
    *,
    orders: int,
    repetitions: int,
    variants: Collection[str] = VARIANTS,
    concurrencies: Sequence[int] = CONCURRENCIES,
) -> Iterator[ThroughputRun]:
    """Variants in turn, repetition after repetition, so that a slow moment meets them all."""
    with running_place() as place:
        for repetition in range(repetitions):
            for concurrency in concurrencies:
                for variant in (name for name in VARIANTS if name in variants):
                    name = f"{variant}-{concurrency}-{repetition}"
                    if variant == FLOOR:
                        yield _measure_floor(place, concurrency, orders, name)
                    else:
                        yield _measure_drains(place, concurrency, orders, variant, name)


def _measure_floor(place: Place, concurrency: int, count: int, name: str) -> ThroughputRun:
    now_ms = SystemClock().now_ms()
    orders = make_orders(name, count, now_ms)
    warm_up = make_orders(f"{name}-warm", WARM_UP, now_ms)
    run = run_floor(place, orders, warm_up=warm_up, concurrency=concurrency)
    seen, doubled = _seen(place, orders)
    return ThroughputRun(
        variant=FLOOR,
        concurrency=concurrency,
        orders=count,
        seconds=run.seconds,
        doubled=doubled,
        starved=0,
        share_of_least=1.0,
        most_in_a_second=most_in_a_window(seen),
        cpu_ms_per_order=run.cpu_seconds * 1_000 / count,
    )


def _measure_drains(
    place: Place, concurrency: int, count: int, variant: str, name: str
) -> ThroughputRun:
    rate = RATE if variant == RATED else RATE_MAX
    # A queue of its own for each: budgets and places of another count in none.
    number = 1 + VARIANTS.index(variant)
    with (
        environment({"TRIMTAB_DRAIN__CONCURRENCY": str(concurrency)}),
        beside(place, number, rate=rate) as (own, stores),
    ):
        return _measure(own, stores, count, variant, name)


def _measure(place: Place, stores: Stores, count: int, variant: str, name: str) -> ThroughputRun:
    now_ms, processes = SystemClock().now_ms(), _PROCESSES[variant]
    is_rated = variant == RATED
    count = min(count, RATED_ORDERS_MAX) if is_rated else count
    orders = make_orders(name, count, now_ms)
    with running_sessions(place, processes, name) as sessions:
        warm_up = make_orders(f"{name}-warm", RATE if is_rated else WARM_UP, now_ms)
        run_through(stores, warm_up, now_ms)
        plan(stores, orders, now_ms)
        started_ns = time.monotonic_ns()
        stores.queue.enqueue(orders, generation=stores.queue.generation())
        await_end(stores, orders)
        marks = sessions.leave()
    ends = [_noted(ENDED, of_one, orders) for of_one in marks]
    if sum(map(len, ends)) != count:
        raise BenchFailed(f"{TITLES[variant]}: {count} orders, {sum(map(len, ends))} ends noted")
    seen, doubled = _seen(place, orders)
    return ThroughputRun(
        variant=variant,
        concurrency=place.settings.drain.concurrency,
        orders=count,
        seconds=(max(max(end) for end in ends if end) - started_ns) / 1e9,
        doubled=doubled,
        starved=sum(not end for end in ends),
        share_of_least=min(map(len, ends)) * processes / count,
        most_in_a_second=most_in_a_window(seen),
        cpu_ms_per_order=_cpu_ms_per_order([_noted(CPU, of_one, orders) for of_one in marks]),
        share_of_rate=share_of_rate(seen, RATE) if is_rated else None,
    )


def _noted(what: str, marks: Marks, orders: Collection[Order]) -> list[int]:
    """What this session noted of each of the measured orders that it ended."""
    return [
        marks[order.client_order_id][what]
        for order in orders
        if what in marks.get(order.client_order_id, {})
    ]


def _cpu_ms_per_order(sessions: Sequence[Sequence[int]]) -> float:
    """The first order of each session begins the time and is not counted."""
    used_ns = sum(max(used) - min(used) for used in sessions if used)
    return used_ns / 1e6 / sum(len(used) - 1 for used in sessions if used)


def _seen(place: Place, orders: Collection[Order]) -> tuple[list[int], int]:
    """When the venue read each measured order, and how many orders of all it read twice."""
    log = place.orders_seen()
    if missing := [order for order in orders if order.client_order_id not in log]:
        raise BenchFailed(f"{len(missing)} orders ended and were never seen by the venue")
    return (
        [log[order.client_order_id][0] for order in orders],
        sum(count > 1 for _, _, count in log.values()),
    )
