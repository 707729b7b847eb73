"""What the queue's four steps take while ever more other orders wait, and what each of them weighs.

Every waiting order could be claimed; the measured ones are more urgent. No venue and no books: this
is the queue alone. Server time is Redis's own note of each script, wall time is what we waited.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TypeVar

from bench.bare_redis import BareRedis
from bench.depth import fill_ready
from bench.failure import BenchFailed
from bench.figures import Percentiles, percentiles_of
from bench.orders import make_orders
from bench.place import beside, running_place
from rebalancer.gate import Conditions, GateOpen, judge_conditions
from rebalancer.money import ZERO
from rebalancer.queue import Claim, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt
from resources.settings_venue import VenueSettings
from resources.system_clock import SystemClock
from resources.wiring import Stores

DEPTHS = (10, 1_000, 100_000, 1_000_000)
STEPS = ("enqueue", "claim", "permit", "acknowledge")
WEIGHED_MIN = 900
"""Of fewer orders, what the server keeps for itself would be most of the weight."""
SLOT, DATABASE = 0, 1
TENURE_MS, LEASE_MS = 3_600_000, 600_000
QUICK, GATE = Conditions(latency_ms=1), VenueSettings(exchange="binance").gate()

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class StepTimes:
    """One step of the queue, in milliseconds."""

    server_ms: Percentiles
    wall_ms: Percentiles


@dataclass(frozen=True, slots=True)
class GrowthRun:
    """One repetition at one depth."""

    depth: int
    orders: int
    steps: Mapping[str, StepTimes]
    bytes_per_order: float | None
    """Of the orders that were added to reach this depth; None where they are too few to tell."""


@dataclass(frozen=True, slots=True)
class _Bench:
    stores: Stores
    redis: BareRedis
    tenure: Tenure

    def time_each(
        self, act: Callable[[Item], Result], items: Sequence[Item]
    ) -> tuple[list[Result], StepTimes]:
        """Do one step for each, and time every one."""
        results, walls_ms = list[Result](), list[float]()
        self.redis.forget_commands()
        for item in items:
            started_ns = time.monotonic_ns()
            results.append(act(item))
            walls_ms.append((time.monotonic_ns() - started_ns) / 1e6)
        servers_ms = [time_us / 1_000 for time_us in self.redis.script_times_us()[: len(items)]]
        if len(servers_ms) != len(items):
            raise BenchFailed(f"{len(items)} steps, and Redis noted {len(servers_ms)} scripts")
        return results, StepTimes(percentiles_of(servers_ms), percentiles_of(walls_ms))


def measure_growth(
    *, orders: int, repetitions: int, depths: Sequence[int] = DEPTHS
) -> Iterator[GrowthRun]:
    """One queue that grows from depth to depth; every repetition at each of them."""
    with ExitStack() as stack:
        place = stack.enter_context(running_place())
        own, stores = stack.enter_context(beside(place, DATABASE))
        redis = stack.enter_context(closing(BareRedis(own.redis_url)))
        stack.enter_context(redis.watched())
        tenure = stores.queue.open_tenure(SLOT, owner="bench", ttl_ms=TENURE_MS)
        assert tenure is not None, "the slot is held"
        bench, now_ms, reached = _Bench(stores, redis, tenure), SystemClock().now_ms(), 0
        # The first call of a script is refused, and made again when Redis has its text.
        _measure(bench, "warm-up", 1)
        for depth in sorted(set(depths)):
            redis.forget_commands()
            before = redis.memory_bytes()
            fill_ready(stores, reached, depth - reached, now_ms)
            redis.forget_commands()
            added, reached = depth - reached, depth
            grown = redis.memory_bytes() - before
            weight = grown / added if added >= WEIGHED_MIN else None
            for repetition in range(repetitions):
                steps = _measure(bench, f"{depth}-{repetition}", orders)
                yield GrowthRun(depth, orders, steps, weight)


def _measure(bench: _Bench, cycle: str, count: int) -> Mapping[str, StepTimes]:
    queue, now_ms = bench.stores.queue, SystemClock().now_ms()
    generation = queue.generation()
    orders = make_orders(cycle, count, now_ms)
    added, enqueue = bench.time_each(
        lambda order: queue.enqueue([order], generation=generation), orders
    )
    claims, claim = bench.time_each(
        lambda _: queue.claim(bench.tenure, now_ms=now_ms, lease_ms=LEASE_MS), orders
    )
    gates = [_open_gate(claim, now_ms) for claim in claims if isinstance(claim, Claim)]
    permits, permit = bench.time_each(queue.permit, gates)
    receipts = [LedgerReceipt(order.client_order_id, None, ZERO, now_ms) for order in orders]
    _, acknowledge = bench.time_each(queue.acknowledge, receipts)
    _require_all(count, sum(map(len, added)), "queued")
    _require_all(count, len({gate.claim.order.client_order_id for gate in gates}), "claimed")
    _require_all(count, sum(isinstance(permit, SendPermit) for permit in permits), "permitted")
    return dict(zip(STEPS, (enqueue, claim, permit, acknowledge), strict=True))


def _open_gate(claim: Claim, now_ms: int) -> GateOpen:
    verdict = judge_conditions(claim, QUICK, GATE, now_ms=now_ms)
    assert isinstance(verdict, GateOpen), verdict
    return verdict


def _require_all(wanted: int, found: int, what: str) -> None:
    if found != wanted:
        raise BenchFailed(f"{found} of {wanted} orders were {what}; the others had to wait")
