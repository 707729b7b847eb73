"""The steps of many orders in one trip: each has its own answer, and news wakes who waits."""

import asyncio
from collections import Counter
from time import monotonic

import pytest
from redis import Redis

from rebalancer.errors import BadConfig, BadData, LeaseLost, QueueLost, StoreUnavailable
from rebalancer.orders import VenueName
from rebalancer.queue import Claim, Claimed, NotNow, QueueEmpty, Recovery, SendPermit, Tenure
from resources.rate_limit import RateLimit
from resources.redis_connection import open_redis
from resources.redis_line import RedisLine, open_line
from resources.redis_queue import RedisOrderQueue
from resources.system_clock import SystemClock
from tests.contract.order_queue.steps import FAST, NO_CAPS, Rates, open_gate, receipt_of
from tests.factories import NOW_MS, VENUE, enqueue, make_order

NAMES = [f"A{number}" for number in range(40)]
LEASE_MS = 60_000
FOREVER_MS = 30_000


@pytest.fixture
def client(redis_url: str) -> Redis:
    return open_redis(redis_url)


def make_queue(client: Redis, rates: Rates = FAST) -> RedisOrderQueue:
    queue = RedisOrderQueue(client, name="line", rates=rates, limits=NO_CAPS)
    queue.recover(Recovery((), {}))
    return queue


def open_slot(queue: RedisOrderQueue, slot: int = 0) -> Tenure:
    tenure = queue.open_tenure(slot, owner="somebody", ttl_ms=600_000)
    assert tenure is not None
    return tenure


async def claim_all(line: RedisLine, tenure: Tenure, most: int) -> list[Claim]:
    now_ms = SystemClock().now_ms()
    claimed = await line.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS, most=most)
    assert all(isinstance(found, Claim) for found in claimed.found)
    return [found for found in claimed.found if isinstance(found, Claim)]


async def claim_side_by_side(line: RedisLine, tenure: Tenure, count: int) -> list[object]:
    claims = (line.claim(tenure, now_ms=NOW_MS, lease_ms=1, most=1) for _ in range(count))
    return await asyncio.gather(*claims, return_exceptions=True)


async def test_many_orders_go_through_together_and_each_has_its_own_answer(
    client: Redis, redis_url: str
) -> None:
    queue = make_queue(client)
    enqueue(queue, [make_order(name) for name in NAMES])
    async with open_line(queue, redis_url) as line:
        await take_all_through(queue, line)
    assert queue.depth().is_empty


async def take_all_through(queue: RedisOrderQueue, line: RedisLine) -> None:
    tenure, now_ms = open_slot(queue), SystemClock().now_ms()
    found = await claim_all(line, tenure, len(NAMES))
    assert {claim.order.symbol.base for claim in found} == set(NAMES)
    claimed = await line.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS, most=1)
    assert claimed == Claimed((), QueueEmpty(found[0].lease_until_ms))
    permits = await asyncio.gather(*(line.permit(open_gate(claim)) for claim in found))
    assert [permit.order for permit in permits if isinstance(permit, SendPermit)] == [
        claim.order for claim in found
    ]
    receipts = [receipt_of(claim.order) for claim in found]
    assert await asyncio.gather(*map(line.acknowledge, receipts)) == [False] * len(NAMES)


async def test_what_one_is_refused_with_is_its_own(client: Redis, redis_url: str) -> None:
    other = VenueName("gone")
    queue = make_queue(client, {VENUE: RateLimit(1), other: RateLimit(1)})
    enqueue(queue, [make_order("A"), make_order("B"), make_order("C", venue=other)])
    async with open_line(queue, redis_url) as line:
        first, second, third = await claim_all(line, open_slot(queue), 3)
    async with open_line(make_queue(client, {VENUE: RateLimit(1)}), redis_url) as line:
        told = await asyncio.gather(
            *(line.permit(open_gate(claim)) for claim in (first, second, third, first)),
            return_exceptions=True,
        )
    assert [type(one) for one in told] == [SendPermit, NotNow, BadConfig, LeaseLost]


