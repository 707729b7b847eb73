"""The queues that sit the contract: the fake and the real one on a real server.

Both go by the true clock, because a permit compares leases with the clock of Redis. Time that has
to pass is said to `claim` as the caller's clock; nothing waits for it.
"""

from collections.abc import Iterator

import pytest

from rebalancer.ports import OrderQueue, TradingControls
from rebalancer.queue import Tenure
from resources.redis_connection import open_redis
from resources.system_clock import SystemClock
from tests.contract.order_queue.servers import FakeServer, QueueServer, RedisServer
from tests.contract.order_queue.steps import FAST, NO_CAPS, NOTHING, Limits, QueueMaker, Rates


@pytest.fixture(params=["fake", "redis"])
def server(request: pytest.FixtureRequest) -> Iterator[QueueServer]:
    """A server that holds nothing yet: queues made of it are lost until they are recovered."""
    if request.param == "fake":
        yield FakeServer()
        return
    with open_redis(request.getfixturevalue("redis_url")) as client:
        yield RedisServer(client)


@pytest.fixture
def controls(server: QueueServer) -> TradingControls:
    return server.controls


@pytest.fixture
def queue_of(server: QueueServer) -> QueueMaker:
    """Makes an empty queue with these rates and caps, ready to be used."""

    def begin(rates: Rates, limits: Limits = NO_CAPS) -> OrderQueue:
        queue = server.connect(rates, limits)
        queue.recover(NOTHING)
        return queue

    return begin


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
