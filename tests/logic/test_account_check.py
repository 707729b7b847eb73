"""An account compared with the books: what is ours explains itself, the rest freezes."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest

from rebalancer.account import OpenOrder
from rebalancer.account_check import CONFIRM_MS, read_account
from rebalancer.account_compare import CLOCKS_APART_MS, Account, AccountDesk, AccountVerdict
from rebalancer.balances import RawBalance
from rebalancer.booking import book
from rebalancer.controls import HaltKind
from rebalancer.desk import Answered, Unsettled
from rebalancer.errors import AccountMoved
from rebalancer.money import Asset
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.queue import SendPermit
from rebalancer.settlement import Accepted, NotFound, settle
from tests.factories import (
    CASH,
    NOW_MS,
    PORTFOLIO,
    VENUE,
    enqueue,
    make_fill,
    make_order,
    make_raw_rule,
    make_raw_ticker,
    make_symbol,
)
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.ledger_controls import Ignored
from tests.fakes.queue import FakeQueue
from tests.fakes.venue import FakeVenue
from tests.logic.session import drain, make_desk, open_tenure, send_next, take_step
from tests.logic.small_exchange import SmallExchange

BTC = make_symbol("BTC")
ACCOUNT = Account(PORTFOLIO, VENUE, (BTC,), frozenset({BTC.base, CASH}), unexplained_bps_max=0)
STRANGER = OpenOrder("v9", "web_1", BTC, "buy", Decimal(1), Decimal(0), Decimal(9), NOW_MS)
HELD = {"BTC": "2", CASH: "100000"}


def rows(**held: str) -> list[RawBalance]:
    return [RawBalance(Asset(name), free, "0", NOW_MS) for name, free in held.items()]


@dataclass
class Scene:
    """An account at a venue that tells one balance after another, the last for good."""

    told: Sequence[dict[str, str]] = (HELD,)
    strangers: Sequence[OpenOrder] = ()
    ledger: FakeLedger = field(default_factory=FakeLedger)
    clock: FakeClock = field(default_factory=FakeClock)
    alarm: RecordingAlarm = field(default_factory=RecordingAlarm)
    meanwhile: Callable[[], Awaitable[None]] | None = None
    """What happens during the first pause."""

    def __post_init__(self) -> None:
        self.controls = FakeControls(self.clock)
        self.queue = FakeQueue(self.clock, controls=self.controls)
        self.venue = TellingVenue(self.clock, self.told, self.strangers)

    async def look(self, account: Account = ACCOUNT) -> AccountVerdict:
        async def pause(wait_ms: int) -> None:
            self.clock.advance(wait_ms)
            if self.meanwhile is not None:
                await self.meanwhile()
                self.meanwhile = None

        desk = AccountDesk(
            self.venue, self.queue, self.controls, self.ledger, self.alarm, self.clock, pause
        )
        _, verdict = await read_account(desk, account)
        return verdict


class TellingVenue(FakeVenue):
    """Tells each of these balances once, then what it holds for real or the last of them."""

    def __init__(
        self, clock: FakeClock, told: Sequence[dict[str, str]], strangers: Sequence[OpenOrder]
    ) -> None:
        super().__init__(
            clock,
            rules=[make_raw_rule("BTC")],
            tickers=[make_raw_ticker("BTC")],
            balances=rows(**told[-1]),
            strangers=strangers,
        )
        self._first = list(told[:-1])

    async def fetch_balances(self) -> Sequence[RawBalance]:
        held = await super().fetch_balances()
        return rows(**self._first.pop(0)) if self._first else held


async def test_the_first_look_takes_the_account_as_it_is() -> None:
    scene = Scene()
    assert await scene.look() is AccountVerdict.AGREES
    [baseline] = scene.ledger.baselines
    assert baseline.totals == {BTC.base: Decimal(2), CASH: Decimal(100_000)}


async def test_our_own_trades_explain_themselves() -> None:
    scene = Scene()
    await scene.look()
    scene.clock.advance(60_000)
    enqueue(scene.queue, [make_order("BTC", "sell")])
    desk = make_desk(scene.venue, scene.queue, scene.ledger, scene.clock)
    await drain(desk, open_tenure(scene.queue), scene.clock)
    assert scene.venue.fills
    scene.clock.advance(60_000)
    assert await scene.look() is AccountVerdict.AGREES
    assert len(scene.ledger.baselines) == 2


async def test_old_balances_for_some_seconds_are_waited_for() -> None:
    scene = Scene(told=[HELD, HELD | {"BTC": "1"}, HELD | {"BTC": "1"}, HELD])
    await scene.look()
    began_ms = scene.clock.now_ms()
    assert await scene.look() is AccountVerdict.AGREES
    assert scene.clock.now_ms() == began_ms + 2 * CONFIRM_MS
    assert not scene.controls.halts()


async def test_a_change_that_stays_freezes_the_portfolio_and_names_it() -> None:
    scene = Scene(told=[HELD, HELD | {"BTC": "2.5"}])
    await scene.look()
    with pytest.raises(AccountMoved, match=r"BTC: expected 2, found 2\.5 \(\+0\.5\)"):
        await scene.look()
    [halt] = scene.controls.halts()
    assert halt.kind is HaltKind.FREEZE
    assert "no trade explains it" in halt.reason
    assert len(scene.alarm.alerts) == 1
    assert await scene.look() is AccountVerdict.NOT_COMPARED


async def test_an_open_order_that_is_not_ours_freezes_the_portfolio() -> None:
    scene = Scene(strangers=[STRANGER])
    with pytest.raises(AccountMoved, match=r"1 open orders are not ours: v9 \(buy 1 BTC/USDC at 9"):
        await scene.look()


async def test_an_order_that_was_told_to_be_left_alone_does_not() -> None:
    ignored = Ignored(VENUE, STRANGER.key, "tester", "mine", NOW_MS)
    scene = Scene(strangers=[STRANGER], ledger=FakeLedger(ignored=[ignored]))
    assert await scene.look() is AccountVerdict.AGREES


async def test_what_an_order_of_ours_may_be_moving_is_not_compared() -> None:
    scene = Scene(told=[HELD, HELD | {"BTC": "2.5"}])
    await scene.look()
    order = make_order("BTC", "sell")
    enqueue(scene.queue, [order])
    desk = make_desk(SmallExchange(["silent"]), scene.queue, scene.ledger, scene.clock)
    assert isinstance(await take_step(desk, open_tenure(scene.queue)), Unsettled)
    assert await scene.look() is AccountVerdict.AGREES_SO_FAR
    assert not scene.controls.halts()


async def test_a_symbol_at_rest_is_compared_while_another_moves_and_skips_the_cycle() -> None:
    held = HELD | {"ETH": "5"}
    scene = Scene(told=[held, held | {"ETH": "6"}])
    account = replace(
        ACCOUNT,
        symbols=(BTC, make_symbol("ETH")),
        managed=frozenset({*ACCOUNT.managed, Asset("ETH")}),
    )
    await scene.look(account)
    enqueue(scene.queue, [make_order("BTC", "sell")])
    desk = make_desk(SmallExchange(["silent"]), scene.queue, scene.ledger, scene.clock)
    assert isinstance(await take_step(desk, open_tenure(scene.queue)), Unsettled)
    with pytest.raises(AccountMoved, match="ETH: expected 5, found 6"):
        await scene.look(account)
    assert not scene.controls.halts()


async def fill_late(scene: Scene) -> Order:
    """The books were told that nothing filled; the venue's account says otherwise."""
    order = make_order("BTC", "sell")
    enqueue(scene.queue, [order])
    desk = make_desk(scene.venue, scene.queue, scene.ledger, scene.clock)
    await drain(desk, open_tenure(scene.queue), scene.clock)
    scene.ledger = FakeLedger(baselines=scene.ledger.baselines)
    unfilled = settle(Accepted(order, "v1", is_closed=True, filled_base=Decimal(0)), ())
    await scene.ledger.record(unfilled, now_ms=scene.clock.now_ms())
    scene.clock.advance(60_000)
    return order


