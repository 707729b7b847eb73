"""The machine that takes the same steps in Redis and in the fake: queue, permit and controls.

The caller's clock runs ahead of the true one, which both queues use for permits and slots. What a
permit must not be given over is also kept by the machine itself, as a third opinion.
"""

from collections.abc import Callable
from decimal import Decimal

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)
from redis import Redis

from rebalancer.controls import HaltKind, MaintenanceWindow, Scope, TradingHalt
from rebalancer.errors import QueueLost
from rebalancer.gate import GateOpen
from rebalancer.orders import ClientOrderId, Order, VenueName
from rebalancer.ports import OrderQueue, TradingControls
from rebalancer.queue import CallKind, Claim, Generation, InDoubt, Recovery, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt
from resources.redis_controls import RedisTradingControls
from resources.redis_queue import RedisOrderQueue
from resources.system_clock import SystemClock
from tests.factories import enqueue
from tests.fakes.controls import FakeControls
from tests.fakes.queue import FakeQueue
from tests.property.queue_world import (
    BUDGET,
    HOUR_MS,
    LEASE_MS,
    LIMITS,
    PORTFOLIOS,
    RATES,
    TURNOVER_MAX,
    VENUES,
    answer_of,
    kinds,
    orders,
    paid_amounts,
    rests,
    scopes,
    successor_of,
)


