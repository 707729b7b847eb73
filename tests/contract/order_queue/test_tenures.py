"""Who may drain: one owner a slot, and the later epoch always wins."""

import pytest

from rebalancer.errors import LeaseLost
from rebalancer.ports import OrderQueue
from rebalancer.queue import SendPermit, Tenure, TenureState
from tests.contract.order_queue.steps import (
    LEASE_MS,
    claim_doubt,
    claim_order,
    open_gate,
    receipt_of,
    send,
)
from tests.factories import enqueue, make_order


def open_again(queue: OrderQueue, owner: str = "first") -> Tenure:
    tenure = queue.open_tenure(0, owner=owner, ttl_ms=60_000)
    assert tenure is not None
    return tenure


def test_a_slot_has_one_owner_at_a_time(queue: OrderQueue) -> None:
    assert queue.tenure_state(0) == TenureState(0, is_held=False)
    assert queue.open_tenure(0, owner="first", ttl_ms=60_000) == Tenure(0, 1)
    assert queue.open_tenure(0, owner="second", ttl_ms=60_000) is None
    assert queue.open_tenure(1, owner="second", ttl_ms=60_000) == Tenure(1, 1)
    assert queue.tenure_state(0) == TenureState(1, is_held=True)


def test_an_owner_that_starts_again_gets_the_next_epoch(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    assert open_again(queue) == Tenure(0, 2)
    with pytest.raises(LeaseLost):
        queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)


def test_a_closed_slot_is_free_at_once_and_its_last_owner_may_do_nothing(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    queue.close_tenure(tenure)
    assert queue.tenure_state(0) == TenureState(1, is_held=False)
    with pytest.raises(LeaseLost):
        queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    with pytest.raises(LeaseLost):
        queue.renew_tenure(tenure, ttl_ms=60_000)
    assert open_again(queue, "second") == Tenure(0, 2)


def test_closing_a_lost_tenure_changes_nothing(queue: OrderQueue, tenure: Tenure) -> None:
    successor = open_again(queue)
    queue.close_tenure(tenure)
    queue.renew_tenure(successor, ttl_ms=60_000)
    assert queue.tenure_state(0) == TenureState(2, is_held=True)


def test_a_lost_tenure_cannot_be_renewed(queue: OrderQueue, tenure: Tenure) -> None:
    open_again(queue)
    with pytest.raises(LeaseLost):
        queue.renew_tenure(tenure, ttl_ms=60_000)


def test_a_slot_that_was_never_opened_lets_nobody_claim(queue: OrderQueue, now_ms: int) -> None:
    with pytest.raises(LeaseLost):
        queue.claim(Tenure(7, 1), now_ms=now_ms, lease_ms=LEASE_MS)


def test_a_claim_of_a_lost_tenure_gets_no_permit(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    successor = open_again(queue)
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(claim))
    assert send(queue, successor, now_ms + LEASE_MS).order == claim.order


def test_what_a_lost_tenure_has_sent_is_still_booked(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = send(queue, tenure, now_ms)
    open_again(queue)
    queue.acknowledge(receipt_of(claim.order))
    assert queue.depth().in_doubt == 0


def test_what_a_lost_tenure_has_sent_comes_to_the_next_as_in_doubt(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = send(queue, tenure, now_ms)
    successor = open_again(queue)
    claim_doubt(queue, successor, now_ms + LEASE_MS)
    with pytest.raises(LeaseLost):
        queue.return_unsent(claim, retry_at_ms=now_ms)
    assert queue.depth().in_doubt == 1


def test_two_slots_never_hold_the_same_order(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order("A"), make_order("B")])
    other = queue.open_tenure(1, owner="second", ttl_ms=60_000)
    assert other is not None
    mine, theirs = claim_order(queue, tenure, now_ms), claim_order(queue, other, now_ms)
    assert {mine.order.symbol.base, theirs.order.symbol.base} == {"A", "B"}
    assert isinstance(queue.permit(open_gate(mine)), SendPermit)
    assert isinstance(queue.permit(open_gate(theirs)), SendPermit)


def test_the_same_instant_in_another_slot_is_no_key_to_a_claim(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    other = queue.open_tenure(1, owner="second", ttl_ms=60_000)
    assert other is not None
    enqueue(queue, [make_order()])
    stale = claim_order(queue, tenure, now_ms)
    queue.release(stale, retry_at_ms=now_ms)
    current = claim_order(queue, other, now_ms)
    assert current.lease_until_ms == stale.lease_until_ms
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(stale))
