"""What the queue's scripts answer, read with suspicion: orders, counts, refusals.

Belongs here: turning words from Redis into values and errors of ours. Which script was asked, and
with what, is not met here.
"""

from collections.abc import Sequence
from typing import Any

from rebalancer.errors import BadData, LeaseLost
from rebalancer.orders import Order
from rebalancer.queue import Claim, Claimed, InDoubt, QueueEmpty, Tenure
from resources.order_codec import AT_MS_MAX, decode_order
from resources.redis_scripts import QueueScripts, Reply, texts

ID_SHOWN_MAX = 100
"""An id as a message shows it: ours are shorter, but a key may hold anything."""


class Replies:
    """Reads the answers of one queue's scripts."""

    def __init__(self, scripts: QueueScripts) -> None:
        self._scripts = scripts

    def order(self, order_id: str, text: bytes | int | None) -> Order:
        where = self._scripts.field(order_id[:ID_SHOWN_MAX])
        order = decode_order(text if isinstance(text, bytes) else None, where=where)
        if order.client_order_id != order_id:
            raise BadData(
                f"{where}: expected that order, was {order.client_order_id:.{ID_SHOWN_MAX}}"
            )
        return order

    def count(self, text: str, *, most: int = AT_MS_MAX) -> int:
        """A whole number as this program writes one; a count of nothing is 0."""
        # int() alone would take a sign, blanks and the digits of every script.
        digits = text or "0"
        is_ours = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most))
        if not is_ours or int(digits) > most:
            raise BadData(
                f"{self._scripts.field('*')}: expected a whole number from 0 to {most}, was "
                f"{text!r:.80}"
            )
        return int(digits)

    def claimed(self, tenure: Tenure, until_ms: int, reply: Sequence[Any]) -> Claimed:
        if reply == [b"lost"]:
            raise LeaseLost(f"slot {tenure.slot} has passed to a later owner than {tenure}")
        found: list[Claim | InDoubt | BadData] = []
        for one in reply[1:]:
            match texts(one):
                case ["empty"]:
                    return Claimed(tuple(found), QueueEmpty())
                case ["empty", next_at]:
                    return Claimed(tuple(found), QueueEmpty(next_at_ms=self.count(next_at)))
            try:
                found.append(self._claim(tenure, until_ms, one))
            except BadData as error:
                found.append(error)
        return Claimed(tuple(found), None)

    def _claim(self, tenure: Tenure, until_ms: int, reply: Reply) -> Claim | InDoubt:
        match texts(reply):
            case ["claim", order_id, _, tries]:
                order = self.order(order_id, reply[2])
                return Claim(order, tenure, until_ms, self.count(tries))
            case ["in_doubt", order_id, _, absences, sent_at_ms]:
                order = self.order(order_id, reply[2])
                return InDoubt(
                    order,
                    tenure,
                    until_ms,
                    absences=self.count(absences),
                    sent_at_ms=self.count(sent_at_ms) or order.planned_at_ms,
                )
        raise self.corrupt(reply)

    def given_back(self, order_id: str, reply: Reply) -> None:
        """See that a claim was still ours to give back."""
        if texts(reply)[0] in ("lost", "corrupt"):
            raise self.refusal(order_id, reply)

    def turned_away(self, order_id: str, reply: Reply) -> bool:
        """Whether the successor of an order that was acknowledged was not queued."""
        match texts(reply):
            case ["acknowledged", turned_away]:
                return turned_away == "1"
        raise self.refusal(order_id, reply)

    def refusal(self, order_id: str, reply: Reply) -> Exception:
        match texts(reply):
            case ["lost", why]:
                return LeaseLost(f"{order_id}: {why}; stop touching it")
        return self.corrupt(reply)

    def corrupt(self, reply: Reply) -> BadData:
        _, told, *rest = texts(reply)
        order_id = told[:ID_SHOWN_MAX]
        return BadData(
            f"{self._scripts.field(order_id)}: expected an order as this program writes it, was "
            f"{''.join(rest)[:200]!r}. Stop the drains, look {order_id} up at the venue, then "
            "delete the keys of this queue: the books in PostgreSQL keep every order."
        )
