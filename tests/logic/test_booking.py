"""What follows from an answer beside its booking: freezes, halts, closed taps, rules read anew."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from rebalancer.controls import HaltKind, Scope, ScopeKind, TradingHalt
from rebalancer.desk import Desk, Unsettled
from rebalancer.money import Symbol
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.precision import RawRule
from rebalancer.queue import NotNow, NotNowReason, SendPermit, Tenure
from rebalancer.settlement import (
    Accepted,
    Fill,
    NotSent,
    RefusalKind,
    Refused,
    Settlement,
    Submission,
)
from tests.factories import NOW_MS, PORTFOLIO, VENUE, enqueue, make_fill, make_order, make_raw_rule
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.logic.session import POST_MS, Step, drain, make_desk, open_tenure, take_step
from tests.logic.small_exchange import SmallExchange

BUY, OTHER = make_order("BTC"), make_order("ETH", portfolio="other")
FROZEN = Scope(ScopeKind.PORTFOLIO, PORTFOLIO)


class OddExchange(SmallExchange):
    """Answers the first submission in a way of the test's choice, and lists odd trades."""

    def __init__(self, answer: Submission | None = None, *, trades: Sequence[Fill] = ()) -> None:
        super().__init__()
        self._answer_once = answer
        self._odd_trades = tuple(trades)
        self.rules_read: list[Collection[Symbol]] = []

    async def submit(self, permit: SendPermit) -> Submission:
        answer, self._answer_once = self._answer_once, None
        return answer if answer is not None else await super().submit(permit)

    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        return self._odd_trades or await super().fetch_fills(order, venue_order_id)

    async def fetch_rules(self, symbols: Collection[Symbol]) -> Sequence[RawRule]:
        self.rules_read.append(symbols)
        return [make_raw_rule(symbol.base, amount_step="0.1") for symbol in symbols]


@dataclass
class Scene:
    """One desk over fakes with two orders of two portfolios."""

    venue: SmallExchange
    orders: tuple[Order, ...] = (BUY,)
    clock: FakeClock = field(default_factory=FakeClock)
    ledger: FakeLedger = field(default_factory=FakeLedger)
    alarm: RecordingAlarm = field(default_factory=RecordingAlarm)

    def __post_init__(self) -> None:
        self.controls = FakeControls(self.clock)
        self.queue = FakeQueue(self.clock, controls=self.controls, orders=self.orders)
        self.tenure: Tenure = open_tenure(self.queue)

    @property
    def desk(self) -> Desk:
        return make_desk(
            self.venue,
            self.queue,
            self.ledger,
            self.clock,
            controls=self.controls,
            alarm=self.alarm,
        )

    async def step(self) -> Step:
        step = await take_step(self.desk, self.tenure)
        assert isinstance(step, Settlement | Unsettled | NotNow)
        return step

    async def drain(self) -> list[Step]:
        return await drain(self.desk, self.tenure, self.clock)


async def test_an_overfill_is_booked_and_freezes_its_portfolio() -> None:
    over = make_fill(BUY, "1.5", trade_id="t1")
    took = Accepted(BUY, "v1", is_closed=True, filled_base=over.amount_base)
    scene = Scene(OddExchange(took, trades=[over]))
    booked = await scene.step()
    assert isinstance(booked, Settlement)
    assert scene.ledger.entries[BUY.client_order_id].filled_base == over.amount_base
    assert [(halt.scope, halt.kind) for halt in scene.controls.halts()] == [
        (FROZEN, HaltKind.FREEZE)
    ]
    assert await scene.ledger.read_halts() == scene.controls.halts()
    assert len(scene.alarm.alerts) == 1
    assert scene.queue.depth().in_doubt == 0


