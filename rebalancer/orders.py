"""An order, its deterministic name, and what it may cost."""

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from typing import NewType

from rebalancer.money import Symbol, bps_of, exact
from rebalancer.precision import Side

CycleId = NewType("CycleId", str)
ClientOrderId = NewType("ClientOrderId", str)
PortfolioName = NewType("PortfolioName", str)
VenueName = NewType("VenueName", str)


@dataclass(frozen=True, slots=True)
class Order:
    """A limit order, immediate or cancel, that already fits its market.

    Never re-priced: one that outlives `expires_at_ms` is recorded as expired and replanned.
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
