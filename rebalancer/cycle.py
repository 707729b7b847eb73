"""The walk, in order: observe, decide, then send what was decided and book what became of it.

The only caller of the ports' trading methods. Each step takes what only the one before can make.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import assert_never

from rebalancer.balances import sanitize_balances
from rebalancer.drift import Drift, TargetWeights, measure_drift
from rebalancer.errors import BadConfig, BadData
from rebalancer.faults import Rejected
from rebalancer.gate import GateExpired, GateHeld, GateOpen, GatePolicy, judge_conditions
from rebalancer.money import ZERO, Asset, Symbol, exact
from rebalancer.orders import Order, VenueName, worst_cost_quote
from rebalancer.peg import PegPolicy, require_peg
from rebalancer.plan import Plan, PlanContext, RebalancePolicy, plan_orders
from rebalancer.ports import Clock, Ledger, OrderQueue, Venue
from rebalancer.precision import sanitize_rules
from rebalancer.queue import (
    ABSENCES_NEEDED,
    Claim,
    InDoubt,
    NotNow,
    QueueEmpty,
    Tenure,
)
from rebalancer.quotes import sanitize_tickers
from rebalancer.settlement import (
    Absent,
    Accepted,
    Expired,
    Fill,
    LookUp,
    NotFound,
    NotSent,
    OrderState,
    Outcome,
    Refused,
    Settlement,
    Submission,
    Unanswered,
    distinct_trades,
    settle,
)
from rebalancer.snapshot import Freshness, Snapshot, take_snapshot

BACKOFF_MS = (1_000, 2_000, 4_000, 8_000)
"""Wait before the 1st, 2nd, 3rd and every later try of an order that was provably not placed."""
UNSETTLED_RETRY_MS = 500


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything one drain session works with."""

    venues: Mapping[VenueName, Venue]
    gates: Mapping[VenueName, GatePolicy]
    queue: OrderQueue
    ledger: Ledger
    clock: Clock
    lease_ms: int

    def __post_init__(self) -> None:
        assert set(self.venues) == set(self.gates), self
        assert self.lease_ms > 0, self

    def venue_of(self, order: Order) -> Venue:
        """Where the order goes. Raises BadConfig for one of a venue that left the settings."""
        if order.venue not in self.venues:
            raise BadConfig(
                f"order {order.client_order_id} for {order.symbol} waits for venue "
                f"{order.venue!r}, which the settings do not name. Put [venues.{order.venue}] back "
                "until it has ended"
            )
        return self.venues[order.venue]


