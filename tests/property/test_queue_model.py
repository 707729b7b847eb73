"""Redis and the fake take the same steps and give the same answers, whatever the steps are.

Beside that, of every permit that was given: its order had none before (unless it came back unsent),
nothing that covers it was halted, in maintenance or closed, and it was within every cap and budget.
"""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test
from redis import Redis

from resources.redis_connection import open_redis
from tests.property.queue_machine import TwoQueues

STEPS = 2_000
"""Steps in all, as many short runs or few long ones."""


@pytest.fixture
def quick_client(redis_url: str) -> Iterator[Redis]:
    """Answers are compared here, not what survives a power cut: the disk need not keep up."""
    with open_redis(redis_url) as client:
        client.config_set("appendfsync", "no")
        yield client
        client.config_set("appendfsync", "always")


@pytest.mark.parametrize("steps", [15, 60])
def test_the_fake_and_redis_never_differ(quick_client: Redis, steps: int) -> None:
    class Machine(TwoQueues):
        client = quick_client

    run_state_machine_as_test(
        Machine,
        settings=settings(max_examples=STEPS // steps, stateful_step_count=steps, deadline=None),
    )
