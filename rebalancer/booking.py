"""The booking step of the walk: what an answer means, on the books, then out of the queue.

Record before you acknowledge. A halt that follows from an end comes in between: while it is not in
force, the order is not gone.
"""

import hashlib
from decimal import Decimal
from typing import assert_never

from rebalancer.desk import Answered, Desk, Unsettled
from rebalancer.errors import BooksDisagree, SkipCycle, VenueDenied, VenueUnavailable
from rebalancer.halting import denial_of, freeze_of, impose_halt
from rebalancer.money import ZERO, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.precision import sanitize_rules
from rebalancer.queue import ABSENCES_NEEDED, CallKind, Claim, Denied, InDoubt
from rebalancer.queueing import hand_on
from rebalancer.settlement import (
    Absent,
    Accepted,
    Expired,
    Fill,
    LedgerReceipt,
    NotFound,
    NotSent,
    Outcome,
    RefusalKind,
    Refused,
    Settlement,
    Unanswered,
    distinct_trades,
    settle,
)

BACKOFF_MS = (1_000, 2_000, 4_000, 8_000)
"""The most to wait before the 1st, 2nd, 3rd and every later try of an order that was not placed."""
LOOK_AGAIN_MS = 500
LOOK_AGAIN_MS_MAX = 60_000
REST_LOOK_MS = 2_000
"""How often an order that rests is asked about: each look-up takes from the rate budget."""
OPEN_TAKE_MS = 5_000
"""How long an order that should end at once may stand at the venue before it is taken back."""
FROZEN_LOOK_MS = 60_000
"""How long an order waits to be looked up again when books and venue disagree about it."""


async def book(desk: Desk, answered: Answered) -> Settlement | Unsettled:
    """Fetch fills, settle, record, and only then acknowledge. Silence stays in doubt.

    Books and venue that disagree freeze the portfolio; the order keeps its place and its money.

    Raises:
        VenueUnavailable: the fills could not be read; the order stays in doubt.
    """
    outcome = await _outcome_of(desk, answered)
    if isinstance(outcome, Unsettled):
        return outcome
    try:
        settled = await _settle(desk, answered, outcome)
    except BooksDisagree as disagreement:
        return await _freeze(desk, answered, str(disagreement))
    if isinstance(settled, Unsettled):
        return settled
    settlement, receipt = settled
    await _halt_where_needed(desk, settlement, receipt)
    await hand_on(receipt, desk.line, desk.ledger, now_ms=desk.clock.now_ms())
    if isinstance(settlement.outcome, Refused) and settlement.outcome.kind is RefusalKind.RULES:
        await refresh_rules(desk, settlement.order)
    return settlement


