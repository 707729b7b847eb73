"""Other orders that wait while some are measured: parked, or ready but less urgent.

Belongs here: filling a queue. Their markets need not exist: nothing sends them.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from bench.failure import BenchFailed
from bench.orders import PATIENT, make_order
from rebalancer.orders import Order
from rebalancer.queue import Claim
from resources.wiring import Stores

DAY_MS = 86_400_000
PARKING_SLOT = 99
"""A slot that no measured session holds."""
LEASE_MS = 60_000
BATCH = 500
WRITERS = 2
"""One is answered by Redis while the other writes its orders down."""
FILL_SECONDS_MAX = 900


def fill_ready(stores: Stores, first: int, count: int, now_ms: int) -> None:
    """So many orders that could be claimed at any time, and are less urgent than measured ones."""

    def make(number: int) -> Order:
        return make_order("waiting", number, now_ms, urgency=PATIENT, base=f"W{number:07}")

    _fill(stores, range(first, first + count), make)


def fill_parked(stores: Stores, count: int, now_ms: int) -> None:
    """So many buys that nobody may claim, behind a sell of their cycle that rests for a day."""
    queue = stores.queue
    sell = make_order("parked", 0, now_ms, side="sell", base="PARKING")
    queue.enqueue([sell], generation=queue.generation())
    tenure = queue.open_tenure(PARKING_SLOT, owner="parking", ttl_ms=LEASE_MS)
    assert tenure is not None, "the slot is held"
    claim = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    assert isinstance(claim, Claim), claim
    assert claim.order == sell, claim
    queue.release(claim, retry_at_ms=now_ms + DAY_MS)
    queue.close_tenure(tenure)

    def make(number: int) -> Order:
        return make_order("parked", number, now_ms, base=f"P{number:07}")

    _fill(stores, range(count), make)


def _fill(stores: Stores, numbers: range, make: Callable[[int], Order]) -> None:
    generation, ended = stores.queue.generation(), Event()
    deadline = time.monotonic() + FILL_SECONDS_MAX

    def write(starts: range) -> None:
        for start in starts:
            if ended.is_set():
                return
            if time.monotonic() > deadline:
                raise BenchFailed(
                    f"{len(numbers):,} waiting orders were not queued in {FILL_SECONDS_MAX} s; "
                    "choose a smaller --depth"
                )
            orders = [make(number) for number in numbers[start : start + BATCH]]
            added = stores.queue.enqueue(orders, generation=generation)
            assert len(added) == len(orders), "some of them waited already"

    with ThreadPoolExecutor(WRITERS) as writers:
        shares = [range(first * BATCH, len(numbers), WRITERS * BATCH) for first in range(WRITERS)]
        try:
            for _ in writers.map(write, shares):
                pass
        finally:
            # Whoever is interrupted waits for the writers: for one batch each, not for a million.
            ended.set()
