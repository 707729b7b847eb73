"""The steps of many orders in one trip: each has its own answer, and news wakes who waits."""

import asyncio
from time import monotonic

import pytest
from redis import Redis

from rebalancer.errors import BadConfig, LeaseLost, QueueLost, StoreUnavailable
from rebalancer.orders import VenueName
from rebalancer.queue import Claim, NotNow, QueueEmpty, Recovery, SendPermit, Tenure
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


async def claim_all(line: RedisLine, tenure: Tenure, count: int) -> list[object]:
    now_ms = SystemClock().now_ms()
    return await asyncio.gather(
        *(line.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS) for _ in range(count))
    )


async def test_many_orders_go_through_together_and_each_has_its_own_answer(client: Redis) -> None:
    queue = make_queue(client)
    enqueue(queue, [make_order(name) for name in NAMES])
    line, tenure = RedisLine(queue), open_slot(queue)
    claims = await claim_all(line, tenure, len(NAMES) + 1)
    found = [claim for claim in claims if isinstance(claim, Claim)]
    assert {claim.order.symbol.base for claim in found} == set(NAMES)
    assert [claim for claim in claims if isinstance(claim, QueueEmpty)]
    permits = await asyncio.gather(*(line.permit(open_gate(claim)) for claim in found))
    assert [permit.order for permit in permits if isinstance(permit, SendPermit)] == [
        claim.order for claim in found
    ]
    receipts = [receipt_of(claim.order) for claim in found]
    assert await asyncio.gather(*map(line.acknowledge, receipts)) == [False] * len(NAMES)
    assert queue.depth().is_empty


async def test_what_one_is_refused_with_is_its_own(client: Redis) -> None:
    other = VenueName("gone")
    queue = make_queue(client, {VENUE: RateLimit(1), other: RateLimit(1)})
    enqueue(queue, [make_order("A"), make_order("B"), make_order("C", venue=other)])
    tenure = open_slot(queue)
    claims = await claim_all(RedisLine(queue), tenure, 3)
    first, second, third = (claim for claim in claims if isinstance(claim, Claim))
    line = RedisLine(make_queue(client, {VENUE: RateLimit(1)}))
    told = await asyncio.gather(
        *(line.permit(open_gate(claim)) for claim in (first, second, third, first)),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [SendPermit, NotNow, BadConfig, LeaseLost]


async def test_a_server_started_anew_is_taught_the_scripts_again(client: Redis) -> None:
    queue = make_queue(client)
    enqueue(queue, [make_order(name) for name in NAMES[:3]])
    tenure = open_slot(queue)
    client.script_flush()
    claims = await claim_all(RedisLine(queue), tenure, 3)
    assert [type(claim) for claim in claims] == [Claim] * 3


async def test_a_lost_queue_and_a_dead_server_are_told_to_everybody(client: Redis) -> None:
    queue = make_queue(client)
    tenure = open_slot(queue)
    client.flushall()
    line = RedisLine(queue)
    steps = [line.claim(tenure, now_ms=NOW_MS, lease_ms=1) for _ in range(3)]
    told = await asyncio.gather(*steps, return_exceptions=True)
    assert [type(one) for one in told] == [QueueLost] * 3
    nowhere = open_redis("redis://127.0.0.1:1/0")
    line = RedisLine(RedisOrderQueue(nowhere, name="line", rates=FAST, limits=NO_CAPS))
    steps = [line.claim(tenure, now_ms=NOW_MS, lease_ms=1) for _ in range(3)]
    told = await asyncio.gather(*steps, return_exceptions=True)
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


async def test_who_hears_nothing_looks_all_the_same(client: Redis) -> None:
    line = RedisLine(make_queue(client))
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
