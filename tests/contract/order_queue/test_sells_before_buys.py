"""No buy of a cycle and portfolio goes out while a sell of the two is unsettled."""

from decimal import Decimal

import pytest

from rebalancer.orders import Order
from rebalancer.ports import OrderQueue
from rebalancer.queue import NotNowReason, QueueEmpty, SendPermit, Tenure
from tests.contract.order_queue.steps import (
    LEASE_MS,
    claim_doubt,
    claim_order,
    open_gate,
    receipt_of,
    refusal_of,
    send,
)
from tests.factories import enqueue, make_order

CALM, URGENT = Decimal("0.1"), Decimal("0.9")


def is_silent(queue: OrderQueue, tenure: Tenure, now_ms: int) -> bool:
    return isinstance(queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS), QueueEmpty)


def successor_of(order: Order) -> Order:
    return make_order(order.symbol.base, order.side, attempt=order.attempt + 1)


@pytest.mark.parametrize("buys_first", [True, False])
def test_a_buy_waits_until_the_sell_of_its_cycle_is_settled(
    queue: OrderQueue, tenure: Tenure, now_ms: int, buys_first: bool
) -> None:
    buy, sell = make_order("BTC", urgency=URGENT), make_order("ETH", "sell", urgency=CALM)
    enqueue(queue, [buy, sell] if buys_first else [sell, buy])
    claim = claim_order(queue, tenure, now_ms)
    assert claim.order == sell
    assert is_silent(queue, tenure, now_ms)
    assert isinstance(queue.permit(open_gate(claim)), SendPermit)
    assert is_silent(queue, tenure, now_ms)
    assert queue.depth().waiting == 1
    queue.acknowledge(receipt_of(sell))
    assert claim_order(queue, tenure, now_ms).order == buy


def test_a_buy_waits_while_a_sell_is_in_doubt(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    sell = make_order("ETH", "sell")
    enqueue(queue, [sell, make_order("BTC")])
    send(queue, tenure, now_ms)
    claim_doubt(queue, tenure, now_ms + LEASE_MS)
    assert is_silent(queue, tenure, now_ms + LEASE_MS)
    queue.acknowledge(receipt_of(sell))
    assert claim_order(queue, tenure, now_ms + LEASE_MS).order.side == "buy"


def test_every_sell_must_be_settled_and_then_the_most_urgent_buy_comes_first(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    sells = [make_order(base, "sell") for base in ("A", "B", "C")]
    buys = [make_order("X", urgency=CALM), make_order("Y", urgency=URGENT)]
    enqueue(queue, [*sells, *buys])
    for sell in sells:
        assert send(queue, tenure, now_ms).order == sell
    assert is_silent(queue, tenure, now_ms)
    for sell in reversed(sells):
        assert is_silent(queue, tenure, now_ms)
        queue.acknowledge(receipt_of(sell))
    assert [claim_order(queue, tenure, now_ms).order for _ in buys] == [buys[1], buys[0]]


def test_buys_of_other_cycles_and_portfolios_do_not_wait(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    sell = make_order("ETH", "sell", urgency=URGENT)
    others = [make_order("BTC", cycle_id="c2"), make_order("BTC", portfolio="other")]
    enqueue(queue, [sell, *others])
    send(queue, tenure, now_ms)
    assert [claim_order(queue, tenure, now_ms).order for _ in others] == others


def test_a_successor_takes_over_its_symbol_in_the_same_step(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    order = send(queue, tenure, now_ms).order
    queue.acknowledge(receipt_of(order, successor_of(order)))
    assert enqueue(queue, [make_order(cycle_id="c2")]) == 0
    assert queue.live_orders(order.portfolio) == (successor_of(order),)
    assert claim_order(queue, tenure, now_ms).order == successor_of(order)


def test_a_sells_successor_keeps_the_buys_waiting(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order("ETH", "sell"), make_order("BTC")])
    sell = send(queue, tenure, now_ms).order
    queue.acknowledge(receipt_of(sell, successor_of(sell)))
    assert send(queue, tenure, now_ms).order == successor_of(sell)
    assert is_silent(queue, tenure, now_ms)
    queue.acknowledge(receipt_of(successor_of(sell)))
    assert claim_order(queue, tenure, now_ms).order.side == "buy"


def test_acknowledging_again_changes_nothing(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order("ETH", "sell"), make_order("SOL", "sell"), make_order("BTC")])
    sell = send(queue, tenure, now_ms).order
    receipt = receipt_of(sell, successor_of(sell))
    for _ in range(3):
        queue.acknowledge(receipt)
    assert queue.depth().waiting == 3
    queue.acknowledge(receipt_of(successor_of(sell)))
    queue.acknowledge(receipt)
    assert queue.depth().waiting == 2
    assert send(queue, tenure, now_ms).order == make_order("SOL", "sell")
    assert is_silent(queue, tenure, now_ms)


def test_an_acknowledged_id_is_never_queued_again(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    queue.acknowledge(receipt_of(send(queue, tenure, now_ms).order))
    assert enqueue(queue, [make_order()]) == 0
    assert is_silent(queue, tenure, now_ms)


def test_an_order_that_was_never_sent_may_be_acknowledged(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order("ETH", "sell"), make_order("BTC"), make_order("SOL")])
    queue.acknowledge(receipt_of(make_order("BTC")))
    claim = claim_order(queue, tenure, now_ms)
    queue.acknowledge(receipt_of(claim.order))
    assert claim_order(queue, tenure, now_ms).order == make_order("SOL")
    assert is_silent(queue, tenure, now_ms)
    assert queue.depth().waiting == 1


def test_a_sell_that_comes_late_stops_a_claimed_buy_at_its_permit(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order("BTC"), make_order("SOL")])
    buy = claim_order(queue, tenure, now_ms)
    sell = make_order("ETH", "sell", urgency=CALM)
    enqueue(queue, [sell])
    assert refusal_of(queue, buy) is NotNowReason.SELLS_FIRST
    queue.release(buy, retry_at_ms=now_ms)
    assert send(queue, tenure, now_ms).order == sell
    assert is_silent(queue, tenure, now_ms)
    queue.acknowledge(receipt_of(sell))
    assert {claim_order(queue, tenure, now_ms).order.symbol.base for _ in range(2)} == {
        "BTC",
        "SOL",
    }


def test_more_buys_than_one_step_moves_all_wake_in_order_of_urgency(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    sell = make_order("ETH", "sell")
    buys = [make_order(f"B{rank}", urgency=Decimal(rank) / 1000) for rank in range(250)]
    enqueue(queue, [sell, *buys])
    queue.acknowledge(receipt_of(send(queue, tenure, now_ms).order))
    claimed = [claim_order(queue, tenure, now_ms).order for _ in buys]
    assert claimed == buys[::-1]
    assert is_silent(queue, tenure, now_ms)


def test_more_blocked_buys_than_one_step_moves_hide_nothing_for_good(
    queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    buys = [make_order(f"B{rank}", urgency=URGENT) for rank in range(250)]
    sell = make_order("ETH", "sell", urgency=CALM)
    enqueue(queue, [*buys, sell])
    for _ in range(4):
        claim = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
        if not isinstance(claim, QueueEmpty):
            break
        assert claim.next_at_ms == now_ms
    assert not isinstance(claim, QueueEmpty)
    assert claim.order == sell
