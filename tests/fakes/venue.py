"""An exchange in memory that fills, refuses, is late or stays silent as a test scripts it.

State goes in through the constructor; what happened comes out as properties.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

from rebalancer.account import AccountTrade, OpenOrder, VenueStatus
from rebalancer.balances import RawBalance
from rebalancer.credentials import KeyRights
from rebalancer.depth import RawBook
from rebalancer.errors import RebalancerError
from rebalancer.gate import Conditions
from rebalancer.money import Symbol
from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import Clock, Venue
from rebalancer.precision import RawRule
from rebalancer.queue import SendPermit
from rebalancer.quotes import RawTicker
from rebalancer.settlement import (
    Absent,
    Accepted,
    Fill,
    LookUp,
    NotSent,
    RefusalKind,
    Refused,
    Submission,
    Unanswered,
)
from tests.fakes.account import FakeAccount


class Answer(StrEnum):
    """How the venue takes one submission."""

    TRADES = "trades"
    REFUSES = "refuses"
    NEVER_REACHED = "never reached: provably not sent"
    SILENT_BUT_TRADES = "placed, and no answer"
    SILENT_AND_LOST = "not placed, and no answer"
    STAYS_OPEN = "placed, and not closed yet"


SOUND_KEY = KeyRights(may_read=True, may_trade=True, may_withdraw=False, is_ip_bound=True)


class FakeVenue(Venue):
    """One account at one exchange.

    Args:
        clock: Stamps what is read and filled.
        rules: Markets it lists; an order in any other is refused.
        tickers: Where its orders fill: buys at the ask, sells at the bid, if the limit allows.
        balances: What the account holds; kept up to date by fills.
        script: How it takes each symbol's orders, one after another; then it trades.
        filled_bps: The share of each order that finds a counterparty, in basis points.
        fee_bps: Taken from what an order receives.
        round_trip_ms: The latency it shows; None: it does not answer.
        reads_fail: What every read raises.
        late_trades: How many times trades are asked for before they are published.
        depth_base: What waits at its best bid and at its best ask, one level each.
        strangers: Open orders on the account that did not come through here.
        strange_trades: Trades on the account that did not come through here.
        status: What it announces of itself.
        key_rights: What it tells of the key.
        clock_skew_ms: How far its clock is ahead of ours; None: it tells no time.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rules: Collection[RawRule] = (),
        tickers: Collection[RawTicker] = (),
        balances: Collection[RawBalance] = (),
        script: Mapping[Symbol, Sequence[Answer]] | None = None,
        filled_bps: int = 10_000,
        fee_bps: int = 10,
        round_trip_ms: int | None = 50,
        reads_fail: RebalancerError | None = None,
        late_trades: int = 0,
        depth_base: str = "1000",
        strangers: Sequence[OpenOrder] = (),
        strange_trades: Sequence[AccountTrade] = (),
        status: VenueStatus = VenueStatus.OPERATIONAL,
        key_rights: KeyRights = SOUND_KEY,
        clock_skew_ms: int | None = 0,
    ) -> None:
        self._clock = clock
        self._account = FakeAccount(
            clock,
            rules=rules,
            tickers=tickers,
            balances=balances,
            filled_bps=filled_bps,
            fee_bps=fee_bps,
        )
        self._script: dict[Symbol, Iterator[Answer]] = {
            symbol: iter(answers) for symbol, answers in (script or {}).items()
        }
        self._round_trip_ms = round_trip_ms
        self._reads_fail = reads_fail
        self._late_trades = late_trades
        self._depth_base = depth_base
        self._strangers = tuple(strangers)
        self._strange_trades = tuple(strange_trades)
        self._status = status
        self._key_rights = key_rights
        self._clock_skew_ms = clock_skew_ms
        self._sends: list[Order] = []
        self._look_ups: list[ClientOrderId] = []
        self._cancels: list[ClientOrderId] = []
        self._was_asked = False

    @property
    def sends(self) -> tuple[Order, ...]:
        """Every order that reached the venue: the same one twice is a doubled order."""
        return tuple(self._sends)

    @property
    def look_ups(self) -> tuple[ClientOrderId, ...]:
        return tuple(self._look_ups)

    @property
    def cancels(self) -> tuple[ClientOrderId, ...]:
        """Every cancel that was asked for."""
        return tuple(self._cancels)

    @property
    def placed(self) -> Mapping[ClientOrderId, Accepted]:
        """What the venue's own books say of every order it took."""
        return dict(self._account.book)

    @property
    def fills(self) -> tuple[Fill, ...]:
        return tuple(self._account.fills.values())

    @property
    def conditions(self) -> Conditions:
        return Conditions(self._round_trip_ms if self._was_asked else None)

    async def fetch_rules(self, symbols: Collection[Symbol]) -> Sequence[RawRule]:
        self._begin_read()
        now_ms = self._clock.now_ms()
        known = (self._account.rules[symbol] for symbol in symbols if symbol in self._account.rules)
        return [replace(rule, observed_at_ms=now_ms) for rule in known]

    async def fetch_tickers(self, symbols: Collection[Symbol]) -> Sequence[RawTicker]:
        self._begin_read()
        now_ms = self._clock.now_ms()
        return [
            replace(t, observed_at_ms=now_ms) for t in self._account.tickers if t.symbol in symbols
        ]

    async def fetch_balances(self) -> Sequence[RawBalance]:
        self._begin_read()
        now_ms = self._clock.now_ms()
        return [replace(row, observed_at_ms=now_ms) for row in self._account.balances.values()]

    async def submit(self, permit: SendPermit) -> Submission:
        order = permit.order
        self._was_asked = True
        if self._clock.now_ms() >= permit.valid_until_ms:
            return NotSent(order, "the permit ran out before the order could be sent", 0)
        answer = next(self._script.get(order.symbol, iter(())), Answer.TRADES)
        if answer is Answer.NEVER_REACHED:
            return NotSent(order, "connection refused", 0)
        self._sends.append(order)
        if answer is Answer.SILENT_AND_LOST:
            return Unanswered(order, "no answer")
        refused = self._account.objection(order)
        if answer is Answer.REFUSES:
            refused = Refused(order, "refused by script", RefusalKind.OTHER)
        if refused is None:
            rests = answer is Answer.STAYS_OPEN or order.style == "post"
            self._account.place(order, is_closed=not rests)
        if answer is Answer.SILENT_BUT_TRADES:
            return Unanswered(order, "no answer")
        return refused or self._account.book[order.client_order_id]

    async def look_up(self, order: Order) -> LookUp:
        self._was_asked = True
        self._look_ups.append(order.client_order_id)
        return self._account.book.get(order.client_order_id, Absent(order))

    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        self._begin_read()
        if self._late_trades > 0:
            self._late_trades -= 1
            return ()
        placed = self._account.book.get(order.client_order_id)
        fill = self._account.fills.get(order.client_order_id)
        is_its = placed is not None and placed.venue_order_id == venue_order_id
        return (fill,) if is_its and fill is not None else ()

    async def cancel(self, order: Order, venue_order_id: str | None) -> None:
        self._was_asked = True
        self._cancels.append(order.client_order_id)
        self._account.end(order.client_order_id, venue_order_id)

    async def fetch_open_orders(self, symbols: Collection[Symbol]) -> tuple[OpenOrder, ...]:
        self._begin_read()
        found = (*self._strangers, *self._account.open_orders())
        return tuple(row for row in found if row.symbol in symbols)

    async def fetch_account_trades(
        self, symbol: Symbol, *, since_ms: int
    ) -> tuple[AccountTrade, ...]:
        self._begin_read()
        trades = [
            trade
            for trade in (*self._strange_trades, *self._account.trades())
            if trade.symbol == symbol and trade.filled_at_ms >= since_ms
        ]
        return tuple(sorted(trades, key=lambda trade: (trade.filled_at_ms, trade.trade_id)))

    async def fetch_book(self, symbol: Symbol, *, levels: int) -> RawBook:
        self._begin_read()
        quoted = [ticker for ticker in self._account.tickers if ticker.symbol == symbol]
        bids, asks = (
            tuple((price, self._depth_base) for price in prices)[:levels]
            for prices in ([t.bid for t in quoted], [t.ask for t in quoted])
        )
        return RawBook(symbol, bids, asks, self._clock.now_ms())

    async def fetch_status(self) -> VenueStatus:
        self._begin_read()
        return self._status

    async def fetch_key_rights(self) -> KeyRights:
        self._begin_read()
        return self._key_rights

    async def fetch_clock_skew_ms(self) -> int | None:
        self._begin_read()
        return self._clock_skew_ms

    async def probe(self) -> None:
        self._was_asked = True

    def _begin_read(self) -> None:
        self._was_asked = True
        if self._reads_fail is not None:
            raise self._reads_fail
