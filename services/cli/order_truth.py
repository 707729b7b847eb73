"""Where orders stand at this moment: the books joined with the queue.

The books lag behind on purpose: a permit is marked in Redis alone, in the step that gives it. So an
order that the books call queued may be at its venue already. Belongs here: telling that.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from rebalancer.errors import StoreUnavailable
from rebalancer.order_states import FINAL_STATES, OrderState
from rebalancer.orders import ClientOrderId
from rebalancer.ports import OrderQueue
from rebalancer.queue import Stage
from resources.archive_rows import OrderRow

SENT_UNCONFIRMED = "sent, unconfirmed"
NOT_IN_QUEUE = "lost by the queue"
"""The next drain or cycle puts it back, in doubt."""
AWAITING_EVIDENCE = frozenset({SENT_UNCONFIRMED, OrderState.IN_DOUBT.value.replace("_", " ")})
"""Words for orders that may be at their venue, which has not told."""
_REACHED_QUEUE = frozenset({OrderState.QUEUED, OrderState.IN_DOUBT, OrderState.OPEN})
_TOLD_BY_VENUE = frozenset({OrderState.IN_DOUBT, OrderState.OPEN})


@dataclass(frozen=True, slots=True)
class Truth:
    """Orders with the word for where each stands.

    Attributes:
        rows: The books.
        words: Where each stands, in a word.
        sent_at_ms: When those that may be at their venue were marked as sent.
        problem: Why the queue could not be asked.
    """

    rows: Sequence[OrderRow]
    words: Mapping[ClientOrderId, str]
    sent_at_ms: Mapping[ClientOrderId, int]
    problem: str | None


class Marks(Protocol):
    """What tells when orders were marked as sent."""

    def read(self, order_ids: Collection[ClientOrderId]) -> Mapping[ClientOrderId, int]: ...


def read_truth(read: Callable[[], Sequence[OrderRow]], queue: OrderQueue, marks: Marks) -> Truth:
    """Read the books, ask the queue, and read the books again.

    An order leaves the queue only after its end is booked. So one that had reached the queue at
    the first reading, was not in it afterwards, and has no end at the second, is lost by the queue.
    """
    before = {row.order.client_order_id: row.state for row in read()}
    live = [name for name, state in before.items() if _is_live(state)]
    try:
        stages, sent_at_ms = queue.stages(live), marks.read(live)
    except StoreUnavailable as error:
        rows = read()
        words = {row.order.client_order_id: _plain(row.state) for row in rows}
        return Truth(rows, words, {}, str(error))
    rows = read()
    words = {
        name: word_of(row.state, stages.get(name), was_queued=before.get(name) in _REACHED_QUEUE)
        for row in rows
        for name in [row.order.client_order_id]
    }
    sent = {name for name, stage in stages.items() if stage is Stage.SENT}
    return Truth(rows, words, {n: at for n, at in sent_at_ms.items() if n in sent}, None)


def word_of(state: OrderState, stage: Stage | None, *, was_queued: bool) -> str:
    """The word for where an order stands.

    Args:
        state: What the books say.
        stage: What the queue says; None where it does not hold the order.
        was_queued: The books said before the queue was asked that it had reached the queue.
    """
    if not _is_live(state):
        return _plain(state)
    if stage is Stage.SENT:
        return _plain(state) if state in _TOLD_BY_VENUE else SENT_UNCONFIRMED
    if stage is Stage.WAITING:
        return _plain(OrderState.QUEUED)
    return NOT_IN_QUEUE if was_queued else _plain(state)


def _is_live(state: OrderState) -> bool:
    return state not in FINAL_STATES


def _plain(state: OrderState) -> str:
    return state.value.replace("_", " ")
