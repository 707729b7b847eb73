"""The steps that tests of an OrderQueue take again and again."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from rebalancer.gate import GateOpen
from rebalancer.money import ZERO
from rebalancer.orders import Order, PortfolioName, VenueName
from rebalancer.ports import OrderQueue
from rebalancer.queue import (
    Claim,
    Denied,
    InDoubt,
    NotNow,
    NotNowReason,
    Recovery,
    SendPermit,
    Tenure,
)
from rebalancer.risk import DenialReason, RiskLimits
from rebalancer.settlement import LedgerReceipt
from resources.rate_limit import RateLimit
from tests.factories import VENUE

Rates = Mapping[VenueName, RateLimit]
NOTHING = Recovery(maybe_sent=(), turnover_quote={})


def make_limits(**changes: Any) -> RiskLimits:
    fields: dict[str, Any] = {
        "order_quote_max": None,
        "cycle_share_bps_max": None,
        "turnover_quote_day_max": None,
        "open_orders_max": None,
        "collar_bps_max": 10_000,
        # The orders of tests are planned long before the true clock of the servers.
        "input_age_ms_max": 10**14,
    }
    return RiskLimits(**(fields | changes))


Limits = Mapping[PortfolioName, RiskLimits]
NAMES = ("core", "core 2", "cor", "other", "p0", "p1", "p2")
NO_CAPS: Limits = {PortfolioName(name): make_limits() for name in NAMES}


class QueueMaker(Protocol):
    """Makes an empty queue of a generation of its own, with these rates and caps."""

    def __call__(self, rates: Rates, limits: Limits = ...) -> OrderQueue: ...


FAST: Rates = {VENUE: RateLimit(1_000_000, burst=1_000_000)}
LEASE_MS = 60_000


def claim_order(queue: OrderQueue, tenure: Tenure, now_ms: int) -> Claim:
    """Claim what is known to be there and not in doubt."""
    claim = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    assert isinstance(claim, Claim), claim
    return claim


def claim_doubt(queue: OrderQueue, tenure: Tenure, now_ms: int) -> InDoubt:
    """Claim what is known to be in doubt."""
    doubt = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    assert isinstance(doubt, InDoubt), doubt
    return doubt


def open_gate(claim: Claim) -> GateOpen:
    return GateOpen(claim, valid_until_ms=claim.lease_until_ms)


def send(queue: OrderQueue, tenure: Tenure, now_ms: int) -> Claim:
    """Claim an order and get its permit."""
    claim = claim_order(queue, tenure, now_ms)
    assert isinstance(queue.permit(open_gate(claim)), SendPermit)
    return claim


def refusal_of(queue: OrderQueue, claim: Claim) -> NotNowReason | DenialReason:
    """Ask for a permit that is not given, and say why it is not."""
    answer = queue.permit(open_gate(claim))
    assert isinstance(answer, NotNow | Denied), answer
    assert answer.detail
    return answer.reason


def receipt_of(
    order: Order, successor: Order | None = None, *, paid_quote: Decimal = ZERO
) -> LedgerReceipt:
    return LedgerReceipt(order.client_order_id, successor, paid_quote, order.planned_at_ms)
