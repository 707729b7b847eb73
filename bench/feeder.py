"""`python -m bench.feeder …`: puts the baseline's orders as keys, one by one, at an even pace.

A process of its own, as whoever feeds the engine is one to it: it does not wait for the router, nor
the router for it. Once it has said that it is ready it begins, and says a byte for each order that
is put. When each was handed to Redis goes into a file at the end.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from bench.bare_redis import BareRedis
from bench.baseline_keys import TTL_SECONDS, key_of
from bench.children import Child, running
from bench.orders import make_orders
from bench.pace import Pace
from bench.place import Place
from rebalancer.orders import Order
from resources.order_codec import encode_order


@contextmanager
def running_feeder(
    place: Place, file: Path, *, cycle: str, count: int, per_second: int, now_ms: int
) -> Iterator[Child]:
    """Feed the orders that `make_orders` makes of this cycle."""
    numbers = {"--count": count, "--per-second": per_second, "--now-ms": now_ms}
    words = [str(word) for pair in numbers.items() for word in pair]
    with running(
        "bench.feeder",
        *("--redis-url", place.redis_url, "--file", str(file), "--cycle", cycle, *words),
        folder=place.folder,
        name=f"feeder {cycle}",
    ) as child:
        child.first_line()
        yield child


def feed(redis: BareRedis, orders: Sequence[Order], per_second: int) -> dict[str, int]:
    """By client order id, when each was handed to Redis (monotonic ns)."""
    # Also opens the connection, for which the first order would wait.
    redis.await_rest()
    texts = [encode_order(order) for order in orders]
    handed: dict[str, int] = {}
    _say(json.dumps({"ready": True}) + "\n")
    pace = Pace(per_second)
    for number, (order, text) in enumerate(zip(orders, texts, strict=True)):
        time.sleep(pace.seconds_until(number))
        handed[order.client_order_id] = time.monotonic_ns()
        redis.put(key_of(number, order), text, ttl_seconds=TTL_SECONDS)
        _say(".")
    return handed


def _say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("--redis-url", "--cycle"):
        parser.add_argument(name, required=True)
    for name in ("--count", "--per-second", "--now-ms"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--file", type=Path, required=True)
    told = parser.parse_args()
    orders = make_orders(told.cycle, told.count, told.now_ms)
    with closing(BareRedis(told.redis_url)) as redis:
        handed = feed(redis, orders, told.per_second)
    told.file.write_text(json.dumps(handed))


if __name__ == "__main__":
    main()
