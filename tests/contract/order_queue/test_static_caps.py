"""What an order shows by itself denies it, as long as its claim is ours."""

from decimal import Decimal

import pytest

from rebalancer.errors import LeaseLost
from rebalancer.queue import SendPermit
from rebalancer.risk import DenialReason
from resources.redis_connection import open_redis
from tests.contract.order_queue.servers import RedisServer
from tests.contract.order_queue.steps import (
    FAST,
    LEASE_MS,
    NOTHING,
    QueueMaker,
    claim_order,
    make_limits,
    open_gate,
    refusal_of,
)
from tests.factories import PORTFOLIO, enqueue, make_order

CAPS = {
    "too large": ({"order_quote_max": Decimal(49_999)}, DenialReason.ORDER_TOO_LARGE),
    "outside the collar": ({"collar_bps_max": 9}, DenialReason.OUTSIDE_COLLAR),
    "too old by the server's clock": ({"input_age_ms_max": 1_000}, DenialReason.INPUT_TOO_OLD),
}


@pytest.mark.parametrize(("caps", "reason"), CAPS.values(), ids=CAPS.keys())
def test_an_order_beyond_a_cap_by_itself_is_denied(
    queue_of: QueueMaker, now_ms: int, caps: dict[str, object], reason: DenialReason
) -> None:
    queue = queue_of(FAST, {PORTFOLIO: make_limits(**caps)})
    tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
    assert tenure is not None
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    assert refusal_of(queue, claim) is reason
    assert queue.depth().in_doubt == 0


def test_an_order_that_another_has_sent_is_lost_and_not_denied(redis_url: str, now_ms: int) -> None:
    with open_redis(redis_url) as client:
        queue = RedisServer(client).connect()
        strict = RedisServer(client).connect(
            FAST, {PORTFOLIO: make_limits(order_quote_max=Decimal(1))}
        )
        queue.recover(NOTHING)
        tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
        assert tenure is not None
        enqueue(queue, [make_order()])
        stale = claim_order(queue, tenure, now_ms)
        current = claim_order(queue, tenure, now_ms + LEASE_MS)
        assert isinstance(queue.permit(open_gate(current)), SendPermit)
        with pytest.raises(LeaseLost):
            strict.permit(open_gate(stale))
