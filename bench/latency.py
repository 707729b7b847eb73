"""From the queue to the venue to the books, order by order, at an even pace and several depths.

Variants in one run, in turn: the engine in a live drain session, the baseline router at the same
pace and alone, and the floor; each at a venue on loopback and at one some milliseconds away. The
engine's orders are on the books already when they are queued, as a cycle's are.
"""

import math
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import product

from bench.bare_redis import BareRedis
from bench.baseline import run_baseline
from bench.baseline_keys import fill_others
from bench.depth import fill_parked
from bench.failure import BenchFailed
from bench.figures import Percentiles
from bench.floor import run_floor
from bench.order_times import (
    ANSWERED,
    CLAIMED,
    ENDED,
    GATED,
    PERMITTED,
    QUEUED,
    READ,
    REPLIED,
    Moments,
    measure_stages,
)
from bench.orders import make_order, make_orders
from bench.pace import Pace
from bench.place import Place, at_distance, beside, running_place
from bench.sessions import await_end, plan, run_through, running_sessions
from rebalancer.orders import Order
from resources.system_clock import SystemClock
from resources.wiring import Stores

DEPTHS = (10, 1_000, 100_000)
ROUND_TRIPS_MS = (0.0, 10.0)
PER_SECOND = 100
WARM_UP = 100
ENGINE, BASELINE, ALONE = "engine", "baseline", "baseline alone"
FLOOR, PACED_FLOOR = "floor", "paced floor"
VARIANTS = (ENGINE, BASELINE, ALONE, FLOOR)
"""Those to choose from; the floor is measured both in a loop and at the engine's pace."""
_QUEUES = {ENGINE: ENGINE, BASELINE: BASELINE, ALONE: BASELINE}
"""Whose kind of queue each works from: both ways to feed the baseline have the same other keys."""

WHOLE_WAY = frozenset({QUEUED, CLAIMED, GATED, PERMITTED, ANSWERED, ENDED})


@dataclass(frozen=True, slots=True)
class LatencyRun:
    """One repetition of one variant at one depth and distance; the floor has no depth."""

    variant: str
    depth: int | None
    round_trip_ms: float
    orders: int
    doubled: int
    stages_ms: Mapping[str, Percentiles]


def measure_latency(
    *,
    orders: int,
    repetitions: int,
    depths: Sequence[int] = DEPTHS,
    variants: Collection[str] = VARIANTS,
    round_trips_ms: Sequence[float] = ROUND_TRIPS_MS,
) -> Iterator[LatencyRun]:
    """Variants, depths and distances in turn, repetition after repetition.

    So a slow moment meets them all. A venue that is away is measured at the first depth only.
    """
    assert len(set(depths)) == len(depths), depths
    assert len(set(round_trips_ms)) == len(round_trips_ms), round_trips_ms
    depths_of = {trip: depths[:1] if trip else depths for trip in round_trips_ms}
    deep = [variant for variant in _QUEUES if variant in variants]
    with ExitStack() as stack:
        place = stack.enter_context(running_place())
        places = [stack.enter_context(at_distance(place, trip)) for trip in round_trips_ms]
        numbers = _fill(place, max(depths_of.values(), key=len), variants)
        for repetition in range(repetitions):
            for where in places:
                trip = where.round_trip_ms
                if FLOOR in variants:
                    yield _measure_floor(where, orders, f"floor-{trip}-{repetition}", None)
                    yield _measure_floor(where, orders, f"paced-{trip}-{repetition}", PER_SECOND)
                for depth, variant in product(depths_of[trip], deep):
                    name = f"{variant}-{depth}-{trip}-{repetition}"
                    with beside(where, numbers[_QUEUES[variant], depth]) as (own, stores):
                        if variant == ENGINE:
                            yield _measure_engine(own, stores, orders, depth, name)
                        else:
                            yield _measure_baseline(own, orders, variant, depth, name)