async def test_a_fill_told_late_is_booked_and_freezes_with_its_true_reason() -> None:
    scene = Scene()
    await scene.look()
    order = await fill_late(scene)
    with pytest.raises(AccountMoved, match="the books said unfilled"):
        await scene.look()
    booked = scene.ledger.entries[order.client_order_id]
    assert (booked.state, booked.filled_base) == (OrderState.FILLED, order.amount_base)


async def test_a_fill_told_late_is_found_although_something_moved_when_it_was_first_seen() -> None:
    scene = Scene(told=[HELD | {"ETH": "5"}])
    account = replace(ACCOUNT, symbols=(BTC, make_symbol("ETH")))
    await scene.look(account)
    order = await fill_late(scene)
    other = make_order("ETH", "sell")
    enqueue(scene.queue, [other])
    desk = make_desk(SmallExchange(["silent"]), scene.queue, scene.ledger, scene.clock)
    assert isinstance(await take_step(desk, open_tenure(scene.queue)), Unsettled)

    async def end_the_other() -> None:
        ended = settle(NotFound(other), ())
        scene.queue.acknowledge(await scene.ledger.record(ended, now_ms=scene.clock.now_ms()))

    scene.meanwhile = end_the_other
    with pytest.raises(AccountMoved, match="the books said unfilled"):
        await scene.look(account)
    assert scene.ledger.entries[order.client_order_id].state is OrderState.FILLED


