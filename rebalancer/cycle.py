"""The first half of the walk: observe, decide, and queue what was decided.

The second half is `sending` and `booking`. Each step takes what only the one before can make.
"""

from collections.abc import Collection
from decimal import Decimal

from rebalancer.balances import sanitize_balances
from rebalancer.depth import Book, read_book
from rebalancer.drift import Drift, TargetWeights, measure_drift
from rebalancer.errors import BadData, SkipCycle, VenueUnavailable
from rebalancer.faults import Rejected
from rebalancer.ledger import Ledger
from rebalancer.money import ZERO, Asset, Symbol, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import Order, worst_cost_quote
from rebalancer.peg import PegPolicy, require_peg
from rebalancer.plan import Plan, PlanContext, RebalancePolicy
from rebalancer.planning import plan_orders
from rebalancer.ports import Clock, OrderQueue, Venue
from rebalancer.precision import sanitize_rules
from rebalancer.queueing import hand_over
from rebalancer.quotes import sanitize_tickers
from rebalancer.snapshot import Freshness, Snapshot, take_snapshot

BOOK_LEVELS = 100
"""Levels of a book that count as visible. Venues charge more for more."""


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


async def fetch_books(
    venue: Venue, symbols: Collection[Symbol], *, levels: int = BOOK_LEVELS
) -> dict[Symbol, Book]:
    """Read order books; one that cannot be read or makes no sense is left out.

    Raises:
        VenueDenied: the venue rejects the key. A person is needed.
    """
    books: dict[Symbol, Book] = {}
    for symbol in symbols:
        try:
            book = read_book(await venue.fetch_book(symbol, levels=levels))
        except (VenueUnavailable, SkipCycle):
            continue
        if isinstance(book, Book):
            books[symbol] = book
    return books


def decide(
    snapshot: Snapshot, targets: TargetWeights, policy: RebalancePolicy, context: PlanContext
) -> tuple[tuple[Drift, ...], Plan]:
    """Measure drift, then plan orders. Pure: the same inputs give the same orders and ids."""
    drifts = measure_drift(snapshot, targets)
    return drifts, plan_orders(drifts, snapshot, policy, context)


async def queue_plan(
    plan: Plan, queue: OrderQueue, ledger: Ledger, *, by_hand: bool, now_ms: int
) -> int:
    """Write the plan's orders to the books, then queue them. Returns how many were new.

    An order the queue refuses, because its symbol turned busy meanwhile, ends as expired; the next
    cycle plans afresh.

    Args:
        plan: What was decided.
        queue: Takes the orders.
        ledger: Holds them first.
        by_hand: The orders wait for a person's approval instead; none is queued.
        now_ms: Epoch milliseconds.

    Raises:
        QueueLost: the queue must be recovered first. Nothing was written.
    """
    generation = None if by_hand else queue.generation()
    queueable = await ledger.record_planned(plan.orders, now_ms=now_ms)
    planned = OrderState.PLANNED
    if generation is None:
        waits = OrderState.AWAITING_APPROVAL
        await ledger.move(queueable, before=planned, after=waits, detail=None, now_ms=now_ms)
        return 0
    handed = await hand_over(
        queueable,
        queue,
        ledger,
        before=planned,
        generation=generation,
        detail=None,
        now_ms=now_ms,
    )
    return len(handed.queued)


def reserved_cash(under_way: Collection[Order], *, taker_fee_bps: int) -> dict[Symbol, Decimal]:
    """Cash that orders under way, and those that follow on their legs, may still spend.

    By symbol; 0 for a sell.
    """
    reserved: dict[Symbol, Decimal] = {}
    for order in under_way:
        with exact():
            whole = order.amount_base + order.leg_rest_base
            cost = (
                worst_cost_quote(
                    order.side, whole, order.worst_price_quote, taker_fee_bps=taker_fee_bps
                )
                if order.side == "buy"
                else ZERO
            )
            reserved[order.symbol] = reserved.get(order.symbol, ZERO) + cost
    return reserved
