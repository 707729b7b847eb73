"""The router that the engine is compared with: as the published blueprint describes it.

An order is a Redis key that lives 3600 s. The router finds it with KEYS, reads it with GET, pings
the venue, defers what is not urgent while the venue is slow, sends it on a connection of its own,
and then deletes the key. One order at a time. (Sent and then deleted: a crash between the two sends
it twice. A key that ran out is an order lost. Neither is repaired here.)

It is measured as fairly as it can be. Its markets are loaded once, its TLS context is kept, the
next order is put only when the one before has ended, the router looks at once instead of polling,
and closing a connection is counted to nobody.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import closing

from bench.bare_ccxt import BareClient
from bench.bare_redis import BareRedis
from bench.order_times import ANSWERED, CLAIMED, ENDED, GATED, PERMITTED, QUEUED
from bench.place import Place
from rebalancer.money import to_decimal
from rebalancer.orders import Order
from resources.order_codec import decode_order, encode_order

TTL_SECONDS = 3_600
LATENCY_MS_MAX = 150
FAILED_PING_MS = 9_999
URGENT_FROM = to_decimal("0.8")
PATTERN, PREFIX, OTHER_PREFIX = "order:*", "order:", "other:"


def fill_others(place: Place, count: int, order: Order) -> None:
    """Keys of other orders that the pattern does not match, in the same database."""
    with closing(BareRedis(place.redis_url)) as redis:
        redis.fill(OTHER_PREFIX, count, encode_order(order), ttl_seconds=TTL_SECONDS)


def run_baseline(
    place: Place, orders: Sequence[Order], *, warm_up: Sequence[Order]
) -> dict[str, dict[str, int]]:
    """Route orders one after another; by client order id, when each passed what (monotonic ns)."""
    return asyncio.run(_route_all(place, orders, warm_up))


async def _route_all(
    place: Place, orders: Sequence[Order], warm_up: Sequence[Order]
) -> dict[str, dict[str, int]]:
    moments: dict[str, dict[str, int]] = {}
    with closing(BareRedis(place.redis_url)) as redis:
        async with BareClient(place.venue_url) as client:
            for order in [*warm_up, *orders]:
                await client.disconnect()
                client.connect()
                moments[order.client_order_id] = await _give_and_route(redis, client, order)
    return {order.client_order_id: moments[order.client_order_id] for order in orders}


async def _give_and_route(redis: BareRedis, client: BareClient, order: Order) -> dict[str, int]:
    key, text = f"{PREFIX}{order.client_order_id}", encode_order(order)
    moments = {QUEUED: time.monotonic_ns()}
    redis.put(key, text, ttl_seconds=TTL_SECONDS)
    (found,) = redis.find(PATTERN)
    waiting = decode_order(redis.read(found), where=found)
    moments[CLAIMED] = time.monotonic_ns()
    latency_ms = await _ping_ms(client)
    assert latency_ms <= LATENCY_MS_MAX or waiting.urgency >= URGENT_FROM, "deferred"
    moments[GATED] = moments[PERMITTED] = time.monotonic_ns()
    await client.create(waiting)
    moments[ANSWERED] = time.monotonic_ns()
    redis.remove(found)
    moments[ENDED] = time.monotonic_ns()
    return moments


async def _ping_ms(client: BareClient) -> float:
    started = time.monotonic()
    try:
        await client.ping()
    except Exception:
        return FAILED_PING_MS
    return (time.monotonic() - started) * 1_000