@dataclass(frozen=True, slots=True)
class Answered:
    """An order the venue was asked about, by sending it or by looking it up."""

    claim: Claim | InDoubt
    answer: Submission | LookUp | Expired


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Not over: the order waits to be tried, or looked up, again."""

    order: Order
    reason: str


async def observe(
    venue: Venue,
    clock: Clock,
    symbols: Collection[Symbol],
    *,
    cash: Asset,
    freshness: Freshness,
    peg: PegPolicy | None,
) -> Snapshot:
    """Read rules, tickers and balances once each, the longest-lived first, and join them.

    Raises:
        SkipCycle: something was stale, missing or unreadable. A rule or ticker that must not be
            used leaves its symbol without one, and the join refuses; a balance is refused here.
    """
    rules, _ = sanitize_rules(await venue.fetch_rules(symbols), symbols)
    watched = {*symbols, *([peg.reference] if peg else [])}
    quotes, _ = sanitize_tickers(await venue.fetch_tickers(watched), watched)
    require_peg(quotes, peg)
    balances, unreadable = sanitize_balances(await venue.fetch_balances())
    require_readable(unreadable)
    return take_snapshot(
        rules,
        quotes,
        balances,
        symbols=symbols,
        cash=cash,
        now_ms=clock.now_ms(),
        freshness=freshness,
    )


def require_readable(rejected: Collection[Rejected]) -> None:
    """Refuse an account with an unreadable balance: treated as zero, it would be bought again.

    Raises:
        BadData: naming each asset and what was wrong with it. Skip the cycle.
    """
    if rejected:
        rows = "; ".join(f"{row.subject}: {row.fault} ({row.detail})" for row in rejected)
        raise BadData(f"unreadable balance: {rows}")


def decide(
    snapshot: Snapshot, targets: TargetWeights, policy: RebalancePolicy, context: PlanContext
) -> tuple[tuple[Drift, ...], Plan]:
    """Measure drift, then plan orders. Pure: the same inputs give the same orders and ids."""
    drifts = measure_drift(snapshot, targets)
    return drifts, plan_orders(drifts, snapshot, policy, context)


async def queue_plan(plan: Plan, queue: OrderQueue, ledger: Ledger, *, now_ms: int) -> int:
    """Write the plan's orders to the books, then queue them. Returns how many were new.

    An order the queue refuses, because its symbol turned busy meanwhile, stays planned on the
    books; the next cycle plans afresh.
    """
    queueable = await ledger.record_planned(plan.orders, now_ms=now_ms)
    count = queue.enqueue(queueable)
    for portfolio in sorted({order.portfolio for order in queueable}):
        live = {order.client_order_id for order in queue.live_orders(portfolio)}
        for order in queueable:
            if order.client_order_id in live:
                await ledger.note(order, OrderState.QUEUED, detail=None, now_ms=now_ms)
    return count


async def send_next(desk: Desk, tenure: Tenure) -> Answered | GateHeld | NotNow | QueueEmpty:
    """Take one order through the gate to the venue, or look up one left in doubt.

    Raises:
        LeaseLost: the tenure or the claim has passed to another session. Stop touching it.
    """
    now_ms = desk.clock.now_ms()
    claim = desk.queue.claim(tenure, now_ms=now_ms, lease_ms=desk.lease_ms)
    match claim:
        case QueueEmpty():
            return claim
        case InDoubt(order=order):
            return Answered(claim, await desk.venue_of(order).look_up(order))
        case Claim():
            verdict = _judge(desk, claim, now_ms)
        case _:
            assert_never(claim)
    match verdict:
        case GateExpired():
            return Answered(claim, Expired(claim.order))
        case GateHeld(retry_after_ms=wait_ms):
            desk.queue.release(claim, retry_at_ms=now_ms + wait_ms)
            return verdict
        case GateOpen():
            return await _send(desk, verdict)
        case _:
            assert_never(verdict)


async def book(desk: Desk, answered: Answered) -> Settlement | Unsettled:
    """Fetch fills, settle, record, and only then acknowledge. Silence stays in doubt.

    Raises:
        VenueUnavailable: the fills could not be read; the order stays in doubt.
        BooksDisagree: venue and books contradict each other. Halt.
    """
    outcome = await _outcome_of(desk, answered)
    if isinstance(outcome, Unsettled):
        return outcome
    fills: tuple[Fill, ...] = ()
    if isinstance(outcome, Accepted) and outcome.filled_base > 0:
        venue = desk.venues[outcome.order.venue]
        fills = await venue.fetch_fills(outcome.order, outcome.venue_order_id)
        with exact():
            seen = sum((fill.amount_base for fill in distinct_trades(fills)), ZERO)
        if seen < outcome.filled_base:
            # Venues publish an order's total before its last trades: wait, never guess.
            return _look_again(desk, answered, f"{seen} of {outcome.filled_base} in trades so far")
    settlement = settle(outcome, fills)
    receipt = await desk.ledger.record(settlement, now_ms=desk.clock.now_ms())
    desk.queue.acknowledge(receipt)
    return settlement


def reserved_cash(under_way: Collection[Order], *, taker_fee_bps: int) -> dict[Symbol, Decimal]:
    """Cash that orders under way may still spend, by symbol; 0 for a sell."""
    reserved: dict[Symbol, Decimal] = {}
    for order in under_way:
        cost = (
            worst_cost_quote(
                order.side, order.amount_base, order.limit_price_quote, taker_fee_bps=taker_fee_bps
            )
            if order.side == "buy"
            else ZERO
        )
        with exact():
            reserved[order.symbol] = reserved.get(order.symbol, ZERO) + cost
    return reserved


def _judge(desk: Desk, claim: Claim, now_ms: int) -> GateOpen | GateHeld | GateExpired:
    if now_ms >= claim.order.expires_at_ms:
        # Whatever became of its venue: an order that was never sent may always end.
        return GateExpired(claim)
    conditions = desk.venue_of(claim.order).conditions
    return judge_conditions(claim, conditions, desk.gates[claim.order.venue], now_ms=now_ms)


async def _send(desk: Desk, gate: GateOpen) -> Answered | NotNow:
    permit = desk.queue.permit(gate)
    if isinstance(permit, NotNow):
        retry_at_ms = desk.clock.now_ms() + permit.retry_after_ms
        desk.queue.release(gate.claim, retry_at_ms=retry_at_ms)
        return permit
    venue = desk.venues[permit.order.venue]
    return Answered(gate.claim, await venue.submit(permit))


async def _outcome_of(desk: Desk, answered: Answered) -> Outcome | Unsettled:
    """Part the answers that end an order from those that leave it waiting or in doubt."""
    claim, answer = answered.claim, answered.answer
    now_ms = desk.clock.now_ms()
    match answer:
        case Refused() | Expired():
            return answer
        case Accepted(is_closed=is_closed):
            return answer if is_closed else _look_again(desk, answered, "still open at the venue")
        case NotSent(order=order, reason=reason, retry_after_ms=wait_ms):
            assert isinstance(claim, Claim), claim
            backoff_ms = BACKOFF_MS[min(claim.tries, len(BACKOFF_MS) - 1)]
            desk.queue.return_unsent(claim, retry_at_ms=now_ms + max(wait_ms, backoff_ms))
            return Unsettled(order, f"not sent: {reason}")
        case Unanswered(order=order, reason=reason):
            # The lease is left to run out: only then does the order come back, as in doubt.
            await desk.ledger.note(order, OrderState.IN_DOUBT, detail=reason, now_ms=now_ms)
            return Unsettled(order, f"no answer: {reason}")
        case Absent(order=order):
            assert isinstance(claim, InDoubt), claim
            if claim.absences + 1 >= ABSENCES_NEEDED:
                return NotFound(order)
            desk.queue.note_absent(claim, retry_at_ms=now_ms + desk.lease_ms)
            return Unsettled(order, "not found at the venue; looking once more")
        case _:
            assert_never(answer)


def _look_again(desk: Desk, answered: Answered, reason: str) -> Unsettled:
    retry_at_ms = desk.clock.now_ms() + UNSETTLED_RETRY_MS
    desk.queue.release(answered.claim, retry_at_ms=retry_at_ms)
    return Unsettled(answered.claim.order, reason)