def backoff_ms(order: Order, tries: int) -> int:
    """Wait before the next try: anything up to the step, so that many do not come at once.

    Full jitter, drawn from the order's own id and count: spread like chance, and repeatable.
    """
    step_ms = BACKOFF_MS[min(tries, len(BACKOFF_MS) - 1)]
    drawn = hashlib.blake2b(f"{order.client_order_id}:{tries}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) % (step_ms + 1)


async def _settle(
    desk: Desk, answered: Answered, outcome: Outcome
) -> tuple[Settlement, LedgerReceipt] | Unsettled:
    fills: tuple[Fill, ...] = ()
    if isinstance(outcome, Accepted) and outcome.filled_base > 0:
        fills = outcome.fills
        if _sum_of(fills) != outcome.filled_base:
            venue = desk.venue_of(outcome.order)
            fills = await venue.fetch_fills(outcome.order, outcome.venue_order_id)
        if (seen := _sum_of(fills)) < outcome.filled_base:
            # Venues publish an order's total before its last trades: wait, never guess.
            return _look_again(desk, answered, f"{seen} of {outcome.filled_base} in trades so far")
    settlement = settle(outcome, fills)
    return settlement, await desk.ledger.record(settlement, now_ms=desk.clock.now_ms())


def _sum_of(fills: tuple[Fill, ...]) -> Decimal:
    with exact():
        return sum((fill.amount_base for fill in distinct_trades(fills)), ZERO)


async def _outcome_of(desk: Desk, answered: Answered) -> Outcome | Unsettled:
    """Part the answers that end an order from those that leave it waiting or in doubt."""
    claim, answer = answered.claim, answered.answer
    now_ms = desk.clock.now_ms()
    match answer:
        case Refused() | Expired() | Denied():
            return answer
        case Accepted(is_closed=is_closed):
            return answer if is_closed else await _attend(desk, answered, answer)
        case NotSent():
            assert isinstance(claim, Claim), claim
            return _return_unsent(desk, claim, answer)
        case Unanswered(order=order, reason=reason, rate_limit_ms=closed_ms):
            if closed_ms > 0:
                desk.queue.close_tap(order.venue, for_ms=closed_ms)
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


def _return_unsent(desk: Desk, claim: Claim, answer: NotSent) -> Unsettled:
    order, now_ms = answer.order, desk.clock.now_ms()
    if answer.is_rate_limit and answer.retry_after_ms > 0:
        desk.queue.close_tap(order.venue, for_ms=answer.retry_after_ms)
    retry_at_ms = now_ms + max(answer.retry_after_ms, backoff_ms(order, claim.tries))
    # At its end it is claimed once more, to be booked as expired.
    desk.queue.return_unsent(claim, retry_at_ms=min(retry_at_ms, order.expires_at_ms))
    return Unsettled(order, f"not sent: {answer.reason}")


async def _attend(desk: Desk, answered: Answered, accepted: Accepted) -> Unsettled:
    """See to an order that stands at the venue: let it rest, or take it back when its time is up.

    What became of it after a cancel is for the next look-up to tell, never for the cancel.
    """
    order, claim, now_ms = accepted.order, answered.claim, desk.clock.now_ms()
    rest_ms = desk.post_ms[order.venue] if order.style == "post" else OPEN_TAKE_MS
    sent_at_ms = claim.sent_at_ms if isinstance(claim, InDoubt) else now_ms
    await desk.ledger.note(order, OrderState.OPEN, detail=None, now_ms=now_ms)
    is_halted = any(halt.scope.covers(order) for halt in desk.controls.halts())
    left_ms = rest_ms - (now_ms - sent_at_ms)
    if left_ms > 0 and not is_halted:
        return _look_again(desk, answered, "rests at the venue", in_ms=min(left_ms, REST_LOOK_MS))
    if desk.queue.spend(order.venue, CallKind.CANCEL):
        return _look_again(desk, answered, "to be cancelled when the venue's rate allows")
    await desk.venue_of(order).cancel(order, accepted.venue_order_id)
    return _look_again(desk, answered, "cancelled; its end is asked for")


def _look_again(
    desk: Desk, answered: Answered, reason: str, *, in_ms: int = LOOK_AGAIN_MS
) -> Unsettled:
    """Give the order back until it is looked up; the longer it has been out, the later."""
    claim, now_ms = answered.claim, desk.clock.now_ms()
    out_ms = max(0, now_ms - claim.sent_at_ms) if isinstance(claim, InDoubt) else 0
    wait_ms = min(max(in_ms, out_ms // 8), LOOK_AGAIN_MS_MAX)
    desk.queue.release(claim, retry_at_ms=now_ms + wait_ms)
    return Unsettled(claim.order, reason)


async def _freeze(desk: Desk, answered: Answered, reason: str) -> Unsettled:
    order, now_ms = answered.claim.order, desk.clock.now_ms()
    halt = freeze_of(order.portfolio, reason, now_ms=now_ms)
    await impose_halt(halt, controls=desk.controls, ledger=desk.ledger, alarm=desk.alarm)
    desk.queue.release(answered.claim, retry_at_ms=now_ms + FROZEN_LOOK_MS)
    return Unsettled(order, f"frozen: {reason}")


async def _halt_where_needed(desk: Desk, settlement: Settlement, receipt: LedgerReceipt) -> None:
    order, outcome, now_ms = settlement.order, settlement.outcome, desk.clock.now_ms()
    halt = None
    if receipt.contradiction:
        halt = freeze_of(order.portfolio, receipt.contradiction, now_ms=now_ms)
    elif isinstance(outcome, Refused) and outcome.kind is RefusalKind.DENIED:
        halt = denial_of(order.venue, outcome.reason, now_ms=now_ms)
    if halt is not None:
        await impose_halt(halt, controls=desk.controls, ledger=desk.ledger, alarm=desk.alarm)


async def refresh_rules(desk: Desk, order: Order) -> None:
    """Read the rules of an order's symbol again, so that the next cycle plans by today's."""
    try:
        raw = await desk.venue_of(order).fetch_rules([order.symbol])
    except (VenueUnavailable, VenueDenied, SkipCycle):
        return  # The daily reading, or the next refusal, brings them.
    rules, _ = sanitize_rules(raw, [order.symbol])
    now_ms = desk.clock.now_ms()
    await desk.ledger.record_rules(order.venue, tuple(rules.values()), now_ms=now_ms)
