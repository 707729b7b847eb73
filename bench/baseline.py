"""The router that the engine is compared with: as the published blueprint describes it.

An order is a Redis key that lives 3600 s. The router finds it with KEYS, reads it with GET, pings
the venue, defers what is not urgent while the venue is slow, sends it on a connection of its own,
and then deletes the key. One order at a time. (Sent and then deleted: a crash between the two sends
it twice. A key that ran out is an order lost. Neither is repaired here.)

It is fed in two ways: at an even pace, as the engine is, whether it keeps up or not; or alone, the
next order put only when the one before has ended, so that none waits for another.

It is measured as fairly as it can be. Its markets are loaded once, its TLS context is kept, and it
looks at once when a key was put instead of polling. Of several keys that wait it takes all that one
KEYS found, the oldest first: the blueprint does not say, this is fairest to the orders, and the
search is paid once for all of them. Closing a connection is counted to nobody while no other order
waits.
"""

import asyncio
import json
import os
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from bench.bare_ccxt import BareClient
from bench.bare_redis import BareRedis
from bench.baseline_keys import TTL_SECONDS, key_of, oldest_first
from bench.children import Child
from bench.failure import BenchFailed
from bench.feeder import running_feeder
from bench.order_times import ANSWERED, CLAIMED, ENDED, GATED, PERMITTED, QUEUED
from bench.orders import make_orders
from bench.place import Place
from rebalancer.money import to_decimal
from rebalancer.orders import Order
from resources.order_codec import decode_order, encode_order

LATENCY_MS_MAX = 150
FAILED_PING_MS = 9_999
URGENT_FROM = to_decimal("0.8")
PIPE_BYTES = 65_536

Times = dict[str, dict[str, int]]
"""By client order id, when each passed what (monotonic ns)."""


class Router:
    """One router. It has one client, which it connects anew for each order."""

    def __init__(self, redis: BareRedis, client: BareClient) -> None:
        self._redis = redis
        self._client = client
        self.times: Times = {}

    async def route_found(self) -> int:
        """Look once, and send what waits, the oldest first; how many orders that were."""
        found = oldest_first(self._redis)
        for key in found:
            await self._route(key)
            await self._client.disconnect()
            self._client.connect()
        return len(found)

    async def _route(self, key: str) -> None:
        order = decode_order(self._redis.read(key), where=key)
        moments = self.times.setdefault(order.client_order_id, {})
        moments[CLAIMED] = time.monotonic_ns()
        latency_ms = await _ping_ms(self._client)
        assert latency_ms <= LATENCY_MS_MAX or order.urgency >= URGENT_FROM, "deferred"
        moments[GATED] = moments[PERMITTED] = time.monotonic_ns()
        await self._client.create(order)
        moments[ANSWERED] = time.monotonic_ns()
        self._redis.remove(key)
        moments[ENDED] = time.monotonic_ns()


def run_baseline(
    place: Place, name: str, count: int, *, warm_up: int, per_second: int | None, now_ms: int
) -> Times:
    """Route so many orders, put at an even pace, or without one each after the one before."""
    return asyncio.run(_run(place, name, count, warm_up, per_second, now_ms))


async def _run(
    place: Place, name: str, count: int, warm_up: int, per_second: int | None, now_ms: int
) -> Times:
    with closing(BareRedis(place.redis_url)) as redis:
        async with BareClient(place.venue_url) as client:
            await client.disconnect()
            client.connect()
            await _give_and_route(redis, client, make_orders(f"{name}-warm", warm_up, now_ms))
            if per_second is None:
                return await _give_and_route(redis, client, make_orders(name, count, now_ms))
            router, file = Router(redis, client), place.folder / f"{name}.json"
            with running_feeder(
                place, file, cycle=name, count=count, per_second=per_second, now_ms=now_ms
            ) as feeder:
                await _route_fed(router, feeder, count)
            return _with_handed(router.times, file)


async def _give_and_route(redis: BareRedis, client: BareClient, orders: Sequence[Order]) -> Times:
    router = Router(redis, client)
    queued: dict[str, int] = {}
    for number, order in enumerate(orders):
        key, text = key_of(number, order), encode_order(order)
        queued[order.client_order_id] = time.monotonic_ns()
        redis.put(key, text, ttl_seconds=TTL_SECONDS)
        await router.route_found()
    return {name: {QUEUED: queued[name]} | passed for name, passed in router.times.items()}


async def _route_fed(router: Router, feeder: Child, count: int) -> None:
    """Look whenever a key was put, until all orders were routed."""
    assert feeder.process.stdout is not None
    pipe, loop = feeder.process.stdout.fileno(), asyncio.get_running_loop()
    put, ended = asyncio.Event(), asyncio.Event()

    def hear() -> None:
        if not os.read(pipe, PIPE_BYTES):
            loop.remove_reader(pipe)
            ended.set()
        put.set()

    loop.add_reader(pipe, hear)
    try:
        while len(router.times) < count:
            # Before the look: what is put during it is found by the next one.
            put.clear()
            was_ended = ended.is_set()
            if await router.route_found():
                continue
            if was_ended:
                feeder.await_end()
                raise BenchFailed(
                    f"baseline: {count - len(router.times)} of {count} orders are lost: their "
                    f"keys ran out after {TTL_SECONDS} s"
                )
            await put.wait()
    finally:
        loop.remove_reader(pipe)
    feeder.await_end()


def _with_handed(times: Times, file: Path) -> Times:
    """Add when the feeder handed each order to Redis."""
    handed: dict[str, int] = json.loads(file.read_text())
    return {name: {QUEUED: handed[name]} | passed for name, passed in times.items()}


async def _ping_ms(client: BareClient) -> float:
    started = time.monotonic()
    try:
        await client.ping()
    except Exception:
        return FAILED_PING_MS
    return (time.monotonic() - started) * 1_000
