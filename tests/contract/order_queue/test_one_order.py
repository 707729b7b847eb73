"""What every OrderQueue must do with one order. Run against the fake and against Redis alike."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.errors import LeaseLost
from rebalancer.money import ZERO
from rebalancer.orders import PortfolioName
from rebalancer.ports import OrderQueue
from rebalancer.queue import (
    Claim,
    InDoubt,
    NotNow,
    NotNowReason,
    QueueDepth,
    QueueEmpty,
    SendPermit,
    Tenure,
)
from resources.system_clock import SystemClock
from tests.contract.order_queue.steps import (
    LEASE_MS,
    claim_doubt,
    claim_order,
    open_gate,
    receipt_of,
    send,
)
from tests.factories import PORTFOLIO, enqueue, make_order


def test_an_empty_queue_says_so(queue: OrderQueue, tenure: Tenure, now_ms: int) -> None:
    assert queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS) == QueueEmpty()
    assert queue.depth() == QueueDepth(0, 0, ZERO, None)
    assert queue.live_orders(PORTFOLIO) == ()


def test_an_order_is_queued_once_however_often_it_is_sent(queue: OrderQueue) -> None:
    assert enqueue(queue, [make_order(), make_order(), make_order("ETH")]) == 2
    assert enqueue(queue, [make_order(), make_order("ETH")]) == 0
    assert queue.depth().waiting == 2


def test_nothing_is_queued_from_an_empty_list(queue: OrderQueue) -> None:
    assert enqueue(queue, []) == 0


def test_a_list_longer_than_one_step_is_queued_whole(queue: OrderQueue) -> None:
    orders = [make_order(f"S{number}") for number in range(250)]
    assert enqueue(queue, orders) == 250
    assert queue.depth().waiting == 250


def test_a_symbol_has_one_live_order_a_portfolio(queue: OrderQueue) -> None:
    assert enqueue(queue, [make_order(), make_order(cycle_id="c2")]) == 1
    assert enqueue(queue, [make_order(portfolio="other")]) == 1


def test_a_refused_order_may_come_again_when_the_symbol_is_free(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    later = make_order(cycle_id="c2")
    enqueue(queue, [make_order(), later])
    queue.acknowledge(receipt_of(send(queue, tenure, now_ms).order))
    assert enqueue(queue, [later]) == 1


def test_a_claim_is_exclusive_until_its_lease_ends(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = queue.claim(tenure, now_ms=now_ms, lease_ms=10)
    assert claim == Claim(make_order(), tenure, now_ms + 10, 0)
    empty = queue.claim(tenure, now_ms=now_ms + 9, lease_ms=10)
    assert empty == QueueEmpty(next_at_ms=now_ms + 10)
    again = queue.claim(tenure, now_ms=now_ms + 10, lease_ms=10)
    assert again == Claim(make_order(), tenure, now_ms + 20, 0)


def test_an_order_comes_back_to_the_digit(queue: OrderQueue, tenure: Tenure, now_ms: int) -> None:
    order = make_order(amount_base=Decimal("0.100"), drift_bps=Decimal("-1E+3"), urgency=ZERO)
    enqueue(queue, [order])
    claimed = claim_order(queue, tenure, now_ms).order
    assert claimed == order
    assert str(claimed.amount_base) == "0.100"
    assert str(claimed.drift_bps) == "-1E+3"


def test_a_permit_is_given_once(queue: OrderQueue, tenure: Tenure, now_ms: int) -> None:
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    assert queue.permit(open_gate(claim)) == SendPermit(make_order(), claim.lease_until_ms)
    for _ in range(2):
        with pytest.raises(LeaseLost):
            queue.permit(open_gate(claim))


def test_a_lost_claim_gets_no_permit_and_gives_nothing_back(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    stale = claim_order(queue, tenure, now_ms)
    current = claim_order(queue, tenure, now_ms + LEASE_MS)
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(stale))
    with pytest.raises(LeaseLost):
        queue.release(stale, retry_at_ms=now_ms)
    with pytest.raises(LeaseLost):
        queue.return_unsent(stale, retry_at_ms=now_ms)
    assert isinstance(queue.permit(open_gate(current)), SendPermit)


def test_a_verdict_that_ran_out_gets_no_permit_but_may_be_judged_again(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    late = queue.permit(replace(open_gate(claim), valid_until_ms=now_ms - 1))
    assert isinstance(late, NotNow)
    assert late.reason is NotNowReason.VERDICT_RAN_OUT
    assert late.retry_after_ms > 0
    assert isinstance(queue.permit(open_gate(claim)), SendPermit)


def test_a_lease_that_ran_out_gets_no_permit_even_if_nobody_took_the_order(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = queue.claim(tenure, now_ms=now_ms - LEASE_MS - 1, lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    late = queue.permit(replace(open_gate(claim), valid_until_ms=now_ms + LEASE_MS))
    assert isinstance(late, NotNow)


def test_a_sent_order_whose_lease_ends_is_in_doubt_and_is_never_permitted_again(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = send(queue, tenure, now_ms)
    later_ms = now_ms + LEASE_MS
    assert queue.claim(tenure, now_ms=later_ms - 1, lease_ms=1) == QueueEmpty(next_at_ms=later_ms)
    doubt = claim_doubt(queue, tenure, later_ms)
    until_ms, sent_at_ms = later_ms + LEASE_MS, doubt.sent_at_ms
    assert doubt == InDoubt(make_order(), tenure, until_ms, absences=0, sent_at_ms=sent_at_ms)
    assert now_ms - 1_000 <= sent_at_ms <= SystemClock().now_ms()
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(claim))
    posing = Claim(doubt.order, tenure, doubt.lease_until_ms, 0)
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(posing))


def test_an_order_in_doubt_comes_before_more_urgent_new_work(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order(urgency=Decimal("0.1"))])
    send(queue, tenure, now_ms)
    enqueue(queue, [make_order("ETH", urgency=Decimal(1))])
    assert claim_doubt(queue, tenure, now_ms + LEASE_MS).order == make_order(urgency=Decimal("0.1"))


def test_a_released_order_rests_until_its_time(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    queue.release(claim, retry_at_ms=now_ms + 500)
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(claim))
    early = queue.claim(tenure, now_ms=now_ms + 499, lease_ms=10)
    assert early == QueueEmpty(next_at_ms=now_ms + 500)
    assert claim_order(queue, tenure, now_ms + 500).tries == 0


def test_a_released_sent_order_stays_in_doubt(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    queue.release(send(queue, tenure, now_ms), retry_at_ms=now_ms + 5)
    doubt = claim_doubt(queue, tenure, now_ms + 5)
    queue.release(doubt, retry_at_ms=now_ms + 7)
    assert claim_doubt(queue, tenure, now_ms + 7).absences == 0


def test_an_unsent_order_is_returned_counted_and_permitted_anew(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    for tries in range(3):
        claim = claim_order(queue, tenure, now_ms + tries)
        assert claim.tries == tries
        assert isinstance(queue.permit(open_gate(claim)), SendPermit)
        queue.return_unsent(claim, retry_at_ms=now_ms + tries + 1)
        assert queue.depth().in_doubt == 0
    assert queue.depth().waiting == 1


def test_look_ups_that_found_nothing_are_counted(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    queue.release(send(queue, tenure, now_ms), retry_at_ms=now_ms)
    for absences in range(3):
        doubt = claim_doubt(queue, tenure, now_ms + absences)
        assert doubt.absences == absences
        queue.note_absent(doubt, retry_at_ms=now_ms + absences + 1)
        with pytest.raises(LeaseLost):
            queue.note_absent(doubt, retry_at_ms=now_ms)


def test_an_order_that_is_not_in_doubt_cannot_be_noted_absent(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    posing = InDoubt(claim.order, tenure, claim.lease_until_ms, absences=0, sent_at_ms=now_ms)
    with pytest.raises(LeaseLost):
        queue.note_absent(posing, retry_at_ms=now_ms)


def test_depth_counts_what_waits_and_what_is_in_doubt(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order(urgency=Decimal("0.9"), planned_at_ms=1_000)])
    enqueue(queue, [make_order("ETH", urgency=Decimal("0.25"), planned_at_ms=2_000)])
    assert queue.depth() == QueueDepth(2, 0, Decimal("0.9"), 1_000)
    claim = claim_order(queue, tenure, now_ms)
    assert queue.depth() == QueueDepth(2, 0, Decimal("0.9"), 1_000)
    queue.permit(open_gate(claim))
    assert queue.depth() == QueueDepth(1, 1, Decimal("0.25"), 2_000)
    queue.return_unsent(claim, retry_at_ms=now_ms)
    assert queue.depth() == QueueDepth(2, 0, Decimal("0.9"), 1_000)


def test_live_orders_are_those_of_one_portfolio_wherever_they_stand(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    sent, claimed, waiting = make_order("A"), make_order("B"), make_order("C")
    enqueue(queue, [sent, claimed, waiting])
    enqueue(queue, [make_order("A", portfolio="core 2"), make_order("A", portfolio="cor")])
    assert send(queue, tenure, now_ms).order == sent
    assert claim_order(queue, tenure, now_ms).order == claimed
    assert queue.live_orders(PORTFOLIO) == (sent, claimed, waiting)
    queue.acknowledge(receipt_of(sent))
    assert queue.live_orders(PORTFOLIO) == (claimed, waiting)
    assert queue.live_orders(PortfolioName("nobody")) == ()


def test_a_lease_that_ran_out_is_no_key_even_while_the_order_waits_for_another(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    calm, urgent = make_order("A", urgency=ZERO), make_order("B", urgency=Decimal(1))
    enqueue(queue, [calm])
    stale = claim_order(queue, tenure, now_ms)
    enqueue(queue, [urgent])
    assert claim_order(queue, tenure, now_ms + LEASE_MS).order == urgent
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(stale))
    assert queue.depth().in_doubt == 0
