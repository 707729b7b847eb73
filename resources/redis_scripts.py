"""The Lua scripts of the order queue: reading them from their files and running them.

One script an operation, so a check and the write it allows cannot be separated. Every script gets
every key, all with one hash tag: they lie in one slot, so the queue runs on a cluster as well.
"""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from redis import Redis

from resources.redis_connection import redis_errors

FOLDER = Path(__file__).parent / "lua"
PRELUDE = "prelude"
PARTS = (
    "orders", "ranks", "ready", "parked", "later", "sent", "claims", "tries", "absences",
    "ranked", "planned", "live", "sells", "waking", "known", "sequence", "tenures", "buckets",
)  # fmt: skip
"""The queue's keys, in the order in which prelude.lua names them."""

Reply = list[bytes | int | None]


@cache
def read_script(name: str) -> str:
    """The text of one script, with the prelude in front."""
    return "\n".join((FOLDER / f"{part}.lua").read_text() for part in (PRELUDE, name))


class QueueScripts:
    """The scripts of one queue on one server."""

    def __init__(self, client: Redis, *, name: str) -> None:
        self._client = client
        self._prefix = f"{{{name}}}"
        # Bytes already: the client would encode every key again for every call.
        self._keys = [f"{self._prefix}:{part}".encode() for part in PARTS]
        self._scripts = {
            path.stem: client.register_script(read_script(path.stem))
            for path in sorted(FOLDER.glob("*.lua"))
            if path.stem != PRELUDE
        }

    def run(self, name: str, *args: str | int) -> Reply:
        """Run one script and return its answer, a word first.

        Raises:
            StoreUnavailable: Redis did not answer.
            BadData: a key holds what this program never writes.
        """
        with redis_errors(self._client, keys=f"{self._prefix}:*"):
            reply = self._scripts[name](keys=self._keys, args=list(args))
        assert isinstance(reply, list), reply
        return reply

    def field(self, client_order_id: str) -> str:
        """Where the text of an order lies, as a person would look for it."""
        return f"Redis hash {self._prefix}:orders field {client_order_id}"


def texts(reply: Sequence[bytes | int | None]) -> list[str]:
    """The words of an answer as text; what is missing becomes ''."""
    return [
        item.decode(errors="replace") if isinstance(item, bytes) else str(item or "")
        for item in reply
    ]
