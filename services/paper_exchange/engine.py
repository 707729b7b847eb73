"""The matching engine: takes orders, walks the book, moves the money.

Belongs here: acceptance, matching, resting and cancelling; all of it without waiting for anything,
so one call is one indivisible act.
Does not belong here: filters, wire formats, time, where prices come from.

Self-trade: an arriving order that meets its own owner's resting order stops there; what is left of
it ends as EXPIRED_IN_MATCH (the venue's EXPIRE_TAKER).

An order may be bent on purpose (`twists`): it is then told otherwise than it is, or fills less than
it could; the money moves by the same rules.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from rebalancer.money import floor_to_step
from services.paper_exchange.accounts import FEES, HOUSE, Ledger
from services.paper_exchange.archive import Archive
from services.paper_exchange.book import Book
from services.paper_exchange.filters import judge
from services.paper_exchange.markets import AMOUNT_DECIMALS, Market
from services.paper_exchange.orders import (
    Fill,
    NewOrder,
    Order,
    OrderType,
    Status,
    TimeInForce,
    Veil,
)
from services.paper_exchange.refusals import duplicate, insufficient, would_take
from services.paper_exchange.sizing import can_take, fills_whole, needs, opposite
from services.paper_exchange.tape import Tape
from services.paper_exchange.twists import ONE, PLAIN, Twist
from services.paper_exchange.witness import Witness

ZERO = Decimal(0)
BPS_WHOLE = Decimal(10_000)
FEE_STEP = Decimal(1).scaleb(-AMOUNT_DECIMALS)


class Engine:
    """All books, one ledger."""

    def __init__(
        self,
        markets: Mapping[str, Market],
        ledger: Ledger,
        *,
        maker_fee_bps: Decimal,
        taker_fee_bps: Decimal,
        witness: Witness,
        last_id: int = 0,
    ) -> None:
        self.markets = markets
        self.ledger = ledger
        self.archive = Archive()
        self.books = {name: Book() for name in markets}
        self.tapes = {name: Tape() for name in markets}
        self._fees_bps = {True: maker_fee_bps, False: taker_fee_bps}
        self._witness = witness
        self._order_id = last_id
        self._house_order_id = 0
        self._trade_id = last_id

    def place(self, asked: NewOrder, now_ms: int, twist: Twist = PLAIN) -> Order:
        """Accept an order and match it.

        Raises:
            Refusal: The order was not placed and nothing changed.
        """
        self.judge(asked)
        self._order_id += 1
        order = Order(self._order_id, asked, now_ms, now_ms)
        self.archive.add(order)
        self._lock(order)
        if twist.hidden_until_ms is not None and not twist.ends_feigned:
            self.archive.veil(order, Veil(twist.hidden_until_ms, Status.NEW, 0))
        self._witness.reported(order, "NEW", None)
        if twist.ends_feigned:
            self._fill_at_once(order, now_ms, min(twist.share, twist.share_shown))
            if order.is_open:
                self._feign_end(order, twist.hidden_until_ms or now_ms)
        self._fill_at_once(order, now_ms, twist.share)
        self._rest_or_end(order, now_ms)
        return order

    def judge(self, asked: NewOrder) -> None:
        """Refuse an order that may not be placed; change nothing."""
        book = self.books[asked.market.name]
        open_orders = self.archive.open_orders(asked.owner, asked.market.name)
        if self.archive.has_open_client_id(asked.owner, asked.client_order_id):
            raise duplicate()
        judge(asked, last_price=self.tapes[asked.market.name].last, open_orders=len(open_orders))
        best = opposite(asked, book).best()
        probe = Order(0, asked, 0, 0)
        if asked.type is OrderType.LIMIT_MAKER and best is not None and probe.takes(best):
            raise would_take()
        asset, amount = needs(probe, book)
        if self.ledger.free(asked.owner, asset) < amount:
            raise insufficient()

    def cancel(self, order: Order, now_ms: int) -> None:
        assert order.is_open, order
        self.books[order.market.name].remove(order)
        self._end(order, Status.CANCELED, now_ms)

    def feign_cancel(self, order: Order, now_ms: int, hidden_until_ms: int) -> None:
        """Say that a resting order is cancelled, and fill the rest of it."""
        assert order.is_open, order
        self.books[order.market.name].remove(order)
        self._feign_end(order, hidden_until_ms)
        self._rest_or_end(order, now_ms)

    def unveil_due(self, now_ms: int) -> None:
        """Let owners know what was hidden from them for long enough."""
        for order in self.archive.due_veils(now_ms):
            self.unveil(order)

    def unveil(self, order: Order) -> None:
        self.archive.unveil(order)
        self._witness.unveiled(order)

    def post_house(self, asked: NewOrder, now_ms: int) -> None:
        """Place an order of the house: no filters, no history, no fee."""
        self._house_order_id -= 1
        order = Order(self._house_order_id, asked, now_ms, now_ms)
        self._lock(order)
        self._match(order, now_ms)
        if order.left_base > 0:
            self.books[order.market.name].add(order)

    def withdraw_house(self, market: str) -> None:
        """Take every order of the house out of a book."""
        book = self.books[market]
        for ladder in (book.bids, book.asks):
            for order in [o for o in ladder.orders() if o.owner == HOUSE]:
                self.ledger.unlock(HOUSE, *order.locked)
                book.remove(order)

    def _lock(self, order: Order) -> None:
        if order.is_limit:
            self.ledger.lock(order.owner, *order.locked)

    def _fill_at_once(self, taker: Order, now_ms: int, share: Decimal) -> None:
        """Match what arrives; all-or-nothing takes all or nothing."""
        asked, book = taker.asked, self.books[taker.market.name]
        if asked.tif is TimeInForce.FOK and (share != ONE or not fills_whole(asked, book)):
            return
        self._match(taker, now_ms, share)

    def _match(self, taker: Order, now_ms: int, share: Decimal = ONE) -> None:
        book = self.books[taker.market.name]
        makers = opposite(taker.asked, book)
        while (maker := makers.first()) is not None and taker.takes(maker.asked.price):
            amount = min(maker.left_base, can_take(taker, maker.asked.price, share))
            if amount == 0:
                return
            if maker.owner == taker.owner:
                taker.status = Status.EXPIRED_IN_MATCH
                return
            self._trade(maker, taker, amount, now_ms)
            book.reduce(maker, amount)

    def _trade(self, maker: Order, taker: Order, amount_base: Decimal, now_ms: int) -> None:
        price = maker.asked.price
        self._trade_id += 1
        buyer, seller = (maker, taker) if maker.is_buy else (taker, maker)
        for order in (buyer, seller):
            self._release(order, amount_base)
        market = maker.market
        self.ledger.pay(seller.owner, buyer.owner, market.base, amount_base)
        self.ledger.pay(buyer.owner, seller.owner, market.quote, amount_base * price)
        maker_fill = self._fill(maker, price, amount_base, now_ms, is_maker=True)
        self._fill(taker, price, amount_base, now_ms, is_maker=False)
        self.tapes[market.name].trade(price, amount_base)
        self._witness.traded(maker_fill)

    def _release(self, order: Order, amount_base: Decimal) -> None:
        """Free what the order held for this amount; a better price leaves the rest free."""
        if order.is_limit:
            unit = order.asked.price if order.is_buy else Decimal(1)
            self.ledger.unlock(order.owner, order.locked[0], amount_base * unit)

    def _fill(
        self, order: Order, price: Decimal, amount_base: Decimal, now_ms: int, *, is_maker: bool
    ) -> Fill:
        amount_quote = amount_base * price
        received = amount_base if order.is_buy else amount_quote
        fee_asset = order.market.base if order.is_buy else order.market.quote
        fee_bps = ZERO if order.owner == HOUSE else self._fees_bps[is_maker]
        fee = floor_to_step(received * fee_bps / BPS_WHOLE, FEE_STEP)
        self.ledger.pay(order.owner, FEES, fee_asset, fee)
        order.executed_base += amount_base
        order.executed_quote += amount_quote
        order.updated_at_ms = now_ms
        fill = Fill(
            trade_id=self._trade_id,
            order_id=order.order_id,
            market=order.market,
            price=price,
            amount_base=amount_base,
            amount_quote=amount_quote,
            fee_amount=fee,
            fee_asset=fee_asset,
            at_ms=now_ms,
            is_buyer=order.is_buy,
            is_maker=is_maker,
        )
        if order.owner != HOUSE:
            self._book_fill(order, fill)
        return fill

    def _book_fill(self, order: Order, fill: Fill) -> None:
        order.fills.append(fill)
        done = order.left_base == 0 if order.asked.amount_base > 0 else order.left_quote == 0
        order.status = Status.FILLED if done else Status.PARTIALLY_FILLED
        if done:
            self.archive.close(order)
        self.archive.add_trade(order.owner, fill)
        self._witness.reported(order, "TRADE", fill)

    def _rest_or_end(self, order: Order, now_ms: int) -> None:
        if order.status is Status.FILLED:
            return
        if order.rests and not order.seems_open and order.is_open:
            self._finish_unseen(order, now_ms)
        elif order.status is Status.EXPIRED_IN_MATCH:
            self._end(order, Status.EXPIRED_IN_MATCH, now_ms)
        elif order.rests and self._clear_way(order):
            self.books[order.market.name].add(order)
        elif order.asked.amount_quote > 0 and order.fills and self._is_spent(order):
            # The venue calls a quote order filled when the rest buys less than one step.
            self._end(order, Status.FILLED, now_ms)
        else:
            self._end(order, Status.EXPIRED, now_ms)

    def _clear_way(self, order: Order) -> bool:
        """Whether nothing is left that it would cross; quotes of the house give way.

        Only an order that was kept from filling meets any.
        """
        book = self.books[order.market.name]
        makers = opposite(order.asked, book)
        while (maker := makers.first()) is not None and order.takes(maker.asked.price):
            if maker.owner != HOUSE:
                return False
            self.ledger.unlock(HOUSE, *maker.locked)
            book.remove(maker)
        return True

    def _feign_end(self, order: Order, hidden_until_ms: int) -> None:
        status = Status.CANCELED if order.rests else Status.EXPIRED
        self.archive.veil(order, Veil(hidden_until_ms, status, len(order.fills)))
        self._witness.feigned(order, status.value)

    def _finish_unseen(self, order: Order, now_ms: int) -> None:
        """Fill the rest of an order that is not in the book at its own price, by the house."""
        house = Order(0, replace(order.asked, owner=HOUSE, side=order.asked.side.other), 0, 0)
        house.executed_base = order.executed_base
        asset, amount = house.locked
        if self.ledger.free(HOUSE, asset) < amount:
            self._end(order, Status.CANCELED, now_ms)
            return
        self._lock(house)
        self._trade(order, house, order.left_base, now_ms)

    def _is_spent(self, order: Order) -> bool:
        return can_take(order, order.fills[-1].price) == 0

    def _end(self, order: Order, status: Status, now_ms: int) -> None:
        if order.is_limit:
            self.ledger.unlock(order.owner, *order.locked)
        order.status = status
        order.updated_at_ms = now_ms
        self.archive.close(order)
        event = "CANCELED" if status is Status.CANCELED else "EXPIRED"
        self._witness.reported(order, event, None)
