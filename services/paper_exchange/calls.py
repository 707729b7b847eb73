"""A request and its answer, free of any web framework; and reading a request's parameters.

Belongs here: parameters as the venue accepts them, refused with its own codes.
Does not belong here: what a request does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, TypeVar

from rebalancer.money import to_decimal
from services.paper_exchange.markets import AMOUNT_DECIMALS, Market
from services.paper_exchange.orders import NewOrder, OrderType, Side, TimeInForce
from services.paper_exchange.refusals import (
    Refusal,
    bad_symbol,
    illegal,
    missing,
    too_precise,
    unneeded,
)

NUMBER = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
CLIENT_ID = r"^[a-zA-Z0-9-_.:/]{1,36}$"
WHOLE = r"^[0-9]{1,20}$"
ZERO = Decimal(0)

Word = TypeVar("Word", Side, OrderType, TimeInForce)


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        payload: The text the signature covers.
        now_ms: When the exchange acts, by its true clock.
        skew_ms: How far the clock it shows and judges by is off.
        fired: The faults that fired on this request.
    """

    method: str
    path: str
    params: Mapping[str, str]
    payload: str
    api_key: str | None
    received_at_ms: int
    now_ms: int
    skew_ms: int = 0
    fired: list[str] = field(default_factory=list)

    @property
    def shown_ms(self) -> int:
        """Now, by the clock the exchange shows."""
        return self.now_ms + self.skew_ms

    def text(self, name: str) -> str:
        value = self.params.get(name, "")
        if not value:
            raise missing(name)
        return value

    def whole(self, name: str) -> int | None:
        """An optional whole number."""
        value = self.params.get(name)
        if value is None:
            return None
        if not re.fullmatch(WHOLE, value):
            raise illegal(name, WHOLE)
        return int(value)

    def limit(self, default: int, highest: int) -> int:
        limit = self.whole("limit")
        return min(default if limit is None else max(limit, 1), highest)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `body` is the venue's JSON."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


def read_market(call: Call, markets: Mapping[str, Market]) -> Market:
    market = markets.get(call.text("symbol"))
    if market is None:
        raise bad_symbol()
    return market


def read_order(
    call: Call, owner: str, markets: Mapping[str, Market], client_order_id: str
) -> NewOrder:
    """A new order from its parameters.

    Args:
        call: The request.
        owner: Whose order it will be.
        markets: Every market there is.
        client_order_id: The id it carries when the request names none.
    """
    market = read_market(call, markets)
    side = _one_of(Side, call.text("side"), -1117, "Invalid side.")
    kind = _one_of(OrderType, call.text("type"), -1116, "Invalid orderType.")
    for name in ("stopPrice", "trailingDelta", "icebergQty"):
        if name in call.params:
            raise unneeded(name)
    given_id = call.params.get("newClientOrderId", client_order_id)
    if not re.fullmatch(CLIENT_ID, given_id):
        raise illegal("newClientOrderId", CLIENT_ID)
    if kind is OrderType.MARKET:
        return _read_market_order(call, owner, market, side, given_id)
    tif = TimeInForce.GTC
    if kind is OrderType.LIMIT:
        tif = _one_of(TimeInForce, call.text("timeInForce"), -1115, "Invalid timeInForce.")
    if "quoteOrderQty" in call.params:
        raise unneeded("quoteOrderQty")
    return NewOrder(
        owner,
        market,
        side,
        kind,
        tif,
        given_id,
        price=_number(call, "price"),
        amount_base=_number(call, "quantity"),
    )


def _read_market_order(
    call: Call, owner: str, market: Market, side: Side, client_order_id: str
) -> NewOrder:
    for name in ("price", "timeInForce"):
        if name in call.params:
            raise unneeded(name)
    by_base, by_quote = "quantity" in call.params, "quoteOrderQty" in call.params
    if by_base and by_quote:
        raise unneeded("quoteOrderQty")
    if not by_base and not by_quote:
        raise Refusal(
            -1102, "Param 'quantity' or 'quoteOrderQty' must be sent, but both were empty/null!"
        )
    amount_base = _number(call, "quantity") if by_base else ZERO
    amount_quote = _number(call, "quoteOrderQty") if by_quote else ZERO
    if amount_base == 0 and amount_quote == 0:
        raise Refusal(-1013, "Invalid quantity.")
    return NewOrder(
        owner,
        market,
        side,
        OrderType.MARKET,
        TimeInForce.GTC,
        client_order_id,
        amount_base=amount_base,
        amount_quote=amount_quote,
    )


def _number(call: Call, name: str) -> Decimal:
    text = call.text(name)
    if not re.fullmatch(NUMBER, text):
        raise illegal(name, NUMBER)
    if len(text.partition(".")[2].rstrip("0")) > AMOUNT_DECIMALS:
        raise too_precise(name)
    return to_decimal(text)


def _one_of(words: type[Word], text: str, code: int, message: str) -> Word:
    try:
        return words(text)
    except ValueError:
        raise Refusal(code, message) from None
