"""Open orders and turnover of a day: counted in the permit, whoever sends."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.errors import BadConfig
from rebalancer.money import ZERO
from rebalancer.orders import Order, PortfolioName
from rebalancer.ports import OrderQueue
from rebalancer.queue import Claim, Denied, NotNowReason, SendPermit, Tenure
from rebalancer.risk import DenialReason
from rebalancer.settlement import LateTrades
from tests.contract.order_queue.steps import (
    FAST,
    LEASE_MS,
    QueueMaker,
    claim_doubt,
    claim_order,
    make_limits,
    open_gate,
    receipt_of,
    refusal_of,
    send,
)
from tests.factories import PORTFOLIO, enqueue, make_order

WORTH = Decimal(50_000)
"""What an order of the factory may trade: 1 at 50,000."""
OTHER = PortfolioName("other")


def begin(queue_of: QueueMaker, **caps: object) -> tuple[OrderQueue, Tenure]:
    queue = queue_of(FAST, {PORTFOLIO: make_limits(**caps), OTHER: make_limits()})
    tenure = queue.open_tenure(0, owner="first", ttl_ms=60_000)
    assert tenure is not None
    return queue, tenure


def claim_all(queue: OrderQueue, tenure: Tenure, now_ms: int, orders: list[Order]) -> list[Claim]:
    enqueue(queue, orders)
    return [claim_order(queue, tenure, now_ms) for _ in orders]


def test_no_more_orders_are_open_than_may_be(queue_of: QueueMaker, now_ms: int) -> None:
    queue, tenure = begin(queue_of, open_orders_max=2)
    orders = [make_order("A"), make_order("B"), make_order("C"), make_order("D", portfolio=OTHER)]
    one, two, three, other = claim_all(queue, tenure, now_ms, orders)
    for claim in (one, two, other):
        assert isinstance(queue.permit(open_gate(claim)), SendPermit)
    assert refusal_of(queue, three) is NotNowReason.TOO_MANY_OPEN
    queue.return_unsent(two, retry_at_ms=now_ms + 1)
    assert isinstance(queue.permit(open_gate(three)), SendPermit)
    # Returned, it waits for its turn again: two are open as before.
    returned = claim_order(queue, tenure, now_ms + LEASE_MS // 2)
    assert refusal_of(queue, returned) is NotNowReason.TOO_MANY_OPEN


def test_an_order_in_doubt_is_open_until_it_has_ended(queue_of: QueueMaker, now_ms: int) -> None:
    queue, tenure = begin(queue_of, open_orders_max=1)
    sent, waiting = claim_all(queue, tenure, now_ms, [make_order("A"), make_order("B")])
    assert isinstance(queue.permit(open_gate(sent)), SendPermit)
    doubt = claim_doubt(queue, tenure, now_ms + LEASE_MS)
    queue.note_absent(doubt, retry_at_ms=now_ms + 2 * LEASE_MS)
    assert refusal_of(queue, waiting) is NotNowReason.TOO_MANY_OPEN
    queue.acknowledge(receipt_of(sent.order))
    assert isinstance(queue.permit(open_gate(waiting)), SendPermit)


def test_an_order_beyond_the_turnover_of_the_day_is_denied_and_stays_claimed(
    queue_of: QueueMaker, now_ms: int
) -> None:
    queue, tenure = begin(queue_of, turnover_quote_day_max=2 * WORTH)
    orders = [make_order(base) for base in ("A", "B", "C")]
    *allowed, beyond = claim_all(queue, tenure, now_ms, orders)
    for claim in allowed:
        assert isinstance(queue.permit(open_gate(claim)), SendPermit)
    answer = queue.permit(open_gate(beyond))
    assert isinstance(answer, Denied)
    assert (answer.order, answer.reason) == (beyond.order, DenialReason.TURNOVER_SPENT)
    assert "100000" in answer.detail
    queue.acknowledge(receipt_of(beyond.order))
    assert queue.turnover_quote(PORTFOLIO) == 2 * WORTH


def test_the_smallest_part_beyond_the_turnover_is_beyond_it(
    queue_of: QueueMaker, now_ms: int
) -> None:
    queue, tenure = begin(queue_of, turnover_quote_day_max=WORTH)
    more = Decimal("0.000000000000000001")
    beyond = make_order("A", worst_price_quote=WORTH + more)
    exactly = make_order("B", limit_price_quote=WORTH + more, worst_price_quote=WORTH)
    one, two = claim_all(queue, tenure, now_ms, [beyond, exactly])
    assert refusal_of(queue, one) is DenialReason.TURNOVER_SPENT
    assert isinstance(queue.permit(open_gate(two)), SendPermit)


def test_what_was_really_traded_takes_the_place_of_what_was_reserved(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    assert queue.turnover_quote(PORTFOLIO) == ZERO
    order = send(queue, tenure, now_ms).order
    assert queue.turnover_quote(PORTFOLIO) == WORTH
    receipt = receipt_of(order, paid_quote=Decimal("12345.6789012"))
    for _ in range(2):
        queue.acknowledge(receipt)
        # Rounded up: a part of a micro-unit counts as a whole one.
        assert queue.turnover_quote(PORTFOLIO) == Decimal("12345.678902")
    assert queue.turnover_quote(OTHER) == ZERO


def test_an_order_that_came_back_unsent_reserves_nothing(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = send(queue, tenure, now_ms)
    queue.return_unsent(claim, retry_at_ms=now_ms)
    assert queue.turnover_quote(PORTFOLIO) == ZERO
    send(queue, tenure, now_ms)
    assert queue.turnover_quote(PORTFOLIO) == WORTH


def test_an_order_beyond_every_number_that_is_exact_is_beyond_every_cap(
    queue_of: QueueMaker, now_ms: int
) -> None:
    queue, tenure = begin(queue_of, turnover_quote_day_max=Decimal(8_999_999_999))
    huge = make_order("A", amount_base=Decimal(10**20))
    small = make_order("B", portfolio=OTHER, amount_base=Decimal(10**20))
    one, two = claim_all(queue, tenure, now_ms, [huge, small])
    assert refusal_of(queue, one) is DenialReason.TURNOVER_SPENT
    assert isinstance(queue.permit(open_gate(two)), SendPermit)
    queue.acknowledge(receipt_of(two.order, paid_quote=Decimal(1)))
    # Nobody knows how far beyond the end it was, so it stays there until the day is over.
    assert queue.turnover_quote(OTHER) == Decimal(9_000_000_000)


def test_an_order_of_a_portfolio_without_settings_is_refused_by_name(
    queue_of: QueueMaker, now_ms: int
) -> None:
    queue, tenure = begin(queue_of)
    (claim,) = claim_all(queue, tenure, now_ms, [make_order(portfolio="gone")])
    with pytest.raises(BadConfig, match="gone"):
        queue.permit(open_gate(claim))
    assert queue.depth().in_doubt == 0


def test_what_an_order_traded_after_it_had_left_counts_against_the_day(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    order = send(queue, tenure, now_ms).order
    queue.acknowledge(receipt_of(order, paid_quote=Decimal(10)))
    late = replace(receipt_of(order), late=LateTrades(PORTFOLIO, Decimal(7)))
    queue.acknowledge(late)
    assert queue.turnover_quote(PORTFOLIO) == 17


def test_what_an_order_traded_late_counts_once_while_the_order_is_here(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    order = send(queue, tenure, now_ms).order
    late = LateTrades(PORTFOLIO, Decimal(7))
    queue.acknowledge(replace(receipt_of(order, paid_quote=Decimal(17)), late=late))
    assert queue.turnover_quote(PORTFOLIO) == 17
