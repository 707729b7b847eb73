"""A queue that lost its data: it says so, and comes back with every order in doubt."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.errors import LeaseLost, QueueLost
from rebalancer.money import ZERO
from rebalancer.orders import ClientOrderId, PortfolioName
from rebalancer.ports import OrderQueue
from rebalancer.queue import Claim, InDoubt, QueueEmpty, Recovery, Stage, Tenure
from resources.redis_connection import open_redis
from tests.contract.order_queue.servers import QueueServer, RedisServer
from tests.contract.order_queue.steps import (
    LEASE_MS,
    NOTHING,
    claim_doubt,
    claim_order,
    open_gate,
    receipt_of,
    send,
)
from tests.factories import NOW_MS, PORTFOLIO, enqueue, make_order

WORTH = Decimal(50_000)
OTHER = PortfolioName("other")


def open_slot(queue: OrderQueue) -> Tenure:
    tenure = queue.open_tenure(0, owner="first", ttl_ms=60_000)
    assert tenure is not None
    return tenure


def take_doubts(queue: OrderQueue, tenure: Tenure, now_ms: int) -> list[InDoubt]:
    """Claim until the queue is empty; everything must be in doubt."""
    doubts = []
    while not isinstance(
        claim := queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS), QueueEmpty
    ):
        assert isinstance(claim, InDoubt), claim
        doubts.append(claim)
    return doubts


def test_a_new_queue_is_lost_until_it_is_recovered(server: QueueServer, now_ms: int) -> None:
    queue = server.connect()
    tenure = open_slot(queue)
    assert queue.is_lost()
    for step in (
        lambda: enqueue(queue, []),
        lambda: enqueue(queue, [make_order()]),
        lambda: queue.claim(tenure, now_ms=now_ms, lease_ms=1),
        lambda: queue.live_orders(PORTFOLIO),
    ):
        with pytest.raises(QueueLost):
            step()
    assert queue.recover(NOTHING) == 0
    assert not queue.is_lost()
    assert enqueue(queue, [make_order()]) == 1
    assert claim_order(queue, tenure, now_ms).order == make_order()


def test_orders_let_through_by_the_books_before_a_loss_are_not_queued_after_it(
    server: QueueServer, now_ms: int
) -> None:
    queue = server.connect()
    queue.recover(NOTHING)
    before = queue.generation()
    assert queue.enqueue([make_order()], generation=before) == {make_order().client_order_id}
    send(queue, open_slot(queue), now_ms)
    queue.acknowledge(receipt_of(make_order()))
    server.wipe()
    queue = server.connect()
    for step in (queue.generation, lambda: queue.enqueue([make_order()], generation=before)):
        with pytest.raises(QueueLost):
            step()
    queue.recover(NOTHING)
    assert queue.generation() != before
    for orders in ([make_order()], []):
        with pytest.raises(QueueLost):
            queue.enqueue(orders, generation=before)
    assert queue.depth().waiting == 0


def test_the_message_names_the_server_and_the_cure(redis_url: str) -> None:
    with open_redis(redis_url) as client, pytest.raises(QueueLost, match=r"127.*trimtab drain"):
        enqueue(RedisServer(client).connect(), [make_order()])


def test_what_was_sent_before_the_loss_gets_no_permit_after_it(
    server: QueueServer, now_ms: int
) -> None:
    queue = server.connect()
    queue.recover(NOTHING)
    enqueue(queue, [make_order("A"), make_order("B")])
    tenure = open_slot(queue)
    send(queue, tenure, now_ms)
    claim = claim_order(queue, tenure, now_ms)
    server.wipe()
    queue = server.connect()
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(claim))
    tenure = open_slot(queue)
    assert queue.recover(Recovery((make_order("A"), make_order("B")), {})) == 2
    with pytest.raises(LeaseLost):
        queue.permit(open_gate(claim))
    doubts = take_doubts(queue, tenure, now_ms)
    assert {doubt.order.symbol.base for doubt in doubts} == {"A", "B"}
    for doubt in doubts:
        posing = Claim(doubt.order, tenure, doubt.lease_until_ms, tries=0)
        with pytest.raises(LeaseLost):
            queue.permit(open_gate(posing))


def test_a_recovered_order_is_due_at_once_and_may_have_been_sent_since_it_was_planned(
    server: QueueServer,
) -> None:
    queue = server.connect()
    queue.recover(Recovery((make_order(planned_at_ms=77),), {}))
    doubt = claim_doubt(queue, open_slot(queue), now_ms=0)
    assert (doubt.absences, doubt.sent_at_ms) == (0, 77)
    queue.release(doubt, retry_at_ms=5)
    assert claim_doubt(queue, open_slot(queue), now_ms=5).sent_at_ms == 77


def test_several_orders_of_one_symbol_all_come_back_and_hold_it_until_the_last_has_ended(
    server: QueueServer, now_ms: int
) -> None:
    queue = server.connect()
    both = (make_order(), make_order(cycle_id="c2"))
    assert queue.recover(Recovery(both, {})) == 2
    assert set(queue.live_orders(PORTFOLIO)) == set(both)
    tenure = open_slot(queue)
    assert {doubt.order for doubt in take_doubts(queue, tenure, now_ms)} == set(both)
    later = make_order(cycle_id="c3")
    queue.acknowledge(receipt_of(both[0], replace(later, client_order_id=ClientOrderId("s"))))
    assert enqueue(queue, [later]) == 0
    assert queue.live_orders(PORTFOLIO) == (both[1],)
    queue.acknowledge(receipt_of(both[1]))
    assert enqueue(queue, [later]) == 1


def test_buys_wait_for_sells_that_came_back(server: QueueServer, now_ms: int) -> None:
    queue = server.connect()
    sells = (make_order("A", "sell"), make_order("A", "sell", attempt=1))
    queue.recover(Recovery(sells, {}))
    enqueue(queue, [make_order("B")])
    tenure = open_slot(queue)
    assert len(take_doubts(queue, tenure, now_ms)) == 2
    queue.acknowledge(receipt_of(sells[0]))
    assert take_doubts(queue, tenure, now_ms) == []
    queue.acknowledge(receipt_of(sells[1]))
    assert claim_order(queue, tenure, now_ms).order == make_order("B")


def test_recovering_what_is_known_changes_nothing(queue: OrderQueue, now_ms: int) -> None:
    tenure = open_slot(queue)
    enqueue(queue, [make_order("A"), make_order("B"), make_order("C")])
    gone, sent = send(queue, tenure, now_ms), send(queue, tenure, now_ms)
    queue.acknowledge(receipt_of(gone.order, paid_quote=Decimal(7)))
    before = queue.depth(), queue.turnover_quote(PORTFOLIO)
    books = Recovery(
        tuple(make_order(base) for base in ("A", "B", "C")), {PORTFOLIO: Decimal(1_000)}
    )
    assert queue.recover(books) == 0
    assert (queue.depth(), queue.turnover_quote(PORTFOLIO)) == before
    assert queue.stages([order.client_order_id for order in books.maybe_sent]) == {
        sent.order.client_order_id: Stage.SENT,
        make_order("C").client_order_id: Stage.WAITING,
    }


def test_an_order_the_queue_never_had_is_added_even_when_nothing_was_lost(
    queue: OrderQueue, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    stray = make_order(cycle_id="c2")
    books = Recovery((stray,), {PORTFOLIO: Decimal(1_000)})
    assert queue.recover(books) == 1
    assert claim_doubt(queue, open_slot(queue), now_ms).order == stray
    # The day's turnover is counted here already: only a queue that begins takes it from the books.
    assert queue.turnover_quote(PORTFOLIO) == WORTH


def test_turnover_is_what_the_books_say_and_what_may_trade_yet(server: QueueServer) -> None:
    queue = server.connect()
    books = Recovery((make_order(),), {PORTFOLIO: Decimal("1.5"), OTHER: Decimal("0.0000001")})
    for _ in range(2):
        queue.recover(books)
        assert queue.turnover_quote(PORTFOLIO) == WORTH + Decimal("1.5")
        assert queue.turnover_quote(OTHER) == Decimal("0.000001")
    queue.acknowledge(receipt_of(make_order(), paid_quote=Decimal(3)))
    assert queue.turnover_quote(PORTFOLIO) == Decimal("4.5")


def test_an_order_that_ended_while_the_queue_was_lost_stays_gone(
    server: QueueServer,
) -> None:
    queue = server.connect()
    queue.acknowledge(receipt_of(make_order()))
    assert queue.recover(Recovery((make_order(),), {})) == 0
    assert queue.depth().in_doubt == 0


def test_what_ended_while_the_books_were_read_counts_whole(server: QueueServer) -> None:
    queue = server.connect()
    queue.acknowledge(receipt_of(make_order(), paid_quote=Decimal(3)))
    for _ in range(2):
        queue.recover(Recovery((make_order(),), {PORTFOLIO: Decimal("1.5")}))
        assert queue.turnover_quote(PORTFOLIO) == WORTH + Decimal("1.5")


def test_a_successor_of_an_end_the_queue_never_heard_of_is_in_doubt(
    server: QueueServer, now_ms: int
) -> None:
    queue = server.connect()
    successor = make_order(attempt=1)
    for _ in range(2):
        queue.acknowledge(receipt_of(make_order(), successor))
        assert queue.recover(NOTHING) == 0
    assert claim_doubt(queue, open_slot(queue), now_ms).order == successor
    queue.acknowledge(receipt_of(successor))
    queue.acknowledge(receipt_of(make_order(), successor))
    assert queue.depth().in_doubt == 0


def test_stages_tells_only_of_orders_that_are_live(queue: OrderQueue, now_ms: int) -> None:
    orders = [make_order(f"S{number}") for number in range(150)]
    enqueue(queue, orders)
    ids = [order.client_order_id for order in orders]
    assert queue.stages([]) == {}
    assert queue.stages([*ids, ClientOrderId("nobody")]) == dict.fromkeys(ids, Stage.WAITING)
    assert send(queue, open_slot(queue), now_ms).order == orders[0]
    assert queue.stages(ids[:1]) == {ids[0]: Stage.SENT}


def test_more_orders_than_one_step_moves_come_back_whole(server: QueueServer) -> None:
    queue = server.connect()
    orders = tuple(make_order(f"S{number}") for number in range(250))
    assert queue.recover(Recovery(orders, {})) == 250
    assert queue.depth().in_doubt == 250
    assert set(queue.live_orders(PORTFOLIO)) == set(orders)


def test_recoveries_at_once_are_as_one(redis_url: str) -> None:
    orders = tuple(make_order(f"S{number}", planned_at_ms=NOW_MS) for number in range(250))
    books = Recovery(orders, {PORTFOLIO: Decimal(5)})
    with open_redis(redis_url) as client, ThreadPoolExecutor(3) as pool:
        queues = [RedisServer(client).connect() for _ in range(3)]
        added = list(pool.map(lambda queue: queue.recover(books), queues))
        assert sum(added) == 250
        assert queues[0].depth().in_doubt == 250
        assert queues[0].turnover_quote(PORTFOLIO) == 250 * WORTH + 5


def test_half_a_recovery_is_no_queue_yet_and_the_next_one_ends_it(redis_url: str) -> None:
    with open_redis(redis_url) as client:
        queue = RedisServer(client).connect()
        queue.recover(Recovery((make_order("A"),), {}))
        client.delete("{contract}:generation")
        with pytest.raises(QueueLost):
            enqueue(queue, [make_order("B")])
        assert queue.recover(Recovery((make_order("A"), make_order("C")), {})) == 1
        assert enqueue(queue, [make_order("B")]) == 1
        assert queue.turnover_quote(OTHER) == ZERO


def test_a_claim_gets_no_permit_from_a_queue_without_a_generation(
    redis_url: str, now_ms: int
) -> None:
    with open_redis(redis_url) as client:
        queue = RedisServer(client).connect()
        queue.recover(NOTHING)
        enqueue(queue, [make_order()])
        claim = claim_order(queue, open_slot(queue), now_ms)
        client.delete("{contract}:generation")
        with pytest.raises(QueueLost):
            queue.permit(open_gate(claim))
        assert queue.depth().in_doubt == 0


def test_a_successor_is_turned_away_while_another_order_holds_its_symbol(
    server: QueueServer, now_ms: int
) -> None:
    """Several orders of a symbol come back from a loss; none of their slices may join them."""
    queue = server.connect()
    both = (make_order(), make_order(cycle_id="c2"))
    queue.recover(Recovery(both, {}))
    successor = make_order(attempt=1)
    assert queue.acknowledge(receipt_of(both[0], successor))
    assert not queue.stages([successor.client_order_id])
    assert queue.live_orders(PORTFOLIO) == (both[1],)
    later = make_order(cycle_id="c2", attempt=1)
    assert not queue.acknowledge(receipt_of(both[1], later))
    assert not queue.acknowledge(receipt_of(both[1], later))
    assert claim_order(queue, open_slot(queue), now_ms).order == later
