"""What became of an order: the venue's answer, its fills, and the sum of the two."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from rebalancer.errors import BooksDisagree
from rebalancer.money import ZERO, Asset, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order, PortfolioName
from rebalancer.quality import slippage_bps
from rebalancer.queue import Denied
from rebalancer.slices import successor_of


class RefusalKind(StrEnum):
    """What a refusal is about, and so what it leads to."""

    RULES = "rules"
    """Amount or price does not fit: the symbol's rules are read again."""
    FUNDS = "funds"
    DENIED = "denied"
    """The key or its rights: the venue is halted, and a person told."""
    WOULD_TAKE = "would_take"
    """A posted order would have crossed: the leg goes on with one that takes."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order. `is_closed`: nothing more can fill; `filled_base` as it reports.

    `fills`: the trades that came with the answer; they may be none, or fewer than were filled. How
    much an answer tells is no part of what is compared.
    """

    order: Order
    venue_order_id: str
    is_closed: bool
    filled_base: Decimal
    fills: "tuple[Fill, ...]" = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue said no, for good. Sending the same order again would be refused again."""

    order: Order
    reason: str
    kind: RefusalKind = RefusalKind.OTHER


@dataclass(frozen=True, slots=True)
class NotSent:
    """Provably not placed. The only answer after which the same order may be tried again.

    `is_rate_limit`: the venue asks everybody to wait, not this order alone.
    """

    order: Order
    reason: str
    retry_after_ms: int
    is_rate_limit: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """We do not know whether the venue has the order. Never resend; ask by client order id.

    `rate_limit_ms` > 0: the venue asks everybody to wait that long before the next request.
    """

    order: Order
    reason: str
    rate_limit_ms: int = 0


@dataclass(frozen=True, slots=True)
class Absent:
    """A targeted look-up, answered in full, did not find the order."""

    order: Order


@dataclass(frozen=True, slots=True)
class Expired:
    """Never sent, and not to be sent any more: too old, or overtaken by a halt."""

    order: Order
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class NotFound:
    """Sent perhaps, but absent from the venue as often as absence needs to count.

    `reason`: who declared it absent, where no look-up can tell.
    """

    order: Order
    reason: str | None = None


Submission = Accepted | Refused | NotSent | Unanswered
LookUp = Accepted | Refused | Unanswered | Absent
Outcome = Accepted | Refused | Denied | Expired | NotFound


@dataclass(frozen=True, slots=True)
class Fill:
    """One trade. `trade_id` is the venue's and makes recording it twice harmless.

    Its time is no part of what is compared: an answer to an order tells the order's own, a list of
    trades each trade's.
    """

    trade_id: str
    client_order_id: ClientOrderId
    amount_base: Decimal
    price_quote: Decimal
    fee_asset: Asset | None
    fee_amount: Decimal
    is_maker: bool
    filled_at_ms: int = field(compare=False)


@dataclass(frozen=True, slots=True)
class Settlement:
    """An order and everything that happened to it: one unit of recording.

    `slippage_bps` is signed so that > 0 is a cost, against the mid at planning; None when unfilled.
    `successor` is the next order of its leg, to be queued as this one is acknowledged.
    `contradiction` says what the venue did that it must not: booked, because money has moved, and
    then the portfolio is frozen.
    """

    outcome: Outcome
    state: OrderState
    fills: tuple[Fill, ...]
    filled_base: Decimal
    paid_quote: Decimal
    slippage_bps: Decimal | None
    successor: Order | None
    contradiction: str | None = None

    @property
    def order(self) -> Order:
        return self.outcome.order

    @property
    def reason(self) -> str | None:
        """Why it was refused or denied, where it was."""
        match self.outcome:
            case Refused(reason=reason) | Expired(reason=reason) | NotFound(reason=reason):
                return reason
            case Denied(reason=code, detail=detail):
                return f"{code.value}: {detail}"
        return None


@dataclass(frozen=True, slots=True)
class LateTrades:
    """What an order traded beyond the end that the books held before."""

    portfolio: PortfolioName
    paid_quote: Decimal


@dataclass(frozen=True, slots=True)
class LedgerReceipt:
    """Proof that a Settlement is committed. Made only by Ledger.record; needed to acknowledge.

    `contradiction` is the settlement's, or that the books held another end before; `late` is what
    it traded since that end, which nobody has counted yet.
    """

    client_order_id: ClientOrderId
    successor: Order | None
    paid_quote: Decimal
    recorded_at_ms: int
    contradiction: str | None = None
    late: LateTrades | None = None


def settle(outcome: Outcome, fills: Iterable[Fill]) -> Settlement:
    """Add up what happened to one order.

    filled_base = Σ amount and paid_quote = Σ amount × price over distinct trades, exactly. What a
    venue must not do and yet did (an overfill, trades of an order that it refused) is settled as it
    is, with a contradiction: the money has moved.

    Raises:
        BooksDisagree: the venue's own sum differs from its trades, or a trade is nonsense: there
            is nothing that could be booked. Halt.
    """
    order = outcome.order
    trades = distinct_trades(fills)
    assert all(fill.client_order_id == order.client_order_id for fill in trades), order
    with exact():
        filled = sum((fill.amount_base for fill in trades), ZERO)
        paid = sum((fill.amount_base * fill.price_quote for fill in trades), ZERO)
    if isinstance(outcome, Accepted) and filled != outcome.filled_base:
        raise BooksDisagree(
            f"{order.client_order_id}: venue says {outcome.filled_base} filled, its trades {filled}"
        )
    contradiction = _contradiction_of(outcome, filled)
    return Settlement(
        outcome=outcome,
        state=_state_of(outcome, filled),
        fills=trades,
        filled_base=filled,
        paid_quote=paid,
        slippage_bps=slippage_bps(order, filled, paid) if filled else None,
        successor=None if contradiction else _successor_of(outcome, filled),
        contradiction=contradiction,
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


def _contradiction_of(outcome: Outcome, filled: Decimal) -> str | None:
    order = outcome.order
    if filled > order.amount_base:
        return f"{order.client_order_id}: {filled} filled of {order.amount_base}"
    if filled > 0 and not isinstance(outcome, Accepted):
        return f"{order.client_order_id}: {type(outcome).__name__}, yet {filled} filled"
    return None


def _successor_of(outcome: Outcome, filled: Decimal) -> Order | None:
    """What follows on the leg: only where it is known for certain what this order left."""
    would_take = isinstance(outcome, Refused) and outcome.kind is RefusalKind.WOULD_TAKE
    if isinstance(outcome, Accepted) or would_take:
        return successor_of(outcome.order, filled)
    return None


def _state_of(outcome: Outcome, filled: Decimal) -> OrderState:
    if filled > 0:
        is_whole = filled >= outcome.order.amount_base
        return OrderState.FILLED if is_whole else OrderState.PARTIALLY_FILLED
    match outcome:
        case Accepted():
            return OrderState.UNFILLED
        case Refused():
            return OrderState.REFUSED
        case Denied():
            return OrderState.DENIED
        case Expired():
            return OrderState.EXPIRED
        case NotFound():
            return OrderState.NOT_FOUND
