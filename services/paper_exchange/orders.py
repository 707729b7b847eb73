"""An order and its fills, in the venue's own words.

Belongs here: what an order is and how much of it is left.
Does not belong here: matching it (`engine`) or writing it as JSON (`wire`).
"""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum

from services.paper_exchange.markets import Market

ZERO = Decimal(0)


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"

    @property
    def other(self) -> "Side":
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    LIMIT_MAKER = "LIMIT_MAKER"
    MARKET = "MARKET"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Status(StrEnum):
    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    EXPIRED_IN_MATCH = "EXPIRED_IN_MATCH"


OPEN = frozenset({Status.NEW, Status.PARTIALLY_FILLED})


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What a user asks for; judged by `filters` before it becomes an `Order`.

    A limit order has `price` and `amount_base`; a market order has one of `amount_base` and
    `amount_quote`. What it does not have is 0.
    """

    owner: str
    market: Market
    side: Side
    type: OrderType
    tif: TimeInForce
    client_order_id: str
    price: Decimal = ZERO
    amount_base: Decimal = ZERO
    amount_quote: Decimal = ZERO


@dataclass(frozen=True, slots=True)
class Fill:
    """One side of one trade."""

    trade_id: int
    order_id: int
    market: Market
    price: Decimal
    amount_base: Decimal
    amount_quote: Decimal
    fee_amount: Decimal
    fee_asset: str
    at_ms: int
    is_buyer: bool
    is_maker: bool


@dataclass(frozen=True, slots=True)
class Veil:
    """What an order is said to be until it is lifted, whatever it really is."""

    until_ms: int
    status: Status
    fills_shown: int


@dataclass(slots=True, eq=False)
class Order:
    """An accepted order. `order_id` is negative for the house's own."""

    order_id: int
    asked: NewOrder
    created_at_ms: int
    updated_at_ms: int
    status: Status = Status.NEW
    executed_base: Decimal = ZERO
    executed_quote: Decimal = ZERO
    fills: list[Fill] = field(default_factory=list)
    veil: Veil | None = None

    @property
    def owner(self) -> str:
        return self.asked.owner

    @property
    def market(self) -> Market:
        return self.asked.market

    @property
    def is_buy(self) -> bool:
        return self.asked.side is Side.BUY

    @property
    def is_limit(self) -> bool:
        return self.asked.type is not OrderType.MARKET

    @property
    def rests(self) -> bool:
        """Whether what it does not fill at once waits in the book."""
        return self.is_limit and self.asked.tif is TimeInForce.GTC

    @property
    def is_open(self) -> bool:
        return self.status in OPEN

    @property
    def seems_open(self) -> bool:
        """Open by what its owner is told."""
        return (self.status if self.veil is None else self.veil.status) in OPEN

    @property
    def left_base(self) -> Decimal:
        """What is still to trade of an order with an amount in base."""
        return self.asked.amount_base - self.executed_base

    @property
    def left_quote(self) -> Decimal:
        """What is still to trade of a market order with an amount in quote."""
        return self.asked.amount_quote - self.executed_quote

    @property
    def locked(self) -> tuple[str, Decimal]:
        """The asset and amount that the rest of a limit order holds back."""
        if self.is_buy:
            return self.market.quote, self.left_base * self.asked.price
        return self.market.base, self.left_base

    def takes(self, price: Decimal) -> bool:
        """Whether this order, arriving, trades at `price`."""
        if not self.is_limit:
            return True
        return price <= self.asked.price if self.is_buy else price >= self.asked.price

    def shown(self) -> "Order":
        """This order as its owner is told of it: itself, unless a veil hides something."""
        if self.veil is None:
            return self
        fills = self.fills[: self.veil.fills_shown]
        return replace(
            self,
            status=self.veil.status,
            executed_base=sum((fill.amount_base for fill in fills), ZERO),
            executed_quote=sum((fill.amount_quote for fill in fills), ZERO),
            fills=fills,
            veil=None,
        )