class TwoQueues(RuleBasedStateMachine):
    """Every step is taken by both queues; the answers, and what is left, must be equal."""

    client: Redis
    tenures = Bundle("tenures")
    held = Bundle("held")
    queued = Bundle("queued")

    @initialize(target=tenures, batch=st.lists(orders, min_size=4, max_size=8))
    def begin(self, batch: list[Order]) -> Tenure:
        self.now_ms = SystemClock().now_ms()
        self.halted: set[tuple[Scope, HaltKind]] = set()
        self.windows: dict[str, MaintenanceWindow] = {}
        self.planned: dict[ClientOrderId, Order] = {}
        self.reached: set[ClientOrderId] = set()
        self.ended: set[ClientOrderId] = set()
        self.permitted: list[ClientOrderId] = []
        self.not_sent: list[ClientOrderId] = []
        self.connect()
        self.both(lambda queue: queue.recover(Recovery((), {})))
        tenure = self.open_tenure(0, "a")
        assert isinstance(tenure, Tenure)
        self.plan(batch)
        return tenure

    def connect(self) -> None:
        """Begin with two servers that hold nothing."""
        self.client.flushdb()
        self.tapped: set[VenueName] = set()
        self.spent = 0
        fake_controls = FakeControls(SystemClock())
        self.controls = [RedisTradingControls(self.client, name="model"), fake_controls]
        self.queues = [
            RedisOrderQueue(self.client, name="model", rates=RATES, limits=LIMITS),
            FakeQueue(
                SystemClock(), rates=RATES, limits=LIMITS, controls=fake_controls, is_lost=True
            ),
        ]

    def both(self, step: Callable[[OrderQueue], object]) -> object:
        """Take a step in both queues and return their common answer; a refusal is one."""
        real, fake = (answer_of(step, queue) for queue in self.queues)
        assert real == fake, (real, fake)
        return real

    def control(self, step: Callable[[TradingControls], object]) -> object:
        real, fake = (step(controls) for controls in self.controls)
        assert real == fake, (real, fake)
        return real

    @rule(ms=st.sampled_from([1, LEASE_MS // 2, LEASE_MS]))
    def let_time_pass(self, ms: int) -> None:
        self.now_ms += ms

    @rule(target=queued, batch=st.lists(orders, min_size=2, max_size=6))
    def enqueue(self, batch: list[Order]) -> object:
        return multiple(*self.plan(batch))

    def plan(self, batch: list[Order]) -> list[Order]:
        # The books let nothing into the queue that has ended, or may have been there before a loss.
        fresh = [
            self.planned.setdefault(order.client_order_id, order)
            for order in batch
            if order.client_order_id not in self.ended | self.reached
        ]
        self.both(lambda queue: enqueue(queue, fresh))
        return fresh

    @rule(batch=st.lists(orders, max_size=3))
    def enqueue_what_was_planned_before_a_loss(self, batch: list[Order]) -> None:
        before = Generation("before")
        assert self.both(lambda queue: queue.enqueue(batch, generation=before)) is QueueLost

    @rule(target=held, tenure=tenures)
    def claim(self, tenure: Tenure) -> object:
        claim = self.both(lambda queue: queue.claim(tenure, now_ms=self.now_ms, lease_ms=LEASE_MS))
        return claim if isinstance(claim, Claim | InDoubt) else multiple()

    @rule(target=held, count=st.integers(1, 4))
    def drain(self, count: int) -> object:
        """What a session does: claim under the latest tenure, and send at once."""
        claims = [self.claim(self.tenure) for _ in range(count)]
        for claim in claims:
            if isinstance(claim, Claim):
                self.permit(claim)
        return multiple(*(claim for claim in claims if isinstance(claim, Claim | InDoubt)))

    @rule(claim=consumes(held))
    def die(self, claim: Claim | InDoubt) -> None:
        """Whoever held the claim is gone; nobody is told."""

    @rule(claim=held)
    def permit(self, claim: Claim | InDoubt) -> None:
        posing = Claim(claim.order, claim.tenure, claim.lease_until_ms, tries=0)
        answer = self.both(lambda queue: queue.permit(GateOpen(posing, posing.lease_until_ms)))
        if isinstance(answer, SendPermit):
            self.judge(claim.order)

    def judge(self, order: Order) -> None:
        """A permit was given: was it allowed, by what this machine knows?"""
        order_id, now_ms = order.client_order_id, SystemClock().now_ms()
        self.permitted.append(order_id)
        assert self.permitted.count(order_id) <= 1 + self.not_sent.count(order_id)
        assert order_id not in self.ended
        assert not any(scope.covers(order) for scope, _ in self.halted)
        for window in self.windows.values():
            assert not (window.covers(order.venue) and window.ends_at_ms(now_ms))
        assert order.venue not in self.tapped
        self.spent += order.venue == VENUES[1]
        assert self.spent <= BUDGET.burst - BUDGET.reserve
        if order.portfolio == PORTFOLIOS[0]:
            turnover = self.both(lambda queue: queue.turnover_quote(order.portfolio))
            assert isinstance(turnover, Decimal)
            assert turnover <= TURNOVER_MAX

    @rule(venue=st.sampled_from(VENUES), kind=st.sampled_from([CallKind.LOOK_UP, CallKind.CANCEL]))
    def spend(self, venue: VenueName, kind: CallKind) -> None:
        answer = self.both(lambda queue: queue.spend(venue, kind))
        assert venue not in self.tapped or isinstance(answer, tuple)

    @rule(venue=st.sampled_from(VENUES), for_ms=st.sampled_from([0] * 5 + [HOUR_MS]))
    def close_tap(self, venue: VenueName, for_ms: int) -> None:
        self.both(lambda queue: queue.close_tap(venue, for_ms=for_ms))
        if for_ms:
            self.tapped.add(venue)

    @rule(claim=consumes(held), rest_ms=rests, way=st.sampled_from(["release", "absent", "unsent"]))
    def give_back(self, claim: Claim | InDoubt, rest_ms: int, way: str) -> None:
        at_ms = self.now_ms + rest_ms
        if way == "absent" and isinstance(claim, InDoubt):
            self.both(lambda queue: queue.note_absent(claim, retry_at_ms=at_ms))
        elif way == "unsent" and isinstance(claim, Claim):
            if self.both(lambda queue: queue.return_unsent(claim, retry_at_ms=at_ms)) is None:
                self.not_sent.append(claim.order.client_order_id)
        else:
            self.both(lambda queue: queue.release(claim, retry_at_ms=at_ms))

    @rule(order=queued, has_successor=st.booleans(), paid=paid_amounts)
    def acknowledge(self, order: Order, has_successor: bool, paid: Decimal) -> None:
        successor = successor_of(order) if has_successor else None
        receipt = LedgerReceipt(order.client_order_id, successor, paid, self.now_ms)
        self.ended.add(order.client_order_id)
        if successor is not None:
            self.planned.setdefault(successor.client_order_id, successor)
        self.both(lambda queue: queue.acknowledge(receipt))

    @precondition(lambda self: len(self.halted) < 2)
    @rule(scope=scopes, kind=kinds)
    def halt(self, scope: Scope, kind: HaltKind) -> None:
        halt = TradingHalt(scope, kind, "", "", len(self.halted))
        self.control(lambda controls: controls.halt(halt))
        self.halted.add((scope, kind))

    @precondition(lambda self: self.halted)
    @rule(data=st.data())
    def lift(self, data: st.DataObject) -> None:
        scope, kind = data.draw(st.sampled_from(sorted(self.halted)))
        self.control(lambda controls: controls.lift(scope, kind))
        self.halted.remove((scope, kind))

    @precondition(lambda self: not self.windows)
    @rule(
        venue=st.sampled_from([None, *VENUES]),
        hours=st.sampled_from([(-9, -1), (-9, 3), (-1, None), (-1, 1), (1, 2), (-9, None)]),
        every_ms=st.sampled_from([None, 4 * HOUR_MS]),
    )
    def add_window(
        self, venue: VenueName | None, hours: tuple[int, int | None], every_ms: int | None
    ) -> None:
        now_ms = SystemClock().now_ms()
        starts_at_ms = now_ms + hours[0] * HOUR_MS
        until_ms = None if hours[1] is None else now_ms + hours[1] * HOUR_MS
        window = MaintenanceWindow(
            str(venue), venue, starts_at_ms, 2 * HOUR_MS, every_ms, until_ms, note=""
        )
        self.control(lambda controls: controls.add_window(window))
        self.windows[window.window_id] = window

    @precondition(lambda self: self.windows)
    @rule(data=st.data())
    def remove_window(self, data: st.DataObject) -> None:
        window_id = data.draw(st.sampled_from(sorted(self.windows)))
        self.control(lambda controls: controls.remove_window(window_id))
        del self.windows[window_id]

    @precondition(lambda self: self.permitted)
    @rule(is_recovered=st.sampled_from([True, True, False]))
    def lose_everything(self, is_recovered: bool) -> None:
        """The server forgets. Halts and windows come back from the books before anything else."""
        self.connect()
        self.reached |= self.planned.keys()
        for scope, kind in sorted(self.halted):
            halt = TradingHalt(scope, kind, "", "", 0)
            self.control(lambda controls, halt=halt: controls.halt(halt))  # type: ignore[misc]
        for window in self.windows.values():
            self.control(lambda controls, window=window: controls.add_window(window))  # type: ignore[misc]
        if is_recovered:
            self.recover()
            self.open_tenure(0, "a")

    @precondition(lambda self: self.permitted)
    @rule()
    def recover(self) -> None:
        endless = (order for key, order in self.planned.items() if key not in self.ended)
        books = Recovery(tuple(endless), {PORTFOLIOS[0]: Decimal(10_000)})
        self.both(lambda queue: queue.recover(books))

    @rule(target=tenures, slot=st.integers(0, 1), owner=st.sampled_from(["a", "b"]))
    def open_tenure(self, slot: int, owner: str) -> object:
        tenure = self.both(lambda queue: queue.open_tenure(slot, owner=owner, ttl_ms=LEASE_MS))
        if not isinstance(tenure, Tenure):
            return multiple()
        self.tenure = tenure
        return tenure

    @rule(tenure=tenures, is_closed=st.booleans())
    def change_tenure(self, tenure: Tenure, is_closed: bool) -> None:
        if is_closed:
            self.both(lambda queue: queue.close_tenure(tenure))
        else:
            self.both(lambda queue: queue.renew_tenure(tenure, ttl_ms=LEASE_MS))

    @invariant()
    def they_hold_the_same(self) -> None:
        self.both(lambda queue: queue.depth())
        self.both(lambda queue: queue.turnover_quote(PORTFOLIOS[0]))

    @rule()
    def compare_all(self) -> None:
        self.both(lambda queue: queue.is_lost())
        self.both(lambda queue: queue.stages(list(self.planned)))
        self.control(lambda controls: controls.halts())
        self.control(lambda controls: controls.windows())
        for portfolio in PORTFOLIOS:
            self.both(lambda queue, name=portfolio: queue.live_orders(name))  # type: ignore[misc]
            self.both(lambda queue, name=portfolio: queue.turnover_quote(name))  # type: ignore[misc]
        for slot in (0, 1):
            self.both(lambda queue, number=slot: queue.tenure_state(number))  # type: ignore[misc]

    def teardown(self) -> None:
        if hasattr(self, "queues"):
            self.compare_all()