async def test_books_that_cannot_agree_freeze_one_portfolio_and_the_other_trades_on() -> None:
    one = make_fill(BUY, "1", trade_id="t1")
    took = Accepted(BUY, "v1", is_closed=True, filled_base=one.amount_base)
    told_twice = [one, replace(one, fee_amount=one.fee_amount + 1)]
    scene = Scene(OddExchange(took, trades=told_twice), orders=(BUY,))
    assert isinstance(await scene.step(), Unsettled)
    assert scene.controls.halts()[0].scope == FROZEN
    assert scene.queue.depth().in_doubt == 1
    enqueue(scene.queue, [OTHER])
    scene.venue = SmallExchange()
    settled = await scene.step()
    assert isinstance(settled, Settlement)
    assert (settled.order, settled.state) == (OTHER, OrderState.FILLED)


async def test_a_rejected_key_halts_its_venue_and_pages_once() -> None:
    scene = Scene(OddExchange(Refused(BUY, "Invalid API-key", RefusalKind.DENIED)))
    settled = await scene.step()
    assert isinstance(settled, Settlement)
    assert settled.state is OrderState.REFUSED
    [halt] = scene.controls.halts()
    assert (halt.scope, halt.kind) == (Scope(ScopeKind.VENUE, VENUE), HaltKind.DENIED)
    assert "Invalid API-key" in halt.reason
    assert [alert.fingerprint for alert in scene.alarm.alerts] == [
        ("halt", "venue:paper", "denied")
    ]


async def test_a_refusal_for_the_rules_reads_that_symbols_rules_again() -> None:
    venue = OddExchange(Refused(BUY, "LOT_SIZE", RefusalKind.RULES))
    scene = Scene(venue)
    await scene.step()
    assert venue.rules_read == [[BUY.symbol]]
    assert str(scene.ledger.rules[VENUE, BUY.symbol].amount_base_step) == "0.1"
    assert not scene.controls.halts()


async def test_a_venue_that_asks_everybody_to_wait_is_sent_nothing_by_anybody() -> None:
    slow_down = NotSent(BUY, "429", retry_after_ms=30_000, is_rate_limit=True)
    scene = Scene(OddExchange(slow_down), orders=(BUY, OTHER))
    assert isinstance(await scene.step(), Unsettled)
    put_off = await scene.step()
    assert isinstance(put_off, NotNow)
    assert put_off.reason is NotNowReason.TAP_CLOSED
    await scene.drain()
    assert scene.clock.now_ms() >= NOW_MS + 30_000
    assert len(scene.venue.sends) == 2


class RestingExchange(SmallExchange):
    """Lets every order rest until it is cancelled; it fills half by then."""

    def __init__(self) -> None:
        super().__init__(["open"])
        self.cancels: list[Order] = []

    async def look_up(self, order: Order) -> Accepted:
        answer = self._answer(order, is_closed=order in self.cancels)
        assert isinstance(answer, Accepted)
        return answer

    async def cancel(self, order: Order, venue_order_id: str | None) -> None:
        assert venue_order_id
        self.cancels.append(order)


async def test_a_posted_order_rests_is_taken_back_and_booked_with_what_it_filled() -> None:
    posted = replace(BUY, style="post")
    venue = RestingExchange()
    scene = Scene(venue, orders=(posted,))
    first = await scene.step()
    assert isinstance(first, Unsettled)
    assert scene.ledger.entries[posted.client_order_id].state is OrderState.OPEN
    await scene.drain()
    assert venue.cancels == [posted]
    assert scene.clock.now_ms() >= NOW_MS + POST_MS
    assert scene.ledger.entries[posted.client_order_id].state is OrderState.PARTIALLY_FILLED


async def test_an_order_that_rests_while_trading_is_halted_is_taken_back_at_once() -> None:
    posted = replace(BUY, style="post")
    venue = RestingExchange()
    scene = Scene(venue, orders=(posted,))
    await scene.step()
    scene.controls.halt(TradingHalt(FROZEN, HaltKind.BY_HAND, "stop", "tester", NOW_MS))
    await scene.drain()
    assert venue.cancels == [posted]
    assert scene.clock.now_ms() < NOW_MS + POST_MS
