"""The queues that sit the contract: the fake and the real one on a real server.

Both go by the true clock, because a permit compares leases with the clock of Redis. Time that has
to pass is said to `claim` as the caller's clock; nothing waits for it.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from rebalancer.ports import OrderQueue
from rebalancer.queue import Tenure
from resources.redis_connection import open_redis
from resources.redis_queue import RedisOrderQueue
from resources.system_clock import SystemClock
from tests.contract.order_queue.steps import FAST, QueueMaker, Rates
from tests.fakes.queue import FakeQueue


@pytest.fixture(params=["fake", "redis"])
def queue_of(request: pytest.FixtureRequest) -> Iterator[QueueMaker]:
    """Makes an empty queue with these rates."""
    if request.param == "fake":
        yield lambda rates: FakeQueue(SystemClock(), rates=rates)
        return
    url = request.getfixturevalue("redis_url")
    with ExitStack() as closing:

        def connect(rates: Rates) -> OrderQueue:
            client = closing.enter_context(open_redis(url))
            return RedisOrderQueue(client, name="contract", rates=rates)

        yield connect


@pytest.fixture
def queue(queue_of: QueueMaker) -> OrderQueue:
    return queue_of(FAST)


@pytest.fixture
def tenure(queue: OrderQueue) -> Tenure:
    opened = queue.open_tenure(0, owner="first", ttl_ms=60_000)
    assert opened is not None
    return opened


@pytest.fixture
def now_ms() -> int:
    return SystemClock().now_ms()
