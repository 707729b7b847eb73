"""When orders were marked as sent, for those who only look.

Belongs here: reading the marks that permits leave behind. Nothing here may decide whether an order
is sent: that is the permit's alone.
"""

from collections.abc import Collection, Mapping

from redis import Redis

from rebalancer.orders import ClientOrderId
from resources.redis_connection import redis_errors
from resources.redis_replies import Replies
from resources.redis_scripts import QueueScripts

READ_MAX = 1_000


class SentMarks:
    """The marks of the queue called `name` on one server."""

    def __init__(self, client: Redis, *, name: str) -> None:
        self._client = client
        scripts = QueueScripts(client, name=name)
        self._key, self._replies = scripts.key("sent_at"), Replies(scripts)

    def read(self, order_ids: Collection[ClientOrderId]) -> Mapping[ClientOrderId, int]:
        """When each of these orders was marked, in ms; those that are not marked now are absent.

        The mark goes with the order: one that has ended has none any more.

        Raises:
            StoreUnavailable: Redis did not answer.
            BadData: a mark is not an instant.
        """
        ids, marks = list(order_ids), dict[ClientOrderId, int]()
        for start in range(0, len(ids), READ_MAX):
            some = ids[start : start + READ_MAX]
            with redis_errors(self._client, keys=self._key):
                told = self._client.hmget(self._key, some)
            for order_id, written in zip(some, told, strict=True):
                if written is not None:
                    marks[order_id] = self._replies.count(_text(written))
        return marks


def _text(written: bytes | str) -> str:
    return written.decode(errors="replace") if isinstance(written, bytes) else written
