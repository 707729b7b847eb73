"""What became of an order: the venue's answer, its fills, and the sum of the two."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from rebalancer.errors import BooksDisagree
from rebalancer.money import ONE, ZERO, Asset, bps_of, exact
from rebalancer.orders import ClientOrderId, Order, name_order
from rebalancer.quality import slippage_bps

RESIDUAL_BELOW_BPS = 9_500
"""An order filled below this share of what was asked leaves a residual order for the rest."""
RESIDUAL_ATTEMPTS_MAX = 2
RESIDUAL_URGENCY_STEP = Decimal("0.2")


class OrderState(StrEnum):
    """Where an order stands. The last six are final."""

    PLANNED = "planned"
    QUEUED = "queued"
    IN_DOUBT = "in_doubt"
    FILLED = "filled"
    PARTIALLY_FILLED = "partially_filled"
    UNFILLED = "unfilled"
    REFUSED = "refused"
    EXPIRED = "expired"
    NOT_FOUND = "not_found"


FINAL_STATES = frozenset(OrderState) - {
    OrderState.PLANNED,
    OrderState.QUEUED,
    OrderState.IN_DOUBT,
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order. `is_closed`: nothing more can fill; `filled_base` as it reports."""

    order: Order
    venue_order_id: str
    is_closed: bool
    filled_base: Decimal


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no, for good. Sending the same order again would be refused again."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """Provably not placed. The only answer after which the same order may be tried again."""

    order: Order
    reason: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class Unanswered:
    """We do not know whether the venue has the order. Never resend; ask by client order id."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True)
class Absent:
    """A targeted look-up, answered in full, did not find the order."""

    order: Order


@dataclass(frozen=True, slots=True)
class Expired:
    """Never sent, and too old to send now."""

    order: Order


@dataclass(frozen=True, slots=True)
class NotFound:
    """Sent perhaps, but absent from the venue as often as absence needs to count."""

    order: Order


Submission = Accepted | Refused | NotSent | Unanswered
LookUp = Accepted | Refused | Unanswered | Absent
Outcome = Accepted | Refused | Expired | NotFound


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade. `trade_id` is the venue's and makes recording it twice harmless."""

    trade_id: str
    client_order_id: ClientOrderId
    amount_base: Decimal
    price_quote: Decimal
    fee_asset: Asset | None
    fee_amount: Decimal
    is_maker: bool
    filled_at_ms: int


@dataclass(frozen=True, slots=True)
class Settlement:
    """An order and everything that happened to it: one unit of recording.

    `slippage_bps` is signed so that > 0 is a cost, against the mid at planning; None when unfilled.
    `residual` is the order for the rest, to be queued as this one is acknowledged.
    """

    outcome: Outcome
    state: OrderState
    fills: tuple[Fill, ...]
    filled_base: Decimal
    paid_quote: Decimal
    slippage_bps: Decimal | None
    residual: Order | None

    @property
    def order(self) -> Order:
        return self.outcome.order

    @property
    def reason(self) -> str | None:
        """Why the venue refused it, where it did."""
        return self.outcome.reason if isinstance(self.outcome, Refused) else None


@dataclass(frozen=True, slots=True)
class LedgerReceipt:
    """Proof that a Settlement is committed. Made only by Ledger.record; needed to acknowledge."""

    client_order_id: ClientOrderId
    residual: Order | None
    recorded_at_ms: int


def settle(outcome: Outcome, fills: Iterable[Fill]) -> Settlement:
    """Add up what happened to one order.

    filled_base = Σ amount and paid_quote = Σ amount × price over distinct trades, exactly.

    Raises:
        BooksDisagree: more was filled than asked, or an order the venue never took has fills, or
            the venue's own sum differs from its trades, or a trade is nonsense. Halt.
    """
    order = outcome.order
    trades = distinct_trades(fills)
    assert all(fill.client_order_id == order.client_order_id for fill in trades), order
    with exact():
        filled = sum((fill.amount_base for fill in trades), ZERO)
        paid = sum((fill.amount_base * fill.price_quote for fill in trades), ZERO)
    if filled > order.amount_base:
        raise BooksDisagree(f"{order.client_order_id}: {filled} filled of {order.amount_base}")
    if not isinstance(outcome, Accepted) and filled > 0:
        kind = type(outcome).__name__
        raise BooksDisagree(f"{order.client_order_id}: {kind}, yet {filled} filled")
    if isinstance(outcome, Accepted) and filled != outcome.filled_base:
        raise BooksDisagree(
            f"{order.client_order_id}: venue says {outcome.filled_base} filled, its trades {filled}"
        )
    state = _state_of(outcome, filled)
    return Settlement(
        outcome=outcome,
        state=state,
        fills=trades,
        filled_base=filled,
        paid_quote=paid,
        slippage_bps=slippage_bps(order, filled, paid) if filled else None,
        residual=residual_of(order, filled) if isinstance(outcome, Accepted) else None,
    )


def distinct_trades(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    """Each trade once, the earliest first: pages of a venue's answer may overlap.

    Raises:
        BooksDisagree: one trade is told in two ways, or is of nothing or at no price. Halt.
    """
    unique: dict[str, Fill] = {}
    for fill in fills:
        if unique.setdefault(fill.trade_id, fill) != fill:
            raise BooksDisagree(
                f"{fill.client_order_id}: trade {fill.trade_id} is told in two ways: "
                f"{unique[fill.trade_id]} and {fill}"
            )
        if fill.amount_base <= 0 or fill.price_quote <= 0:
            raise BooksDisagree(
                f"{fill.client_order_id}: trade {fill.trade_id} is of {fill.amount_base} at "
                f"{fill.price_quote}, expected more than 0"
            )
    return tuple(sorted(unique.values(), key=lambda fill: (fill.filled_at_ms, fill.trade_id)))


def residual_of(order: Order, filled_base: Decimal) -> Order | None:
    """The order for the unfilled rest, one urgency step up, or None when enough was filled.

    Computed from the order's own fills, never from balances; same price and expiry; a new id.
    """
    enough = filled_base >= bps_of(order.amount_base, RESIDUAL_BELOW_BPS)
    if enough or order.attempt >= RESIDUAL_ATTEMPTS_MAX:
        return None
    attempt = order.attempt + 1
    with exact():
        rest = order.amount_base - filled_base
        urgency = min(order.urgency + RESIDUAL_URGENCY_STEP, ONE)
    return replace(
        order,
        client_order_id=name_order(
            order.cycle_id,
            order.portfolio,
            order.symbol,
            order.side,
            slice_index=order.slice_index,
            attempt=attempt,
        ),
        amount_base=rest,
        urgency=urgency,
        attempt=attempt,
    )


def _state_of(outcome: Outcome, filled: Decimal) -> OrderState:
    match outcome:
        case Refused():
            return OrderState.REFUSED
        case Expired():
            return OrderState.EXPIRED
        case NotFound():
            return OrderState.NOT_FOUND
        case Accepted():
            if filled == 0:
                return OrderState.UNFILLED
            is_whole = filled == outcome.order.amount_base
            return OrderState.FILLED if is_whole else OrderState.PARTIALLY_FILLED
