"""The step from the books into the queue, for plans and for what a person approved.

Belongs here: who may queue an order, and the end of one that the queue did not take. Everybody who
queues an order comes through here; a successor goes with the receipt of the order before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebalancer.drain_line import DrainLine
from rebalancer.errors import QueueLost
from rebalancer.ledger import Ledger
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import OrderQueue
from rebalancer.queue import Generation
from rebalancer.settlement import Expired, LedgerReceipt, settle

LOST_MEANWHILE = "the queue lost its data before it could take the order"
RECOVERED_MEANWHILE = "the queue was filled from the books before it could take the order"


@dataclass(frozen=True, slots=True)
class HandedOver:
    """What became of orders that were to be queued.

    Attributes:
        queued: Those the queue took.
        unsent: Those it did not, with the reason; ended as expired, for nothing of them was sent.
            An order in neither was moved by somebody else first, and is theirs.
    """

    queued: frozenset[ClientOrderId]
    unsent: Mapping[ClientOrderId, str]


async def hand_over(
    orders: Sequence[Order],
    queue: OrderQueue,
    ledger: Ledger,
    *,
    before: OrderState,
    generation: Generation,
    detail: str | None,
    now_ms: int,
) -> HandedOver:
    """Move orders on the books from `before` to queued, then queue those that we moved.

    The books come first, so an order that they still call planned or unapproved never was in a
    queue, and was never sent. One order is moved by one caller only, who asks the queue once: what
    that answer does not name cannot have been sent by anybody, and ends here. A crash, or no
    answer, leaves it queued on the books, for recovery to put in doubt.

    Args:
        orders: As they stand on the books.
        queue: Takes the orders.
        ledger: Holds them.
        before: Where they must stand; those that stand elsewhere are left alone.
        generation: That of the queue, read before the books were.
        detail: Why they may be queued, for their history.
        now_ms: Epoch milliseconds.
    """
    mine = await ledger.move(
        orders, before=before, after=OrderState.QUEUED, detail=detail, now_ms=now_ms
    )
    try:
        queued = queue.enqueue(mine, generation=generation)
    except QueueLost:
        queued, unsent = frozenset(), {one.client_order_id: LOST_MEANWHILE for one in mine}
    else:
        unsent = _refused([one for one in mine if one.client_order_id not in queued], queue)
    for order in mine:
        if why := unsent.get(order.client_order_id):
            settlement = settle(Expired(order, why), ())
            queue.acknowledge(await ledger.record(settlement, now_ms=now_ms))
    return HandedOver(queued, unsent)


async def hand_on(receipt: LedgerReceipt, line: DrainLine, ledger: Ledger, *, now_ms: int) -> None:
    """Take a booked order out of the queue; its successor goes in, or ends here as unsent."""
    successor = receipt.successor
    if await line.acknowledge(receipt) and successor is not None:
        ended = settle(Expired(successor, _is_busy(successor)), ())
        await line.acknowledge(await ledger.record(ended, now_ms=now_ms))


def _is_busy(order: Order) -> str:
    return f"another order of {order.symbol} is under way"


def _refused(orders: Sequence[Order], queue: OrderQueue) -> dict[ClientOrderId, str]:
    """Why the queue took none of these."""
    held = queue.stages([order.client_order_id for order in orders])
    return {
        order.client_order_id: RECOVERED_MEANWHILE
        if order.client_order_id in held
        else _is_busy(order)
        for order in orders
    }
