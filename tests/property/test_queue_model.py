"""Redis and the fake take the same steps and give the same answers, whatever the steps are.

Three portfolios of few symbols, two cycles, two slots: small enough that orders meet and collide.
The caller's clock runs ahead of the true one, which both queues use for permits and slots.
"""

from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from redis import Redis

from rebalancer.errors import LeaseLost
from rebalancer.gate import GateOpen
from rebalancer.money import to_decimal
from rebalancer.orders import ClientOrderId, Order, PortfolioName
from rebalancer.ports import OrderQueue
from rebalancer.queue import Claim, InDoubt, NotNow, QueueEmpty, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt
from resources.rate_limit import RateLimit
from resources.redis_connection import open_redis
from resources.redis_queue import RedisOrderQueue
from resources.system_clock import SystemClock
from tests.factories import NOW_MS, VENUE, make_order
from tests.fakes.queue import FakeQueue

LEASE_MS = 600_000
STEPS = 600
"""Steps in all, as many short runs or few long ones."""
RATES = {VENUE: RateLimit(1_000_000, burst=1_000_000)}
PORTFOLIOS = [PortfolioName("p"), PortfolioName("p q")]

orders = st.builds(
    lambda base, side, cycle_id, portfolio, urgency, age_ms, attempt: make_order(
        base,
        side,
        cycle_id=cycle_id,
        portfolio=portfolio,
        urgency=to_decimal(urgency),
        planned_at_ms=NOW_MS + age_ms,
        attempt=attempt,
    ),
    st.sampled_from(["A", "B", "C"]),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(PORTFOLIOS),
    st.sampled_from(["0", "0.5", "0.500001", "1"]),
    st.sampled_from([0, 1]),
    st.integers(0, 2),
)
rests = st.sampled_from([0, 1, LEASE_MS, 2 * LEASE_MS])


class TwoQueues(RuleBasedStateMachine):
    """Every step is taken by both queues; the answers, and what is left, must be equal."""

    client: Redis
    tenures = Bundle("tenures")
    held = Bundle("held")
    queued = Bundle("queued")

    @initialize(target=tenures)
    def begin(self) -> Tenure:
        self.now_ms = SystemClock().now_ms()
        self.client.flushdb()
        self.real = RedisOrderQueue(self.client, name="model", rates=RATES)
        self.fake = FakeQueue(SystemClock(), rates=RATES)
        self.permitted: list[ClientOrderId] = []
        self.not_sent: list[ClientOrderId] = []
        tenure = self.both(lambda queue: queue.open_tenure(0, owner="a", ttl_ms=LEASE_MS))
        assert isinstance(tenure, Tenure)
        return tenure

    def both(self, step: Callable[[OrderQueue], object]) -> object:
        """Take a step in both queues and return their common answer; a refusal is one."""
        answers = [answer_of(step, self.real), answer_of(step, self.fake)]
        assert answers[0] == answers[1], answers
        return answers[0]

    @rule(ms=st.sampled_from([1, LEASE_MS // 2, LEASE_MS]))
    def let_time_pass(self, ms: int) -> None:
        self.now_ms += ms

    @rule(target=queued, batch=st.lists(orders, min_size=1, max_size=6))
    def enqueue(self, batch: list[Order]) -> object:
        self.both(lambda queue: queue.enqueue(batch))
        return multiple(*batch)

    @rule(target=held, tenure=tenures)
    def claim(self, tenure: Tenure) -> object:
        claim = self.both(lambda queue: queue.claim(tenure, now_ms=self.now_ms, lease_ms=LEASE_MS))
        if isinstance(claim, QueueEmpty) or claim is LeaseLost:
            return multiple()
        assert isinstance(claim, Claim | InDoubt)
        return claim

    @rule(claim=held)
    def permit(self, claim: Claim | InDoubt) -> None:
        posing = Claim(claim.order, claim.tenure, claim.lease_until_ms, tries=0)
        answer = self.both(lambda queue: queue.permit(GateOpen(posing, posing.lease_until_ms)))
        if isinstance(answer, SendPermit):
            self.permitted.append(claim.order.client_order_id)

    @rule(claim=consumes(held), rest_ms=rests)
    def release(self, claim: Claim | InDoubt, rest_ms: int) -> None:
        self.both(lambda queue: queue.release(claim, retry_at_ms=self.now_ms + rest_ms))

    @rule(claim=held, rest_ms=rests)
    def return_unsent(self, claim: Claim | InDoubt, rest_ms: int) -> None:
        if isinstance(claim, Claim):
            retry_at_ms = self.now_ms + rest_ms
            answer = self.both(lambda queue: queue.return_unsent(claim, retry_at_ms=retry_at_ms))
            if answer is None:
                self.not_sent.append(claim.order.client_order_id)

    @rule(claim=held, rest_ms=rests)
    def note_absent(self, claim: Claim | InDoubt, rest_ms: int) -> None:
        if isinstance(claim, InDoubt):
            retry_at_ms = self.now_ms + rest_ms
            self.both(lambda queue: queue.note_absent(claim, retry_at_ms=retry_at_ms))

    @rule(order=queued, residual=st.booleans())
    def acknowledge(self, order: Order, residual: bool) -> None:
        rest = (
            make_order(
                order.symbol.base,
                order.side,
                cycle_id=order.cycle_id,
                portfolio=order.portfolio,
                attempt=order.attempt + 1,
            )
            if residual
            else None
        )
        receipt = LedgerReceipt(order.client_order_id, rest, self.now_ms)
        self.both(lambda queue: queue.acknowledge(receipt))

    @rule(target=tenures, slot=st.integers(0, 1), owner=st.sampled_from(["a", "b"]))
    def open_tenure(self, slot: int, owner: str) -> object:
        tenure = self.both(lambda queue: queue.open_tenure(slot, owner=owner, ttl_ms=LEASE_MS))
        return tenure if isinstance(tenure, Tenure) else multiple()

    @rule(tenure=tenures)
    def close_tenure(self, tenure: Tenure) -> None:
        self.both(lambda queue: queue.close_tenure(tenure))

    @rule(tenure=tenures)
    def renew_tenure(self, tenure: Tenure) -> None:
        self.both(lambda queue: queue.renew_tenure(tenure, ttl_ms=LEASE_MS))

    @invariant()
    def they_hold_the_same(self) -> None:
        self.both(lambda queue: queue.depth())
        for portfolio in PORTFOLIOS:
            self.both(lambda queue, name=portfolio: queue.live_orders(name))  # type: ignore[misc]
        for slot in (0, 1):
            self.both(lambda queue, number=slot: queue.tenure_state(number))  # type: ignore[misc]

    @invariant()
    def no_order_is_permitted_twice_but_those_that_were_returned(self) -> None:
        for client_order_id in set(self.permitted):
            returned = self.not_sent.count(client_order_id)
            assert self.permitted.count(client_order_id) <= 1 + returned


def answer_of(step: Callable[[OrderQueue], object], queue: OrderQueue) -> object:
    """What a step gives; which words a refusal is put in may differ."""
    try:
        answer = step(queue)
    except LeaseLost:
        return LeaseLost
    return NotNow if isinstance(answer, NotNow) else answer


@pytest.mark.parametrize("steps", [12, 60])
def test_the_fake_and_redis_never_differ(redis_url: str, steps: int) -> None:
    with open_redis(redis_url) as connected:

        class Machine(TwoQueues):
            client = connected

        examples = STEPS // steps
        run_state_machine_as_test(
            Machine,
            settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None),
        )
