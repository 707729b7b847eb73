"""May this order go out now? Judged by its age, its urgency, the venue's speed, and the book."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebalancer.depth import Book, depth_base, spread_bps
from rebalancer.money import BPS_WHOLE, bps_of, plain
from rebalancer.orders import Order
from rebalancer.queue import Claim


class HoldReason(StrEnum):
    """Why an order waits at the gate. Stable words."""

    LATENCY = "LATENCY"
    NO_BOOK = "NO_BOOK"
    SPREAD = "SPREAD"
    DEPTH = "DEPTH"


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """The slowest venue and the thinnest book in which a planned price still means something.

    Attributes:
        latency_ms_max: Slowest answer of the venue.
        urgency_override: From this urgency on, latency is ignored; the book never is.
        hold_ms: How long a held order waits to be judged again.
        spread_bps_max: Widest spread to cross; None: not judged.
        depth_cover_bps_min: Least that the book must hold up to the order's limit, as a share of
            the order; None: not judged.
        book_age_ms_max: Oldest book that shows either.
    """

    latency_ms_max: int
    urgency_override: Decimal
    hold_ms: int
    spread_bps_max: int | None = None
    depth_cover_bps_min: int | None = None
    book_age_ms_max: int = 5_000

    def __post_init__(self) -> None:
        assert self.latency_ms_max > 0, self
        assert 0 < self.urgency_override <= 1, self
        assert self.hold_ms > 0, self
        assert self.spread_bps_max is None or self.spread_bps_max > 0, self
        assert self.depth_cover_bps_min is None or self.depth_cover_bps_min > 0, self
        assert self.book_age_ms_max > 0, self

    def needs_book(self, order: Order) -> bool:
        """Whether the order's book is judged: one that waits in the book crosses no spread."""
        is_judged = self.spread_bps_max is not None or self.depth_cover_bps_min is not None
        return is_judged and order.style == "take"


@dataclass(frozen=True, slots=True)
class Conditions:
    """The venue as it is now, and the book of the order's symbol where it was read.

    `latency_ms` None means that the venue does not answer: infinitely slow.
    """

    latency_ms: int | None
    book: Book | None = None


@dataclass(frozen=True, slots=True)
class GateOpen:
    """Conditions allow the order. Made only by `judge_conditions`; buys one SendPermit."""

    claim: Claim
    valid_until_ms: int


@dataclass(frozen=True, slots=True)
class GateHeld:
    """Not now; give the claim back and judge again after `retry_after_ms`."""

    claim: Claim
    reason: HoldReason
    detail: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class GateExpired:
    """The order outlived its time; record it as expired, the next cycle replans."""

    claim: Claim


def judge_conditions(
    claim: Claim, conditions: Conditions, policy: GatePolicy, *, now_ms: int
) -> GateOpen | GateHeld | GateExpired:
    """Judge one claimed order. An order at its `expires_at_ms` is expired, whatever its urgency.

    Args:
        claim: The order, and the right to it.
        conditions: The venue now, with the symbol's book where `policy.needs_book`.
        policy: What is good enough.
        now_ms: Epoch milliseconds.
    """
    order = claim.order
    if now_ms >= order.expires_at_ms:
        return GateExpired(claim)
    if why := explain_hold(conditions, policy, urgency=order.urgency):
        return GateHeld(claim, HoldReason.LATENCY, why, policy.hold_ms)
    if policy.needs_book(order) and (held := _judge_book(order, conditions, policy, now_ms)):
        reason, why = held
        return GateHeld(claim, reason, why, policy.hold_ms)
    return GateOpen(claim, valid_until_ms=min(order.expires_at_ms, claim.lease_until_ms))


def explain_hold(conditions: Conditions, policy: GatePolicy, *, urgency: Decimal) -> str | None:
    """Say why an order of this urgency must wait for a faster venue, or None when it need not."""
    if urgency >= policy.urgency_override:
        return None
    limit = f"limit {policy.latency_ms_max} ms, urgency {urgency:f} < {policy.urgency_override:f}"
    if conditions.latency_ms is None:
        return f"the venue does not answer ({limit})"
    if conditions.latency_ms > policy.latency_ms_max:
        return f"the venue answers in {conditions.latency_ms} ms ({limit})"
    return None


def _judge_book(
    order: Order, conditions: Conditions, policy: GatePolicy, now_ms: int
) -> tuple[HoldReason, str] | None:
    book = conditions.book
    if book is None:
        return HoldReason.NO_BOOK, f"the book of {order.symbol} cannot be read"
    assert book.symbol == order.symbol, (book.symbol, order.symbol)
    age_ms = now_ms - book.observed_at_ms
    if age_ms > policy.book_age_ms_max:
        limit = f"limit {policy.book_age_ms_max} ms"
        return HoldReason.NO_BOOK, f"the book of {order.symbol} is {age_ms} ms old ({limit})"
    if (widest := policy.spread_bps_max) is not None and (spread := spread_bps(book)) > widest:
        return HoldReason.SPREAD, f"the spread is {spread} bps (limit {widest} bps)"
    if (cover := policy.depth_cover_bps_min) is not None:
        depth = depth_base(book, order.side, worst_price_quote=order.limit_price_quote)
        need = bps_of(order.amount_base, cover)
        if depth < need:
            return HoldReason.DEPTH, (
                f"the book holds {plain(depth)} up to the limit price (needs {plain(need)}, "
                f"{cover / BPS_WHOLE:.0%} of the order)"
            )
    return None