async def test_a_trade_booked_by_a_machine_whose_clock_is_behind_explains_itself() -> None:
    scene = Scene()
    await scene.look()
    scene.clock.advance(100)
    enqueue(scene.queue, [make_order("BTC", "sell")])
    desk = make_desk(scene.venue, scene.queue, scene.ledger, scene.clock)
    answered = await send_next(desk, open_tenure(scene.queue))
    assert isinstance(answered, Answered)
    behind = FakeClock(scene.clock.now_ms() - CLOCKS_APART_MS)
    await book(replace(desk, clock=behind), answered)
    assert scene.venue.fills
    scene.clock.advance(60_000)
    assert await scene.look() is AccountVerdict.AGREES


async def test_an_asset_that_pays_fees_of_other_markets_is_not_at_rest_while_they_move() -> None:
    coin = Asset("BNB")
    held = HELD | {coin: "5"}
    scene = Scene(told=[held, held | {coin: "4.99"}])
    account = replace(ACCOUNT, managed=frozenset({*ACCOUNT.managed, coin}))
    before = make_order("BTC", cycle_id="before", amount_base=Decimal(1))
    fee = replace(make_fill(before, "1"), fee_asset=coin)
    ended = settle(Accepted(before, "v0", is_closed=True, filled_base=Decimal(1)), [fee])
    await scene.ledger.record(ended, now_ms=NOW_MS - 60_000)
    await scene.look(account)
    enqueue(scene.queue, [make_order("BTC", "sell")])
    desk = make_desk(SmallExchange(["silent"]), scene.queue, scene.ledger, scene.clock)
    assert isinstance(await take_step(desk, open_tenure(scene.queue)), Unsettled)
    assert await scene.look(account) is AccountVerdict.AGREES_SO_FAR


async def rest_though_ended(scene: Scene, order: Order) -> None:
    """The order rests at the venue, and the books have its end."""
    post = replace(order, style="post", limit_price_quote=Decimal(40_000))
    await scene.venue.submit(SendPermit(post, NOW_MS + 60_000))
    await scene.ledger.record(settle(NotFound(post), ()), now_ms=scene.clock.now_ms())


async def test_an_open_order_whose_end_is_on_the_books_freezes_the_portfolio() -> None:
    scene = Scene()
    order = make_order("BTC")
    await rest_though_ended(scene, order)
    with pytest.raises(AccountMoved, match=r"v1 \(buy .* which the books call not_found"):
        await scene.look()
    [halt] = scene.controls.halts()
    assert halt.kind is HaltKind.FREEZE
    assert "orders ignore" in halt.reason


async def test_an_order_that_ends_while_the_account_is_asked_freezes_nothing() -> None:
    scene = Scene()
    order = make_order("BTC")
    await rest_though_ended(scene, order)

    async def end_there() -> None:
        await scene.venue.cancel(order, None)

    scene.meanwhile = end_there
    assert await scene.look() is AccountVerdict.AGREES
    assert not scene.controls.halts()


async def test_an_order_of_the_same_id_in_another_market_is_not_ours() -> None:
    scene = Scene(strangers=[STRANGER])
    ours = make_order("ETH")
    ended = settle(Accepted(ours, STRANGER.venue_order_id, True, Decimal(0)), ())
    await scene.ledger.record(ended, now_ms=NOW_MS - 60_000)
    with pytest.raises(AccountMoved, match="1 open orders are not ours: v9"):
        await scene.look()
