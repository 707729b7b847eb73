"""What a venue tells of an account beside its balances, and of itself.

Belongs here: open orders, trades and the venue's own word on whether it works, of anybody's making.
Does not belong here: what became of an order of ours (`settlement`), balances (`balances`).
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebalancer.money import Asset, Symbol
from rebalancer.precision import Side


class VenueStatus(StrEnum):
    """What a venue announces of itself. UNKNOWN: it tells nothing, or nothing we understand."""

    OPERATIONAL = "operational"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, order=True)
class VenueOrderKey:
    """What tells an order from every other one at its venue: some count anew in each market."""

    symbol: Symbol
    venue_order_id: str


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An order that may still fill, ours or not.

    `client_order_id` is as much of our id as the venue keeps; None where it names none. A market
    order that waits has no `limit_price_quote`.
    """

    venue_order_id: str
    client_order_id: str | None
    symbol: Symbol
    side: Side
    amount_base: Decimal
    filled_base: Decimal
    limit_price_quote: Decimal | None
    placed_at_ms: int

    def __post_init__(self) -> None:
        assert self.amount_base > 0, self
        assert self.filled_base >= 0, self

    @property
    def key(self) -> VenueOrderKey:
        return VenueOrderKey(self.symbol, self.venue_order_id)


@dataclass(frozen=True, slots=True)
class AccountTrade:
    """One trade on the account, ours or not. A rebate is a negative fee."""

    trade_id: str
    venue_order_id: str
    symbol: Symbol
    side: Side
    amount_base: Decimal
    price_quote: Decimal
    fee_asset: Asset | None
    fee_amount: Decimal
    is_maker: bool
    filled_at_ms: int

    def __post_init__(self) -> None:
        assert self.amount_base > 0, self
        assert self.price_quote > 0, self

    @property
    def order_key(self) -> VenueOrderKey:
        """The order that it is a trade of."""
        return VenueOrderKey(self.symbol, self.venue_order_id)
