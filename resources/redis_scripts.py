"""The Lua scripts of queue and controls: reading them from their files and running them.

One script an operation, so a check and the write it allows cannot be separated. Every script gets
every key, all with one hash tag: they lie in one slot, so the queue runs on a cluster as well.

What lies where, all under one hash tag `{name}:`

    orders    hash  id → order JSON                 ranks     hash  id → its place among all
    ready     zset  ranks that may be claimed       parked    zset  buys behind a sell of theirs
    later     zset  id → when it is ready again     sent      zset  id → when to look it up
    claims    hash  id → token of the lease         tries, absences   hash  id → count
    ranked    zset  ranks of all not sent           planned   zset  id → planned_at_ms, not sent
    live      zset  portfolio, symbol, id           sells     hash  group → sells not settled
    waking    zset  groups with buys to move        known     zset  id → last seen, at least 24 h
    tenures   hash  slot → epoch, owner, until      buckets   hash  venue, budget → units, instant
    open      zset  portfolio, id of what is sent   sent_at   hash  id → when it was permitted
    turnover  hash  portfolio → day, micro-units    reserved  hash  id → day, micro-units
    halts     hash  scope|kind → JSON               windows   hash  id → a maintenance window
    taps      hash  venue → closed until            generation        when this queue was begun
    flights:VENUE   zset  attempt to send → until when it counts against the venue's rate
    news      channel, told when orders came

An order that is not sent is in exactly one of ready, parked and later; a sent one is in sent. A
group is a cycle and a portfolio. Sorted sets are used as text that sorts, so that a priority of 24
decimals is exact, and no call reads more than it moves: at most 100 orders, whatever the depth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from redis import Redis

from rebalancer.errors import QueueLost
from resources.redis_connection import place_of, redis_errors

FOLDER = Path(__file__).parent / "lua"
PRELUDE = "prelude"
CALENDAR, RATES = "calendar", "rates"
SHARED = {
    "permit": (RATES,),
    "spend": (RATES,),
    "add_window": (CALENDAR,),
    "remove_window": (CALENDAR,),
    "windows": (CALENDAR,),
}
"""What some scripts share beyond the prelude. Redis makes every function anew for every call."""
PARTS = (
    "orders", "ranks", "ready", "parked", "later", "sent", "claims", "tries", "absences",
    "ranked", "planned", "live", "sells", "waking", "known", "sequence", "tenures", "buckets",
    "generation", "halts", "windows", "taps", "turnover", "reserved", "sent_at", "open", "flights",
    "news",
)  # fmt: skip
"""The keys, in the order in which prelude.lua names them."""

Reply = list[bytes | int | None]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ScriptCall(Generic[Answer]):
    """One script to run, and what its reply means; `read` raises what the reply is refused with."""

    script: str
    args: Sequence[str | int]
    read: Callable[[Reply], Answer]


@cache
def read_script(name: str) -> str:
    """The text of one script, with what it shares with others in front."""
    parts = (PRELUDE, *SHARED.get(name, ()), name)
    return "\n".join((FOLDER / f"{part}.lua").read_text() for part in parts)


class QueueScripts:
    """The scripts of one queue on one server."""

    def __init__(self, client: Redis, *, name: str) -> None:
        assert name, "a queue needs a name"
        assert not set(name) & set("{}"), name
        self._client = client
        self._prefix = f"{{{name}}}"
        # Bytes already: the client would encode every key again for every call.
        self._keys = [f"{self._prefix}:{part}".encode() for part in PARTS]
        self._scripts = {
            path.stem: client.register_script(read_script(path.stem))
            for path in sorted(FOLDER.glob("*.lua"))
            if path.stem not in (PRELUDE, CALENDAR, RATES)
        }

    def run(self, name: str, *args: str | int) -> Reply:
        """Run one script and return its answer, a word first.

        Raises:
            StoreUnavailable: Redis did not answer.
            QueueLost: the step needs a queue that has lost nothing.
            BadData: a key holds what this program never writes.
        """
        with redis_errors(self._client, keys=self.all_keys):
            reply = self._scripts[name](keys=self._keys, args=list(args))
        return self._require_whole(reply)

    def ask(self, call: ScriptCall[Answer]) -> Answer:
        """Run one script and read its reply. Raises as `run` and `call.read` do."""
        return call.read(self.run(call.script, *call.args))

    def command(self, call: ScriptCall[Any], *, is_taught: bool) -> tuple[str | int | bytes, ...]:
        """The words that run one script: by its name where Redis was taught it, or by its text."""
        script = self._scripts[call.script]
        how = ("EVALSHA", script.sha) if is_taught else ("EVAL", read_script(call.script))
        return *how, len(self._keys), *self._keys, *call.args

    def answer(self, call: ScriptCall[Answer], reply: Any) -> Answer:
        """What a reply to `command` means. Raises as `ask` does; the reply may be an error."""
        with redis_errors(self._client, keys=self.all_keys):
            if isinstance(reply, Exception):
                raise reply
        return call.read(self._require_whole(reply))

    def _require_whole(self, reply: Any) -> Reply:
        assert isinstance(reply, list), reply
        if reply == [b"no_generation"]:
            raise self.lost()
        return reply

    def lost(self) -> QueueLost:
        """What to say of a queue without a generation."""
        return QueueLost(
            f"Redis at {place_of(self._client)} holds no queue under {self._prefix}:* that "
            "belongs to the books: it is new, or has lost its data. Nothing is sent until the "
            "queue is filled again from PostgreSQL, which every start of a drain does: run "
            "`trimtab drain`, or let the sensor launch one."
        )

    @property
    def all_keys(self) -> str:
        """The keys, as a person would look for them."""
        return f"{self._prefix}:*"

    def key(self, part: str) -> str:
        """The full name of one key."""
        assert part in PARTS, part
        return f"{self._prefix}:{part}"

    def field(self, name: str, *, part: str = "orders") -> str:
        """Where the text of an order lies, or of something else, as a person would look for it."""
        return f"Redis hash {self.key(part)} field {name}"


def texts(reply: Sequence[bytes | int | None]) -> list[str]:
    """The words of an answer as text; what is missing becomes ''."""
    return [
        item.decode(errors="replace") if isinstance(item, bytes) else str(item or "")
        for item in reply
    ]
