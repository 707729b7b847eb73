"""A server of queue and controls that a test may also wipe: the fake one, and a real Redis."""

from abc import ABC, abstractmethod

from redis import Redis

from rebalancer.ports import OrderQueue, TradingControls
from resources.redis_controls import RedisTradingControls
from resources.redis_queue import RedisOrderQueue
from resources.system_clock import SystemClock
from tests.contract.order_queue.steps import FAST, NO_CAPS, Limits, Rates
from tests.fakes.controls import FakeControls
from tests.fakes.queue import FakeQueue

NAME = "contract"


class QueueServer(ABC):
    """Holds one queue and its controls. `wipe` loses everything, as a server without its file."""

    @property
    @abstractmethod
    def controls(self) -> TradingControls: ...

    @abstractmethod
    def connect(self, rates: Rates = FAST, limits: Limits = NO_CAPS) -> OrderQueue: ...

    @abstractmethod
    def wipe(self) -> None: ...


class FakeServer(QueueServer):
    """Nothing outlives the objects, so whoever wipes must connect anew."""

    def __init__(self) -> None:
        self._controls = FakeControls(SystemClock())

    @property
    def controls(self) -> TradingControls:
        return self._controls

    def connect(self, rates: Rates = FAST, limits: Limits = NO_CAPS) -> OrderQueue:
        return FakeQueue(
            SystemClock(), rates=rates, limits=limits, controls=self._controls, is_lost=True
        )

    def wipe(self) -> None:
        self._controls = FakeControls(SystemClock())


class RedisServer(QueueServer):
    def __init__(self, client: Redis) -> None:
        self._client = client

    @property
    def controls(self) -> TradingControls:
        return RedisTradingControls(self._client, name=NAME)

    def connect(self, rates: Rates = FAST, limits: Limits = NO_CAPS) -> OrderQueue:
        return RedisOrderQueue(self._client, name=NAME, rates=rates, limits=limits)

    def wipe(self) -> None:
        self._client.flushall()
