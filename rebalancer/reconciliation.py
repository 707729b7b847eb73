"""Is the account what our own trades made of it? Balances and orders, compared with the books.

Belongs here: saying what nobody can explain. Asking the venue, and freezing, are `recovery`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.account import OpenOrder, VenueOrderKey
from rebalancer.balances import Balance
from rebalancer.money import ZERO, Asset, Symbol, bps_of, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, PortfolioName
from rebalancer.precision import Side
from rebalancer.settlement import Fill


@dataclass(frozen=True, slots=True)
class Baseline:
    """What an account held, asset by asset, at a moment when no order of ours was under way."""

    portfolio: PortfolioName
    totals: Mapping[Asset, Decimal]
    taken_at_ms: int


@dataclass(frozen=True, slots=True)
class BookedFill:
    """A trade of ours, with the side and symbol of its order."""

    symbol: Symbol
    side: Side
    fill: Fill


@dataclass(frozen=True, slots=True)
class KnownOrder:
    """An order of ours. `venue_key` None: the books were never told how the venue names it."""

    client_order_id: ClientOrderId
    state: OrderState
    venue_key: VenueOrderKey | None


@dataclass(frozen=True, slots=True)
class KnownOrders:
    """Which of the orders that were asked about are ours, or known and left alone."""

    ours: frozenset[KnownOrder]
    ignored: frozenset[VenueOrderKey]

    def of_trade(self, key: VenueOrderKey) -> KnownOrder | None:
        """Our order that the venue names so."""
        return next((known for known in self.ours if known.venue_key == key), None)

    def of_open(self, order: OpenOrder) -> KnownOrder | None:
        """Our order that this one is: by our id for it, or else by the venue's."""
        named = order.client_order_id
        by_our_id = (known for known in self.ours if known.client_order_id == named)
        return next(by_our_id, None) or self.of_trade(order.key)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """A change of one asset that our trades do not explain; > 0 is more than expected."""

    asset: Asset
    expected: Decimal
    found: Decimal

    def is_beyond(self, tolerance_bps: int) -> bool:
        """Whether the change is more than this share of the larger of the two."""
        with exact():
            change = abs(self.found - self.expected)
        return change > bps_of(max(self.expected, self.found), tolerance_bps)

    def __str__(self) -> str:
        with exact():
            change = self.found - self.expected
        return f"{self.asset}: expected {self.expected:f}, found {self.found:f} ({change:+f})"


def expected_totals(
    totals: Mapping[Asset, Decimal], traded: Iterable[BookedFill]
) -> dict[Asset, Decimal]:
    """What an account holds after trades: base and quote move against each other, fees leave."""
    expected = dict(totals)

    def move(asset: Asset, amount: Decimal) -> None:
        expected[asset] = expected.get(asset, ZERO) + amount

    with exact():
        for booked in traded:
            fill, sign = booked.fill, 1 if booked.side == "buy" else -1
            move(booked.symbol.base, sign * fill.amount_base)
            move(booked.symbol.quote, -sign * fill.amount_base * fill.price_quote)
            if fill.fee_asset is not None:
                move(fill.fee_asset, -fill.fee_amount)
    return expected


def unexplained_changes(
    baseline: Baseline,
    traded: Iterable[BookedFill],
    balances: Mapping[Asset, Balance],
    *,
    managed: Collection[Asset],
    tolerance_bps: int,
) -> tuple[Unexplained, ...]:
    """What the managed assets hold otherwise than our trades since the baseline explain.

    An asset that is not managed is nobody's concern here, even when a fee was taken in it. One that
    the baseline does not know, because it is managed only since, is taken as it is.

    Args:
        baseline: The account at a quiet moment.
        traded: Our trades since.
        balances: The account at another quiet moment.
        managed: The assets that targets name.
        tolerance_bps: How much of a holding may come or go unexplained: venues round fees, and pay
            interest.
    """
    expected = expected_totals(baseline.totals, traded)
    found = {asset: balance.total for asset, balance in balances.items()}
    changes = (
        Unexplained(asset, expected[asset], found.get(asset, ZERO))
        for asset in sorted(managed)
        if asset in baseline.totals
    )
    return tuple(change for change in changes if change.is_beyond(tolerance_bps))
