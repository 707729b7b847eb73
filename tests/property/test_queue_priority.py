"""In whatever order they came, orders leave by urgency, then age, then the order they came in."""

from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rebalancer.orders import Order
from rebalancer.queue import Claim, Recovery
from resources.redis_connection import open_redis
from resources.redis_queue import RedisOrderQueue
from tests.factories import NOW_MS, enqueue, make_order

urgencies = st.sampled_from(["0", "0.333333", "0.333334", "0.9", "1", "1e-24", "1.0"]).map(Decimal)
ages = st.sampled_from([0, 9, 10, NOW_MS, NOW_MS + 1])
batches = st.lists(st.tuples(urgencies, ages), min_size=1, max_size=12)


def make_orders(batch: list[tuple[Decimal, int]]) -> list[Order]:
    return [
        make_order(f"S{place}", urgency=urgency, planned_at_ms=planned_at_ms)
        for place, (urgency, planned_at_ms) in enumerate(batch)
    ]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batch=batches)
def test_orders_leave_by_urgency_then_age_then_arrival(
    redis_url: str, batch: list[tuple[Decimal, int]]
) -> None:
    orders = make_orders(batch)
    with open_redis(redis_url) as client:
        client.flushdb()
        queue = RedisOrderQueue(client, name="priority", rates={}, limits={})
        queue.recover(Recovery(maybe_sent=(), turnover_quote={}))
        tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
        assert tenure is not None
        enqueue(queue, orders)
        claims = [queue.claim(tenure, now_ms=NOW_MS, lease_ms=1) for _ in orders]
    left = [claim.order for claim in claims if isinstance(claim, Claim)]
    assert left == sorted(orders, key=lambda order: (-order.urgency, order.planned_at_ms))