async def test_a_server_started_anew_is_taught_the_scripts_again(
    client: Redis, redis_url: str
) -> None:
    queue = make_queue(client)
    enqueue(queue, [make_order(name) for name in NAMES[:3]])
    tenure = open_slot(queue)
    client.script_flush()
    async with open_line(queue, redis_url) as line:
        assert len(await claim_all(line, tenure, 3)) == 3


async def test_an_order_nobody_can_read_is_told_beside_the_others(
    client: Redis, redis_url: str
) -> None:
    queue = make_queue(client)
    orders = [make_order(name) for name in NAMES[:3]]
    enqueue(queue, orders)
    client.hset("{line}:orders", orders[1].client_order_id, "{}")
    async with open_line(queue, redis_url) as line:
        now_ms, tenure = SystemClock().now_ms(), open_slot(queue)
        claimed = await line.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS, most=3)
    assert Counter(map(type, claimed.found)) == {Claim: 2, BadData: 1}
    assert claimed.empty is None


async def test_a_claim_given_back_is_ready_when_it_was_said(client: Redis, redis_url: str) -> None:
    queue = make_queue(client)
    enqueue(queue, [make_order()])
    async with open_line(queue, redis_url) as line:
        tenure, now_ms = open_slot(queue), SystemClock().now_ms()
        (claim,) = await claim_all(line, tenure, 1)
        await line.release(claim, retry_at_ms=now_ms + 7)
        claimed = await line.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS, most=1)
        assert claimed == Claimed((), QueueEmpty(now_ms + 7))
        with pytest.raises(LeaseLost):
            await line.release(claim, retry_at_ms=now_ms)


async def test_a_lost_queue_and_a_dead_server_are_told_to_everybody(
    client: Redis, redis_url: str
) -> None:
    queue = make_queue(client)
    tenure = open_slot(queue)
    client.flushall()
    async with open_line(queue, redis_url) as line:
        told = await claim_side_by_side(line, tenure, 3)
    assert [type(one) for one in told] == [QueueLost] * 3
    async with open_line(queue, "redis://127.0.0.1:1/0") as line:
        told = await claim_side_by_side(line, tenure, 3)
    assert [type(one) for one in told] == [StoreUnavailable] * 3


async def test_an_order_that_comes_wakes_who_waits(client: Redis, redis_url: str) -> None:
    queue = make_queue(client)
    async with open_line(queue, redis_url) as line:
        while not client.pubsub_numsub(queue.news_channel)[0][1]:
            await asyncio.sleep(0.01)
        since, begun = line.news, monotonic()
        waiting = asyncio.create_task(line.await_news(since=since, for_ms=FOREVER_MS))
        await asyncio.sleep(0)
        enqueue(queue, [make_order()])
        await waiting
        assert monotonic() - begun < FOREVER_MS / 1_000
        assert line.news == since + 1
        # What was heard before the question is not waited for again.
        await line.await_news(since=since, for_ms=FOREVER_MS)


async def test_who_hears_nothing_looks_all_the_same(client: Redis, redis_url: str) -> None:
    async with open_line(make_queue(client), redis_url) as line:
        await line.await_news(since=line.news, for_ms=10)
        assert line.news == 0


async def test_a_line_hears_again_after_its_connection_was_cut(
    client: Redis, redis_url: str
) -> None:
    queue = make_queue(client)
    async with open_line(queue, redis_url) as line, asyncio.timeout(FOREVER_MS / 1_000):
        for round_number in range(2):
            since, number = line.news, 0
            while line.news == since:
                number += 1
                enqueue(queue, [make_order(f"B{round_number}-{number}")])
                await asyncio.sleep(0.05)
            client.client_kill_filter(_type="pubsub")
