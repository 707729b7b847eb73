"""An order, its deterministic name, and what it may cost."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NewType

from rebalancer.money import Symbol, bps_of, exact
from rebalancer.precision import Side

CycleId = NewType("CycleId", str)
ClientOrderId = NewType("ClientOrderId", str)
PortfolioName = NewType("PortfolioName", str)
VenueName = NewType("VenueName", str)
OrderStyle = Literal["take", "post"]
"""How an order trades: "take" crosses at once or not at all, "post" rests in the book."""


@dataclass(frozen=True, slots=True)
class Order:
    """A limit order that already fits its market.

    Never re-priced: one that outlives `expires_at_ms` is recorded as expired and replanned. It is
    one slice of a leg; the slice after it, or one for what it left, follows when it has ended.

    Attributes:
        limit_price_quote: The price sent.
        worst_price_quote: The price that neither it nor any order that follows on its leg trades
            beyond; the limit itself unless the order is posted.
        leg_rest_base: What remains of the leg after it, for later slices.
        least_base: The least the venue takes of this symbol at this price.
    """

    client_order_id: ClientOrderId
    cycle_id: CycleId
    portfolio: PortfolioName
    venue: VenueName
    symbol: Symbol
    side: Side
    amount_base: Decimal
    limit_price_quote: Decimal
    arrival_mid_quote: Decimal
    drift_bps: Decimal
    urgency: Decimal
    rules_version: str
    planned_at_ms: int
    expires_at_ms: int
    slice_index: int
    attempt: int
    style: OrderStyle
    worst_price_quote: Decimal
    leg_rest_base: Decimal
    least_base: Decimal


def name_order(
    cycle_id: CycleId,
    portfolio: PortfolioName,
    symbol: Symbol,
    side: Side,
    *,
    slice_index: int,
    attempt: int,
) -> ClientOrderId:
    """Name an order so that planning the same cycle twice names it the same. 32 hex digits.

    Fits the narrowest venues known: OKX takes 1–32 alphanumerics, Kraken a UUID's 32 digits.
    """
    parts = (cycle_id, portfolio, symbol.base, symbol.quote, side, str(slice_index), str(attempt))
    # Each part is led by its length: a separator inside a portfolio's name must not move a border.
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return ClientOrderId(hashlib.blake2b(text.encode(), digest_size=16).hexdigest())


def worst_cost_quote(
    side: Side, amount_base: Decimal, limit_price_quote: Decimal, *, taker_fee_bps: int
) -> Decimal:
    """Cash a buy may take, or a sell brings at least, with the fee counted against us."""
    sign = 1 if side == "buy" else -1
    with exact():
        notional = amount_base * limit_price_quote
        return notional + sign * bps_of(notional, taker_fee_bps)
