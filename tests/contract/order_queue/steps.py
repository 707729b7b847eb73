"""The steps that tests of an OrderQueue take again and again."""

from collections.abc import Callable, Mapping

from rebalancer.gate import GateOpen
from rebalancer.orders import Order, VenueName
from rebalancer.ports import OrderQueue
from rebalancer.queue import Claim, InDoubt, SendPermit, Tenure
from rebalancer.settlement import LedgerReceipt
from resources.rate_limit import RateLimit
from tests.factories import VENUE

Rates = Mapping[VenueName, RateLimit]
QueueMaker = Callable[[Rates], OrderQueue]

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


def receipt_of(order: Order, residual: Order | None = None) -> LedgerReceipt:
    return LedgerReceipt(order.client_order_id, residual, order.planned_at_ms)
