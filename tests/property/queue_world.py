"""The small world of the queue machine: names, limits, orders, and how two answers are compared.

Two portfolios of few symbols, two cycles, two slots, two venues: small enough that orders meet and
collide.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from hypothesis import strategies as st

from rebalancer.controls import EVERYTHING, HaltKind, Scope, ScopeKind
from rebalancer.errors import LeaseLost, QueueLost
from rebalancer.money import to_decimal
from rebalancer.orders import Order, PortfolioName, VenueName
from rebalancer.ports import OrderQueue
from rebalancer.queue import CallKind, Denied, InDoubt, NotNow
from resources.rate_limit import RateLimit, RateWindow
from tests.contract.order_queue.steps import make_limits
from tests.factories import NOW_MS, VENUE, make_order

LEASE_MS = 600_000
HOUR_MS = 3_600_000
PORTFOLIOS = [PortfolioName("p"), PortfolioName("p q")]
VENUES = [VENUE, VenueName("other")]
TURNOVER_MAX = Decimal(120_000)
LIMITS = {
    PORTFOLIOS[0]: make_limits(open_orders_max=3, turnover_quote_day_max=TURNOVER_MAX),
    PORTFOLIOS[1]: make_limits(open_orders_max=2),
}
# So slow that nothing is earned while a test runs: what the bucket holds is all there is.
BUDGET = RateWindow(
    name="day",
    window_us=86_400_000_000,
    burst=9,
    refill=1,
    costs={CallKind.ORDER: 1, CallKind.LOOK_UP: 2, CallKind.CANCEL: 1},
    reserve=4,
)
WIDE = RateLimit(1_000_000, burst=1_000_000)
RATES = {VENUES[0]: WIDE, VENUES[1]: replace(WIDE, further=(BUDGET,))}

orders = st.builds(
    lambda base, side, cycle_id, portfolio, venue, urgency, age_ms, attempt, worst: make_order(
        base,
        side,
        cycle_id=cycle_id,
        portfolio=portfolio,
        venue=venue,
        urgency=to_decimal(urgency),
        planned_at_ms=NOW_MS + age_ms,
        attempt=attempt,
        worst_price_quote=to_decimal(worst),
    ),
    st.sampled_from(["A", "B", "C"]),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(PORTFOLIOS),
    st.sampled_from(VENUES),
    st.sampled_from(["0", "0.5", "0.500001", "1"]),
    st.sampled_from([0, 1]),
    st.integers(0, 2),
    st.sampled_from(["50000", "60000.0000001"]),
)
rests = st.sampled_from([0, 1, LEASE_MS, 2 * LEASE_MS])
paid_amounts = st.sampled_from([Decimal(0), Decimal("49999.9999999"), Decimal(90_000)])
scopes = st.sampled_from(
    [
        EVERYTHING,
        *(Scope(ScopeKind.VENUE, name) for name in VENUES),
        *(Scope(ScopeKind.PORTFOLIO, name) for name in PORTFOLIOS),
    ]
)
kinds = st.sampled_from(HaltKind)


def successor_of(order: Order) -> Order:
    return make_order(
        order.symbol.base,
        order.side,
        cycle_id=order.cycle_id,
        portfolio=order.portfolio,
        venue=order.venue,
        attempt=order.attempt + 1,
    )


def answer_of(step: Callable[[OrderQueue], object], queue: OrderQueue) -> object:
    """What a step gives; which words a refusal is put in may differ, and by a moment an instant."""
    try:
        answer = step(queue)
    except (LeaseLost, QueueLost) as refusal:
        return type(refusal)
    match answer:
        case NotNow(reason=reason):
            return NotNow, reason
        case Denied(order=order, reason=denial):
            return Denied, order, denial
        case InDoubt(order=order):
            return replace(answer, sent_at_ms=order.planned_at_ms)
    return answer
