"""May this order go out now? Judged by its age, its urgency, and how slow the venue is."""

from dataclasses import dataclass
from decimal import Decimal

from rebalancer.queue import Claim


@dataclass(frozen=True, slots=True)
class GatePolicy:
    """The slowest world in which a planned price still means something."""

    latency_ms_max: int
    urgency_override: Decimal
    hold_ms: int

    def __post_init__(self) -> None:
        assert self.latency_ms_max > 0, self
        assert 0 < self.urgency_override <= 1, self
        assert self.hold_ms > 0, self


@dataclass(frozen=True, slots=True)
class Conditions:
    """The venue as it is now. `latency_ms` None means it does not answer: infinitely slow."""

    latency_ms: int | None


@dataclass(frozen=True, slots=True)
class GateOpen:
    """Conditions allow the order. Made only by `judge_conditions`; buys one SendPermit."""

    claim: Claim
    valid_until_ms: int


@dataclass(frozen=True, slots=True)
class GateHeld:
    """The venue is too slow; give the claim back and judge again after `retry_after_ms`."""

    claim: Claim
    reason: str
    retry_after_ms: int


@dataclass(frozen=True, slots=True)
class GateExpired:
    """The order outlived its time; record it as expired, the next cycle replans."""

    claim: Claim


def judge_conditions(
    claim: Claim, conditions: Conditions, policy: GatePolicy, *, now_ms: int
) -> GateOpen | GateHeld | GateExpired:
    """Judge one claimed order. An order at its `expires_at_ms` is expired, whatever its urgency."""
    order = claim.order
    if now_ms >= order.expires_at_ms:
        return GateExpired(claim)
    if why := explain_hold(conditions, policy, urgency=order.urgency):
        return GateHeld(claim, why, policy.hold_ms)
    return GateOpen(claim, valid_until_ms=min(order.expires_at_ms, claim.lease_until_ms))


def explain_hold(conditions: Conditions, policy: GatePolicy, *, urgency: Decimal) -> str | None:
    """Say why an order of this urgency must wait, or None when it may go."""
    if urgency >= policy.urgency_override:
        return None
    limit = f"limit {policy.latency_ms_max} ms, urgency {urgency:f} < {policy.urgency_override:f}"
    if conditions.latency_ms is None:
        return f"the venue does not answer ({limit})"
    if conditions.latency_ms > policy.latency_ms_max:
        return f"the venue answers in {conditions.latency_ms} ms ({limit})"
    return None
