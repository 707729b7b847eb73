"""No window of time holds more orders than the venue's bucket allows, whoever sends them."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from time import monotonic_ns, sleep

import pytest

from rebalancer.errors import BadConfig
from rebalancer.gate import GateOpen
from rebalancer.money import to_decimal
from rebalancer.orders import VenueName
from rebalancer.ports import OrderQueue
from rebalancer.queue import Claim, NotNow, NotNowReason, SendPermit
from resources.rate_limit import RateLimit
from resources.redis_connection import open_redis
from resources.redis_queue import RedisOrderQueue
from resources.system_clock import SystemClock
from tests.contract.order_queue.steps import (
    NO_CAPS,
    NOTHING,
    QueueMaker,
    claim_order,
    open_gate,
    receipt_of,
)
from tests.factories import VENUE, enqueue, make_order

RATE = RateLimit(20, burst=3)
RUN_NS = 1_500_000_000


def open_slot(queue: OrderQueue, slot: int, *, count: int) -> list[Claim]:
    """Queue some orders and claim them for one slot."""
    orders = [make_order(f"S{number}", portfolio=f"p{slot}") for number in range(count)]
    enqueue(queue, orders)
    tenure = queue.open_tenure(slot, owner=f"owner {slot}", ttl_ms=60_000)
    assert tenure is not None
    return [claim_order(queue, tenure, SystemClock().now_ms()) for _ in orders]


def test_a_spent_bucket_says_when_to_ask_again(queue_of: QueueMaker) -> None:
    queue = queue_of({VENUE: RateLimit(1, burst=2)})
    answers = [queue.permit(open_gate(claim)) for claim in open_slot(queue, 0, count=8)]
    sent = [answer for answer in answers if isinstance(answer, SendPermit)]
    refused = [answer for answer in answers if isinstance(answer, NotNow)]
    assert answers[:2] == sent[:2]
    # Never all of them, even on a machine that takes its time.
    assert refused
    assert all(0 < answer.retry_after_ms <= 1_000 for answer in refused)
    assert {answer.reason for answer in refused} == {NotNowReason.RATE_SPENT}
    assert VENUE in refused[0].detail
    assert queue.depth().in_doubt == len(sent)


def test_a_permit_refused_for_another_reason_costs_no_token(queue_of: QueueMaker) -> None:
    queue = queue_of({VENUE: RateLimit(1, burst=1)})
    late, good = open_slot(queue, 0, count=2)
    assert isinstance(queue.permit(GateOpen(late, valid_until_ms=1)), NotNow)
    assert isinstance(queue.permit(open_gate(good)), SendPermit)


def test_each_venue_has_its_own_bucket(queue_of: QueueMaker, now_ms: int) -> None:
    other = VenueName("other")
    queue = queue_of({VENUE: RateLimit(1), other: RateLimit(1)})
    enqueue(queue, [make_order("A"), make_order("B", venue=other)])
    tenure = queue.open_tenure(0, owner="first", ttl_ms=60_000)
    assert tenure is not None
    gates = [open_gate(claim_order(queue, tenure, now_ms)) for _ in range(2)]
    assert [type(queue.permit(gate)) for gate in gates] == [SendPermit, SendPermit]


def test_a_venue_without_a_rate_is_refused_by_name(queue_of: QueueMaker) -> None:
    queue = queue_of({})
    with pytest.raises(BadConfig, match=VENUE):
        queue.permit(open_gate(open_slot(queue, 0, count=1)[0]))


def permit_all(queue: OrderQueue, claims: Sequence[Claim], end_ns: int) -> list[tuple[int, int]]:
    """Ask for permits until the time is over; when each one was asked for and had, in ns."""
    waiting, times = list(claims), []
    while waiting and monotonic_ns() < end_ns:
        asked_ns = monotonic_ns()
        match queue.permit(open_gate(waiting[-1])):
            case SendPermit():
                times.append((asked_ns, monotonic_ns()))
                waiting.pop()
            case NotNow(retry_after_ms=wait_ms):
                sleep(wait_ms / 1000)
    return times


def test_three_clients_at_once_never_exceed_the_rate_in_any_window(redis_url: str) -> None:
    with open_redis(redis_url) as one, open_redis(redis_url) as two, open_redis(redis_url) as three:
        queues = [
            RedisOrderQueue(client, name="rate", rates={VENUE: RATE}, limits=NO_CAPS)
            for client in (one, two, three)
        ]
        queues[0].recover(NOTHING)
        claims = [open_slot(queue, slot, count=20) for slot, queue in enumerate(queues)]
        end_ns = monotonic_ns() + RUN_NS
        with ThreadPoolExecutor(3) as pool:
            runs = pool.map(permit_all, queues, claims, [end_ns] * 3)
            times = sorted(time for run in runs for time in run)
    for first, last in combinations(range(len(times)), 2):
        window = times[first : last + 1]
        # From before the first was asked for until the last was had: no shorter than it was.
        window_ns = max(had_ns for _, had_ns in window) - window[0][0]
        allowed = RATE.burst + RATE.orders_per_second * to_decimal(window_ns).scaleb(-9)
        assert len(window) <= allowed, (len(window), window_ns)
    # A limiter that lets nothing through keeps every limit too.
    assert len(times) > RATE.orders_per_second


@pytest.mark.parametrize(("at_us", "sent"), [(0, 2), (10**16, 0)], ids=["long idle", "set back"])
def test_neither_a_long_rest_nor_a_clock_set_back_earns_more_than_the_burst(
    redis_url: str, at_us: int, sent: int
) -> None:
    with open_redis(redis_url) as client:
        rates = {VENUE: RateLimit(1, burst=2)}
        queue = RedisOrderQueue(client, name="rate", rates=rates, limits=NO_CAPS)
        queue.recover(NOTHING)
        claims = open_slot(queue, 0, count=8)
        bucket = {f"{VENUE}\x1forders\x1fat_us": at_us, f"{VENUE}\x1forders\x1ftokens": 0}
        client.hset("{rate}:buckets", mapping=bucket)
        start_ns = monotonic_ns()
        answers = [queue.permit(open_gate(claim)) for claim in claims]
        earned = (monotonic_ns() - start_ns) // 1_000_000_000
    permits = [answer for answer in answers if isinstance(answer, SendPermit)]
    assert sent <= len(permits) <= sent + earned


def test_an_order_holds_its_place_until_a_second_after_it_was_answered(
    queue_of: QueueMaker,
) -> None:
    """However the way delays them, no second of the venue's holds more than were let in."""
    queue = queue_of({VENUE: RateLimit(2)})
    first, second, third = open_slot(queue, 0, count=3)
    for claim in (first, second):
        while not isinstance(queue.permit(open_gate(claim)), SendPermit):
            sleep(0.01)
    sleep(1.2)
    # Both were permitted over a second ago, and neither has arrived for all we know.
    assert isinstance(refused := queue.permit(open_gate(third)), NotNow)
    assert refused.reason is NotNowReason.RATE_SPENT
    # Before the call: its script may run long before its reply is here.
    answered_ns = monotonic_ns()
    queue.acknowledge(receipt_of(first.order))
    while isinstance(answer := queue.permit(open_gate(third)), NotNow):
        sleep(answer.retry_after_ms / 1_000)
    assert monotonic_ns() - answered_ns >= 1_000_000_000


@pytest.mark.parametrize("way", ["release", "return_unsent"])
def test_an_order_that_is_given_back_was_answered(queue_of: QueueMaker, way: str) -> None:
    queue = queue_of({VENUE: RateLimit(1)})
    first, second = open_slot(queue, 0, count=2)
    assert isinstance(queue.permit(open_gate(first)), SendPermit)
    answered_ns = monotonic_ns()
    getattr(queue, way)(first, retry_at_ms=first.lease_until_ms)
    while isinstance(answer := queue.permit(open_gate(second)), NotNow):
        assert answer.retry_after_ms <= 1_001
        sleep(answer.retry_after_ms / 1_000)
    assert monotonic_ns() - answered_ns >= 1_000_000_000
