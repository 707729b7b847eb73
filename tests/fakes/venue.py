"""An exchange in memory that fills, refuses, is late or stays silent as a test scripts it.

State goes in through the constructor; what happened comes out as properties.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum

from rebalancer.balances import RawBalance
from rebalancer.errors import RebalancerError
from rebalancer.gate import Conditions
from rebalancer.money import ZERO, Asset, Symbol, bps_of, exact, floor_to_step, plain, to_decimal
from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import Clock, Venue
from rebalancer.precision import MarketRule, RawRule, clears_minimum_notional, read_rule
from rebalancer.queue import SendPermit
from rebalancer.quotes import RawTicker
from rebalancer.settlement import (
    Absent,
    Accepted,
    Fill,
    LookUp,
    NotSent,
    Refused,
    Submission,
    Unanswered,
)


class Answer(StrEnum):
    """How the venue takes one submission."""

    TRADES = "trades"
    REFUSES = "refuses"
    NEVER_REACHED = "never reached: provably not sent"
    SILENT_BUT_TRADES = "placed, and no answer"
    SILENT_AND_LOST = "not placed, and no answer"
    STAYS_OPEN = "placed, and not closed yet"


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
    ) -> None:
        self._clock = clock
        self._rules = {rule.symbol: rule for rule in rules}
        self._tickers = tuple(tickers)
        self._balances = {row.asset: row for row in balances}
        self._script: dict[Symbol, Iterator[Answer]] = {
            symbol: iter(answers) for symbol, answers in (script or {}).items()
        }
        self._filled_bps = filled_bps
        self._fee_bps = fee_bps
        self._round_trip_ms = round_trip_ms
        self._reads_fail = reads_fail
        self._late_trades = late_trades
        self._book: dict[ClientOrderId, Accepted] = {}
        self._fills: dict[ClientOrderId, Fill] = {}
        self._sends: list[Order] = []
        self._look_ups: list[ClientOrderId] = []
        self._was_asked = False

    @property
    def sends(self) -> tuple[Order, ...]:
        """Every order that reached the venue: the same one twice is a doubled order."""
        return tuple(self._sends)

    @property
    def look_ups(self) -> tuple[ClientOrderId, ...]:
        return tuple(self._look_ups)

    @property
    def placed(self) -> Mapping[ClientOrderId, Accepted]:
        """What the venue's own books say of every order it took."""
        return dict(self._book)

    @property
    def fills(self) -> tuple[Fill, ...]:
        return tuple(self._fills.values())

    @property
    def conditions(self) -> Conditions:
        return Conditions(self._round_trip_ms if self._was_asked else None)

    async def fetch_rules(self, symbols: Collection[Symbol]) -> Sequence[RawRule]:
        self._begin_read()
        now_ms = self._clock.now_ms()
        known = (self._rules[symbol] for symbol in symbols if symbol in self._rules)
        return [replace(rule, observed_at_ms=now_ms) for rule in known]

    async def fetch_tickers(self, symbols: Collection[Symbol]) -> Sequence[RawTicker]:
        self._begin_read()
        now_ms = self._clock.now_ms()
        return [replace(t, observed_at_ms=now_ms) for t in self._tickers if t.symbol in symbols]

    async def fetch_balances(self) -> Sequence[RawBalance]:
        self._begin_read()
        now_ms = self._clock.now_ms()
        return [replace(row, observed_at_ms=now_ms) for row in self._balances.values()]

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
        why = "refused by script" if answer is Answer.REFUSES else self._objection(order)
        if why is None:
            self._place(order, is_closed=answer is not Answer.STAYS_OPEN)
        if answer is Answer.SILENT_BUT_TRADES:
            return Unanswered(order, "no answer")
        return Refused(order, why) if why else self._book[order.client_order_id]

    async def look_up(self, order: Order) -> LookUp:
        self._was_asked = True
        self._look_ups.append(order.client_order_id)
        return self._book.get(order.client_order_id, Absent(order))

    async def fetch_fills(self, order: Order, venue_order_id: str) -> tuple[Fill, ...]:
        self._begin_read()
        if self._late_trades > 0:
            self._late_trades -= 1
            return ()
        placed = self._book.get(order.client_order_id)
        fill = self._fills.get(order.client_order_id)
        is_its = placed is not None and placed.venue_order_id == venue_order_id
        return (fill,) if is_its and fill is not None else ()

    async def probe(self) -> None:
        self._was_asked = True

    def _begin_read(self) -> None:
        self._was_asked = True
        if self._reads_fail is not None:
            raise self._reads_fail

    def _objection(self, order: Order) -> str | None:
        raw = self._rules.get(order.symbol)
        rule = None if raw is None else read_rule(raw)
        if not isinstance(rule, MarketRule):
            return f"{order.symbol} is not traded here"
        if floor_to_step(order.amount_base, rule.amount_base_step) != order.amount_base:
            return "the amount does not fit the step"
        if not clears_minimum_notional(rule, order.amount_base, order.limit_price_quote):
            return "the order is worth too little"
        asset = order.symbol.quote if order.side == "buy" else order.symbol.base
        with exact():
            need = order.amount_base * (order.limit_price_quote if order.side == "buy" else 1)
        return "insufficient balance" if need > self._free(asset) else None

    def _place(self, order: Order, *, is_closed: bool) -> None:
        price = self._price_for(order)
        rule = read_rule(self._rules[order.symbol])
        assert isinstance(rule, MarketRule), rule
        share = bps_of(order.amount_base, self._filled_bps)
        share = floor_to_step(share, rule.amount_base_step)
        filled = ZERO if price is None or not is_closed else share
        key = order.client_order_id
        self._book[key] = Accepted(order, f"v{len(self._book) + 1}", is_closed, filled)
        if price is not None and filled > 0:
            self._fills[key] = self._trade(order, filled, price)

    def _price_for(self, order: Order) -> Decimal | None:
        ticker = next((t for t in self._tickers if t.symbol == order.symbol), None)
        if ticker is None:
            return order.limit_price_quote
        price = to_decimal((ticker.ask if order.side == "buy" else ticker.bid) or "")
        allows = price <= order.limit_price_quote
        if order.side == "sell":
            allows = price >= order.limit_price_quote
        return price if allows else None

    def _trade(self, order: Order, amount: Decimal, price: Decimal) -> Fill:
        base, quote = order.symbol.base, order.symbol.quote
        with exact():
            paid = amount * price
        gets, received = (base, amount) if order.side == "buy" else (quote, paid)
        gives, given = (quote, paid) if order.side == "buy" else (base, amount)
        fee = bps_of(received, self._fee_bps)
        with exact():
            self._move(gets, received - fee)
            self._move(gives, -given)
        return Fill(
            trade_id=f"t{len(self._fills) + 1}",
            client_order_id=order.client_order_id,
            amount_base=amount,
            price_quote=price,
            fee_asset=gets,
            fee_amount=fee,
            is_maker=False,
            filled_at_ms=self._clock.now_ms(),
        )

    def _free(self, asset: Asset) -> Decimal:
        row = self._balances.get(asset)
        return ZERO if row is None else to_decimal(row.free or "0")

    def _move(self, asset: Asset, amount: Decimal) -> None:
        row = self._balances.get(asset) or RawBalance(asset, "0", "0", self._clock.now_ms())
        self._balances[asset] = replace(row, free=plain(self._free(asset) + amount))
