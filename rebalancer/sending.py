"""The send step of the walk: claim; then gate, permit, submit, or the look-up of one in doubt."""

from dataclasses import replace
from typing import assert_never

from rebalancer.desk import Answered, Desk
from rebalancer.gate import GateExpired, GateHeld, GateOpen, judge_conditions
from rebalancer.queue import (
    CallKind,
    Claim,
    Claimed,
    Denied,
    InDoubt,
    NotNow,
    NotNowReason,
    Tenure,
)
from rebalancer.settlement import Expired

PERMIT_MS = 500
"""How soon an order must leave once it is permitted. Permits are spaced by the rate; orders that
were held up together on their way out would arrive together."""


async def claim_next(desk: Desk, tenure: Tenure, *, most: int) -> Claimed:
    """Take up to `most` orders out of the queue, each for `advance` to go on with.

    Raises:
        LeaseLost: the tenure has passed to another session.
        QueueLost: Redis has lost the queue. Recover it, then go on.
    """
    now_ms = desk.clock.now_ms()
    return await desk.line.claim(tenure, now_ms=now_ms, lease_ms=desk.lease_ms, most=most)


async def advance(desk: Desk, claim: Claim | InDoubt) -> Answered | GateHeld | NotNow:
    """Take a claimed order through the gate to the venue, or look up one left in doubt.

    Raises:
        LeaseLost: the tenure or the claim has passed to another session. Stop touching it.
        QueueLost: Redis has lost the queue. Recover it, then go on.
    """
    if isinstance(claim, InDoubt):
        return await _look_up(desk, claim)
    now_ms = desk.clock.now_ms()
    verdict = await _judge(desk, claim, now_ms)
    match verdict:
        case GateExpired():
            desk.queue.retire(claim)
            return Answered(claim, Expired(claim.order))
        case GateHeld(retry_after_ms=wait_ms):
            await desk.line.release(claim, retry_at_ms=now_ms + wait_ms)
            return verdict
        case GateOpen():
            return await _send(desk, verdict)
        case _:
            assert_never(verdict)


async def _look_up(desk: Desk, doubt: InDoubt) -> Answered | NotNow:
    order = doubt.order
    venue = desk.venue_of(order)
    if wait := desk.queue.spend(order.venue, CallKind.LOOK_UP):
        desk.queue.release(doubt, retry_at_ms=desk.clock.now_ms() + wait.retry_after_ms)
        return wait
    return Answered(doubt, await venue.look_up(order))


async def _judge(desk: Desk, claim: Claim, now_ms: int) -> GateOpen | GateHeld | GateExpired:
    order = claim.order
    if now_ms >= order.expires_at_ms:
        # Whatever became of its venue: an order that was never sent may always end.
        return GateExpired(claim)
    venue = desk.venue_of(order)
    conditions, policy = venue.conditions, desk.gates[order.venue]
    if policy.needs_book(order):
        place, age_ms_max = (order.venue, order.symbol), policy.book_age_ms_max
        book = await desk.books.fetch(
            venue, place, desk.queue, now_ms=now_ms, age_ms_max=age_ms_max
        )
        conditions = replace(conditions, book=book)
        now_ms = desk.clock.now_ms()
    return judge_conditions(claim, conditions, policy, now_ms=now_ms)


async def _send(desk: Desk, gate: GateOpen) -> Answered | NotNow:
    # Read before the question: an order whose permit was long on its way back is late as well.
    asked_at_ms = desk.clock.now_ms()
    permit = await desk.line.permit(gate)
    match permit:
        case NotNow(reason=NotNowReason.HALTED):
            # What was planned before a halt is not for after it: the next cycle plans afresh.
            desk.queue.retire(gate.claim)
            return Answered(gate.claim, Expired(gate.claim.order, permit.detail))
        case NotNow():
            retry_at_ms = desk.clock.now_ms() + permit.retry_after_ms
            await desk.line.release(gate.claim, retry_at_ms=retry_at_ms)
            return permit
        case Denied():
            desk.queue.retire(gate.claim)
            return Answered(gate.claim, permit)
    until_ms = min(permit.valid_until_ms, asked_at_ms + PERMIT_MS)
    prompt = replace(permit, valid_until_ms=until_ms)
    return Answered(gate.claim, await desk.venues[permit.order.venue].submit(prompt))
