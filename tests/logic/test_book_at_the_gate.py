"""The order book at the gate: read when it is judged, kept while fresh, and never guessed."""

from dataclasses import replace
from typing import Any

import pytest

from rebalancer.balances import RawBalance
from rebalancer.depth import Book, RawBook
from rebalancer.gate import GateHeld, GatePolicy, HoldReason
from rebalancer.money import Asset, Symbol, to_decimal
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.settlement import Settlement
from tests.factories import CASH, NOW_MS, VENUE, make_order, make_raw_rule, make_raw_ticker
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.fakes.venue import FakeVenue
from tests.logic.session import GATE, make_desk, open_tenure, take_step

LIMITS: dict[str, Any] = {
    "limit_price_quote": to_decimal("50100"),
    "worst_price_quote": to_decimal("50100"),
}
ORDER = make_order(**LIMITS)
PLACE = (VENUE, ORDER.symbol)
AGE_MS_MAX = 5_000
JUDGED = replace(GATE, spread_bps_max=10, book_age_ms_max=AGE_MS_MAX)


class CountingVenue(FakeVenue):
    """Quotes BTC at these prices, and remembers how often its book was read."""

    def __init__(self, clock: FakeClock, *, bid: str = "50000", ask: str = "50010") -> None:
        super().__init__(
            clock,
            rules=[make_raw_rule()],
            tickers=[make_raw_ticker(bid=bid, ask=ask)] if bid else [],
            balances=[RawBalance(Asset(CASH), "100000", "0", NOW_MS)],
        )
        self._reads: list[Symbol] = []

    @property
    def reads(self) -> int:
        return len(self._reads)

    async def fetch_book(self, symbol: Symbol, *, levels: int) -> RawBook:
        self._reads.append(symbol)
        return await super().fetch_book(symbol, levels=levels)


class Scene:
    """One order before a gate that judges its book."""

    def __init__(self, order: Order = ORDER, *, gate: GatePolicy = JUDGED, **prices: str) -> None:
        self.clock = FakeClock()
        self.venue = CountingVenue(self.clock, **prices)
        self.queue = FakeQueue(self.clock, orders=[order])
        desk = make_desk(self.venue, self.queue, FakeLedger(), self.clock)
        self.desk = replace(desk, gates={VENUE: gate})
        self.tenure = open_tenure(self.queue)

    async def step(self) -> object:
        await self.venue.probe()
        return await take_step(self.desk, self.tenure)

    async def book(self) -> Book | None:
        return await self.desk.books.fetch(
            self.venue, PLACE, self.queue, now_ms=self.clock.now_ms(), age_ms_max=AGE_MS_MAX
        )


async def test_an_order_whose_book_cannot_be_read_is_held_and_stays_in_the_queue() -> None:
    scene = Scene(bid="")
    held = await scene.step()
    assert isinstance(held, GateHeld)
    assert held.reason is HoldReason.NO_BOOK
    assert scene.queue.permitted == ()
    assert scene.queue.depth().waiting == 1


async def test_an_order_is_held_while_the_spread_is_wide() -> None:
    scene = Scene(ask="50090")
    held = await scene.step()
    assert isinstance(held, GateHeld)
    assert held.reason is HoldReason.SPREAD
    assert scene.venue.sends == ()


async def test_an_order_with_a_sound_book_is_sent() -> None:
    scene = Scene()
    settled = await scene.step()
    assert isinstance(settled, Settlement)
    assert settled.state is OrderState.FILLED
    assert scene.venue.reads == 1


@pytest.mark.parametrize(
    ("order", "gate"), [(ORDER, GATE), (make_order(style="post", **LIMITS), JUDGED)]
)
async def test_no_book_is_read_where_none_is_judged(order: Order, gate: GatePolicy) -> None:
    scene = Scene(order, gate=gate)
    await scene.step()
    assert scene.venue.reads == 0
    assert scene.queue.permitted == (order,)


async def test_a_fresh_book_is_used_again_and_an_old_one_read_again() -> None:
    scene = Scene()
    first = await scene.book()
    scene.clock.advance(AGE_MS_MAX)
    assert await scene.book() is first
    assert scene.venue.reads == 1
    scene.clock.advance(1)
    again = await scene.book()
    assert again is not None
    assert again.observed_at_ms == NOW_MS + AGE_MS_MAX + 1
    assert scene.venue.reads == 2


async def test_a_held_order_is_judged_by_the_book_at_hand_until_that_is_old() -> None:
    scene = Scene(ask="50090")
    for _ in range(3):
        assert isinstance(await scene.step(), GateHeld)
        scene.clock.advance(JUDGED.hold_ms)
    assert scene.venue.reads == 1
    scene.clock.advance(AGE_MS_MAX)
    assert isinstance(await scene.step(), GateHeld)
    assert scene.venue.reads == 2


async def test_no_book_is_asked_for_while_the_venue_wants_to_be_left_alone() -> None:
    scene = Scene()
    scene.queue.close_tap(VENUE, for_ms=1_000)
    assert await scene.book() is None
    assert scene.venue.reads == 0
    held = await scene.step()
    assert isinstance(held, GateHeld)
    assert held.reason is HoldReason.NO_BOOK
