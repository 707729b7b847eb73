"""One account in memory: what it holds, what it placed, and what its orders traded.

Belongs here: judging, placing and filling an order. How a venue answers is in `venue`.
"""

from collections.abc import Collection
from dataclasses import replace
from decimal import Decimal

from rebalancer.account import AccountTrade, OpenOrder
from rebalancer.balances import RawBalance
from rebalancer.money import ZERO, Asset, bps_of, exact, floor_to_step, plain, to_decimal
from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import Clock
from rebalancer.precision import MarketRule, RawRule, clears_minimum_notional, read_rule
from rebalancer.quotes import RawTicker
from rebalancer.settlement import Accepted, Fill, RefusalKind, Refused


class FakeAccount:
    """What FakeVenue keeps books of. Its arguments are explained there."""

    def __init__(
        self,
        clock: Clock,
        *,
        rules: Collection[RawRule],
        tickers: Collection[RawTicker],
        balances: Collection[RawBalance],
        filled_bps: int,
        fee_bps: int,
    ) -> None:
        self._clock = clock
        self._filled_bps = filled_bps
        self._fee_bps = fee_bps
        self.rules = {rule.symbol: rule for rule in rules}
        self.tickers = tuple(tickers)
        self.balances = {row.asset: row for row in balances}
        self.book: dict[ClientOrderId, Accepted] = {}
        self.fills: dict[ClientOrderId, Fill] = {}

    def open_orders(self) -> list[OpenOrder]:
        return [open_order(told) for told in self.book.values() if not told.is_closed]

    def trades(self) -> list[AccountTrade]:
        return [account_trade(self.book[key], fill) for key, fill in self.fills.items()]

    def end(self, client_order_id: ClientOrderId, venue_order_id: str | None) -> None:
        """Close an order as it stands; one that is not there, or already closed, is left alone."""
        placed = self.book.get(client_order_id)
        if placed is not None and venue_order_id in (None, placed.venue_order_id):
            self.book[client_order_id] = replace(placed, is_closed=True)

    def objection(self, order: Order) -> Refused | None:
        raw = self.rules.get(order.symbol)
        rule = None if raw is None else read_rule(raw)
        if not isinstance(rule, MarketRule):
            return Refused(order, f"{order.symbol} is not traded here", RefusalKind.OTHER)
        if floor_to_step(order.amount_base, rule.amount_base_step) != order.amount_base:
            return Refused(order, "the amount does not fit the step", RefusalKind.RULES)
        if not clears_minimum_notional(rule, order.amount_base, order.limit_price_quote):
            return Refused(order, "the order is worth too little", RefusalKind.RULES)
        if order.style == "post" and self._price_for(order) is not None:
            return Refused(order, "the order would take at once", RefusalKind.WOULD_TAKE)
        asset = order.symbol.quote if order.side == "buy" else order.symbol.base
        with exact():
            need = order.amount_base * (order.limit_price_quote if order.side == "buy" else 1)
        if need > self._free(asset):
            return Refused(order, "insufficient balance", RefusalKind.FUNDS)
        return None

    def place(self, order: Order, *, is_closed: bool) -> None:
        price = self._price_for(order)
        rule = read_rule(self.rules[order.symbol])
        assert isinstance(rule, MarketRule), rule
        share = bps_of(order.amount_base, self._filled_bps)
        share = floor_to_step(share, rule.amount_base_step)
        filled = ZERO if price is None or not is_closed else share
        key = order.client_order_id
        self.book[key] = Accepted(order, f"v{len(self.book) + 1}", is_closed, filled)
        if price is not None and filled > 0:
            self.fills[key] = self._trade(order, filled, price)

    def _price_for(self, order: Order) -> Decimal | None:
        ticker = next((t for t in self.tickers if t.symbol == order.symbol), None)
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
            trade_id=f"t{len(self.fills) + 1}",
            client_order_id=order.client_order_id,
            amount_base=amount,
            price_quote=price,
            fee_asset=gets,
            fee_amount=fee,
            is_maker=False,
            filled_at_ms=self._clock.now_ms(),
        )

    def _free(self, asset: Asset) -> Decimal:
        row = self.balances.get(asset)
        return ZERO if row is None else to_decimal(row.free or "0")

    def _move(self, asset: Asset, amount: Decimal) -> None:
        row = self.balances.get(asset) or RawBalance(asset, "0", "0", self._clock.now_ms())
        self.balances[asset] = replace(row, free=plain(self._free(asset) + amount))


def open_order(placed: Accepted) -> OpenOrder:
    """One of our orders as the venue lists it."""
    order = placed.order
    return OpenOrder(
        venue_order_id=placed.venue_order_id,
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        amount_base=order.amount_base,
        filled_base=placed.filled_base,
        limit_price_quote=order.limit_price_quote,
        placed_at_ms=order.planned_at_ms,
    )


def account_trade(placed: Accepted, fill: Fill) -> AccountTrade:
    """One of our fills as the account's history tells it."""
    return AccountTrade(
        trade_id=fill.trade_id,
        venue_order_id=placed.venue_order_id,
        symbol=placed.order.symbol,
        side=placed.order.side,
        amount_base=fill.amount_base,
        price_quote=fill.price_quote,
        fee_asset=fill.fee_asset,
        fee_amount=fill.fee_amount,
        is_maker=fill.is_maker,
        filled_at_ms=fill.filled_at_ms,
    )
