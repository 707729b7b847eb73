"""A budget that all calls to a venue share: look-ups and cancels before new orders."""

from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from time import monotonic_ns, sleep

import pytest

from rebalancer.errors import BadConfig
from rebalancer.orders import VenueName
from rebalancer.ports import OrderQueue
from rebalancer.queue import CallKind, NotNow, NotNowReason, Recovery, SendPermit
from resources.rate_limit import SECOND_US, RateLimit, RateWindow
from resources.redis_connection import open_redis
from resources.system_clock import SystemClock
from tests.contract.order_queue.servers import QueueServer, RedisServer
from tests.contract.order_queue.steps import (
    QueueMaker,
    claim_order,
    open_gate,
    receipt_of,
    refusal_of,
)
from tests.factories import VENUE, enqueue, make_order

DAY_US = 86_400 * SECOND_US
COSTS = {CallKind.ORDER: 1, CallKind.LOOK_UP: 2, CallKind.CANCEL: 1}
# So slow that nothing is earned while a test runs.
SLOW = RateWindow("day", DAY_US, burst=9, refill=1, costs=COSTS, reserve=6)
RATES = {VENUE: RateLimit(1_000_000, burst=1_000_000, further=(SLOW,))}
BRISK = RateWindow("brisk", SECOND_US // 2, burst=10, refill=20, costs=COSTS)
RUN_NS = 1_200_000_000


def count_spent(queue: OrderQueue, kind: CallKind) -> int:
    """Spend until the budget refuses; how often it gave."""
    for count in range(100):
        refused = queue.spend(VENUE, kind)
        if refused is not None:
            assert refused.reason is NotNowReason.RATE_SPENT
            assert VENUE in refused.detail
            assert 0 < refused.retry_after_ms <= 10_000
            return count
    raise AssertionError("the budget never ends")


def count_permitted(queue: OrderQueue, count: int = 6) -> int:
    enqueue(queue, [make_order(f"S{number}") for number in range(count)])
    tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
    assert tenure is not None
    claims = [claim_order(queue, tenure, SystemClock().now_ms()) for _ in range(count)]
    given = [isinstance(queue.permit(open_gate(claim)), SendPermit) for claim in claims]
    if not all(given):
        assert refusal_of(queue, claims[-1]) is NotNowReason.RATE_SPENT
    return sum(given)


def test_new_orders_leave_the_reserve_to_look_ups_and_cancels(queue_of: QueueMaker) -> None:
    queue = queue_of(RATES)
    assert count_permitted(queue) == 3
    assert count_spent(queue, CallKind.LOOK_UP) == 3
    assert count_spent(queue, CallKind.CANCEL) == 0


def test_look_ups_take_what_new_orders_would_have_had(queue_of: QueueMaker) -> None:
    queue = queue_of(RATES)
    assert queue.spend(VENUE, CallKind.LOOK_UP) is None
    assert count_permitted(queue) == 1


def test_look_ups_and_cancels_do_not_count_as_orders(queue_of: QueueMaker) -> None:
    queue = queue_of({VENUE: RateLimit(1)})
    assert [queue.spend(VENUE, CallKind.LOOK_UP) for _ in range(9)] == [None] * 9
    assert count_permitted(queue, 1) == 1


def test_a_venue_without_a_budget_is_refused_by_name(queue_of: QueueMaker) -> None:
    with pytest.raises(BadConfig, match="elsewhere"):
        queue_of(RATES).spend(VenueName("elsewhere"), CallKind.CANCEL)


def test_a_queue_that_lost_its_data_lets_only_look_ups_out_at_first(server: QueueServer) -> None:
    queue = server.connect(RATES)
    lost = make_order("A", cycle_id="c0")
    queue.recover(Recovery((lost,), {}))
    queue.acknowledge(receipt_of(lost))
    assert count_permitted(queue) == 0
    assert count_spent(queue, CallKind.LOOK_UP) == 3


def spend_until(queue: OrderQueue, end_ns: int) -> list[tuple[int, int]]:
    """Spend look-ups until the time is over; when each was asked for and had, in ns."""
    times = []
    while monotonic_ns() < end_ns:
        asked_ns = monotonic_ns()
        match queue.spend(VENUE, CallKind.LOOK_UP):
            case NotNow(retry_after_ms=wait_ms):
                sleep(wait_ms / 1000)
            case None:
                times.append((asked_ns, monotonic_ns()))
    return times


def test_three_clients_at_once_never_spend_more_than_a_window_holds(redis_url: str) -> None:
    rates = {VENUE: RateLimit(1_000_000, further=(BRISK,))}
    with open_redis(redis_url) as client, ThreadPoolExecutor(3) as pool:
        queues = [RedisServer(client).connect(rates) for _ in range(3)]
        end_ns = monotonic_ns() + RUN_NS
        runs = pool.map(spend_until, queues, [end_ns] * 3)
        times = sorted(time for run in runs for time in run)
    for first, last in combinations(range(len(times)), 2):
        window_ns = max(had_ns for _, had_ns in times[first : last + 1]) - times[first][0]
        weight = 2 * (last - first + 1)
        assert (weight - BRISK.burst) * 500_000_000 <= BRISK.refill * window_ns, (weight, window_ns)
    # A limiter that lets nothing through keeps every limit too.
    assert 2 * len(times) > BRISK.burst
