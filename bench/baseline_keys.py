"""The baseline's orders as keys in Redis: how they are named, put and found.

A key's name begins with the number of its order, so that the names sort as the orders came. The
blueprint does not say how its router tells the oldest; this way it costs the router nothing.
"""

from collections.abc import Sequence
from contextlib import closing

from bench.bare_redis import BareRedis
from rebalancer.orders import Order
from resources.order_codec import encode_order

TTL_SECONDS = 3_600
PATTERN, PREFIX, OTHER_PREFIX = "order:*", "order:", "other:"


def fill_others(redis_url: str, count: int, order: Order) -> None:
    """Keys of other orders that the pattern does not match, in the same database."""
    with closing(BareRedis(redis_url)) as redis:
        redis.fill(OTHER_PREFIX, count, encode_order(order), ttl_seconds=TTL_SECONDS)


def key_of(number: int, order: Order) -> str:
    return f"{PREFIX}{number:09}:{order.client_order_id}"


def oldest_first(redis: BareRedis) -> Sequence[str]:
    """The keys of all orders that wait."""
    return sorted(redis.find(PATTERN))