def _fill(
    place: Place, depths: Sequence[int], variants: Collection[str]
) -> Mapping[tuple[str, int], int]:
    """The number of the Redis database of each kind of queue and depth, with its orders in it."""
    kinds = dict.fromkeys(kind for variant, kind in _QUEUES.items() if variant in variants)
    numbers = {pair: number for number, pair in enumerate(product(kinds, depths), start=1)}
    now_ms = SystemClock().now_ms()
    for (kind, depth), number in numbers.items():
        with beside(place, number) as (own, stores):
            if kind == ENGINE:
                fill_parked(stores, depth, now_ms)
            else:
                fill_others(own.redis_url, depth, make_order("other", 0, now_ms))
            with closing(BareRedis(own.redis_url)) as redis:
                redis.await_rest()
    return numbers


def _measure_engine(place: Place, stores: Stores, count: int, depth: int, name: str) -> LatencyRun:
    now_ms = SystemClock().now_ms()
    orders = make_orders(name, count, now_ms)
    with running_sessions(place, 1, name) as sessions:
        run_through(stores, make_orders(f"{name}-warm", WARM_UP, now_ms), now_ms)
        plan(stores, orders, now_ms)
        queued_ns = _feed(stores, orders)
        await_end(stores, orders)
        (marks,) = sessions.leave()
    moments = {
        order_id: {QUEUED: at_ns} | marks.get(order_id, {}) for order_id, at_ns in queued_ns.items()
    }
    if unnoted := WHOLE_WAY - next(iter(moments.values())).keys():
        raise BenchFailed(f"the drain session noted no {', '.join(sorted(unnoted))} of an order")
    return _judge(place, ENGINE, depth, moments)


def _feed(stores: Stores, orders: Sequence[Order]) -> dict[str, int]:
    """Queue them one by one, so many a second; when each was handed to the queue."""
    generation, pace = stores.queue.generation(), Pace(PER_SECOND)
    queued: dict[str, int] = {}
    for number, order in enumerate(orders):
        time.sleep(pace.seconds_until(number))
        queued[order.client_order_id] = time.monotonic_ns()
        if not stores.queue.enqueue([order], generation=generation):
            raise BenchFailed(
                f"order {number} found another of its market still under way: the engine does not "
                f"keep up with {PER_SECOND} orders a second"
            )
    return queued


def _measure_baseline(place: Place, count: int, variant: str, depth: int, name: str) -> LatencyRun:
    times = run_baseline(
        place,
        name,
        count,
        warm_up=min(WARM_UP, count),
        per_second=PER_SECOND if variant == BASELINE else None,
        now_ms=SystemClock().now_ms(),
    )
    return _judge(place, variant, depth, times)


def _measure_floor(place: Place, count: int, name: str, per_second: int | None) -> LatencyRun:
    now_ms = SystemClock().now_ms()
    orders, warm_up = make_orders(name, count, now_ms), make_orders(f"{name}-w", WARM_UP, now_ms)
    # A pace that one at a time could not keep, a trip being longer than it, takes several.
    under_way = (per_second or 0) * place.round_trip_ms / 1_000
    run = run_floor(
        place,
        orders,
        warm_up=warm_up,
        concurrency=1 + math.ceil(2 * under_way),
        per_second=per_second,
    )
    moments = {
        order_id: {QUEUED: handed_ns, ANSWERED: run.answered_ns[order_id]}
        for order_id, handed_ns in run.handed_ns.items()
    }
    return _judge(place, PACED_FLOOR if per_second else FLOOR, None, moments)


def _judge(
    place: Place, variant: str, depth: int | None, moments: Mapping[str, dict[str, int]]
) -> LatencyRun:
    """Add what the venue noted, and measure."""
    log = place.orders_seen()
    whole: list[Moments] = []
    for order_id, passed in moments.items():
        if order_id not in log:
            raise BenchFailed(f"{variant}: order {order_id} was never seen by the venue")
        read_ns, replied_ns, _ = log[order_id]
        whole.append({**passed, READ: read_ns, REPLIED: replied_ns})
    doubled = sum(count > 1 for _, _, count in log.values())
    return LatencyRun(
        variant, depth, place.round_trip_ms, len(whole), doubled, measure_stages(whole)
    )
