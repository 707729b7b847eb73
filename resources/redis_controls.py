"""TradingControls in Redis, beside the queue: lua/permit.lua sees them in the step that marks.

A halt is one field `scope|kind` of one hash, so that halting takes one command and the first reason
given stands. A window is one line of parts that a script reads without decoding JSON a hundred
times. What cannot be read is refused here, and stops every order there: a corrupt halt still halts.
"""

import json
from typing import Any

from redis import Redis

from rebalancer.controls import (
    WINDOWS_MAX,
    HaltKind,
    MaintenanceWindow,
    Scope,
    ScopeKind,
    TradingHalt,
)
from rebalancer.errors import BadConfig, BadData
from rebalancer.orders import VenueName
from rebalancer.ports import TradingControls
from resources.order_codec import AT_MS_MAX
from resources.redis_connection import redis_errors
from resources.redis_scripts import QueueScripts, texts

PART = "\x1f"


class RedisTradingControls(TradingControls):
    """The controls of the queue called `name` on one server."""

    def __init__(self, client: Redis, *, name: str) -> None:
        self._client = client
        self._scripts = QueueScripts(client, name=name)
        self._halts = self._scripts.key("halts")

    def halt(self, halt: TradingHalt) -> None:
        field = halt_field(halt.scope, halt.kind)
        with redis_errors(self._client, keys=self._halts):
            self._client.hsetnx(self._halts, field, encode_halt(halt))

    def lift(self, scope: Scope, kind: HaltKind) -> bool:
        with redis_errors(self._client, keys=self._halts):
            return self._client.hdel(self._halts, halt_field(scope, kind)) == 1

    def halts(self) -> tuple[TradingHalt, ...]:
        with redis_errors(self._client, keys=self._halts):
            stored = self._client.hgetall(self._halts)
        where = self._scripts.field("", part="halts")
        halts = [
            decode_halt(_text(field), _text(written), where=where)
            for field, written in stored.items()
        ]
        return tuple(sorted(halts, key=lambda halt: (halt.at_ms, halt.scope, halt.kind)))

    def add_window(self, window: MaintenanceWindow) -> None:
        reply = self._scripts.run(
            "add_window", window.window_id, encode_window(window), WINDOWS_MAX
        )
        if texts(reply) == ["full"]:
            raise BadConfig(
                f"maintenance window {window.window_id!r}: there are {WINDOWS_MAX} already, the "
                "most that every order is checked against. Remove one with `trimtab maintenance "
                "remove`, or say several by one that repeats."
            )

    def close_venue(self, venue: VenueName, *, why: str, note: str, for_ms: int) -> None:
        # The clock that permits go by: that of this machine may be what is wrong.
        [now_ms] = texts(self._scripts.run("clock"))
        window = MaintenanceWindow.closing(
            venue, why=why, note=note, starts_at_ms=int(now_ms), for_ms=for_ms
        )
        self.add_window(window)

    def remove_window(self, window_id: str) -> bool:
        return texts(self._scripts.run("remove_window", window_id)) == ["removed", "1"]

    def windows(self) -> tuple[MaintenanceWindow, ...]:
        _, *words = texts(self._scripts.run("windows"))
        windows = [
            decode_window(window_id, text, where=self._scripts.field(window_id, part="windows"))
            for window_id, text in zip(words[::2], words[1::2], strict=True)
        ]
        return tuple(sorted(windows, key=lambda window: (window.starts_at_ms, window.window_id)))


def halt_field(scope: Scope, kind: HaltKind) -> str:
    """One word for one kind of halt of one scope, as lua/permit.lua takes it apart."""
    if not scope.key.isprintable():
        raise BadConfig(f"halt of {scope.key!r}: expected a printable name of a venue or portfolio")
    return f"{scope.key}|{kind.value}"


def encode_halt(halt: TradingHalt) -> str:
    row = {"reason": halt.reason, "actor": halt.actor, "at_ms": halt.at_ms}
    return json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def decode_halt(field: str, text: str, *, where: str) -> TradingHalt:
    """Read a halt that `encode_halt` wrote.

    Raises:
        BadData: it is none. It halts all the same, until a person has looked.
    """
    try:
        key, _, kind = field.rpartition("|")
        scope_kind, _, name = key.partition(":")
        row: Any = json.loads(text)
        reason, actor, at_ms = row["reason"], row["actor"], row["at_ms"]
        _require(isinstance(reason, str) and isinstance(actor, str), "reason and actor as text")
        _require(type(at_ms) is int and 0 <= at_ms <= AT_MS_MAX, "at_ms as a whole number")
        _require(bool(name) == (scope_kind != ScopeKind.EVERYTHING), "a scope")
        return TradingHalt(Scope(ScopeKind(scope_kind), name), HaltKind(kind), reason, actor, at_ms)
    except (ValueError, KeyError, TypeError) as problem:
        raise BadData(
            f"{where}{field}: expected a halt as this program writes it ({problem}), was "
            f"{text[:200]!r}. It halts all the same. Find out who wrote it; `trimtab resume`, or "
            "deleting the field, ends it."
        ) from problem


def encode_window(window: MaintenanceWindow) -> str:
    """Write a window as one line: what the permit needs first, the note last.

    Raises:
        BadConfig: it could not be read back.
    """
    numbers = (window.starts_at_ms, window.duration_ms, window.every_ms, window.until_ms)
    for number in numbers:
        if number is not None and number > AT_MS_MAX:
            raise BadConfig(
                f"maintenance window {window.window_id!r}: expected instants and durations up to "
                f"{AT_MS_MAX} ms, was {number}"
            )
    words = (window.window_id, window.venue or "", window.note)
    if not all(word.isprintable() for word in words):
        raise BadConfig(f"maintenance window {words!r}: expected id, venue and note in one line")
    parts = (
        window.venue or "",
        *("" if number is None else str(number) for number in numbers),
        "announced" if window.is_announced else "planned",
        window.note,
    )
    return PART.join(parts)


def decode_window(window_id: str, text: str, *, where: str) -> MaintenanceWindow:
    """Read a window that `encode_window` wrote.

    Raises:
        BadData: it is none. It stops every order, until a person has looked.
    """
    try:
        venue, starts, duration, every, until, origin, note = text.split(PART)
        starts_at_ms, duration_ms = _whole(starts), _whole(duration)
        every_ms, until_ms = _whole(every) if every else None, _whole(until) if until else None
        _require(bool(window_id), "an id")
        _require(duration_ms > 0, "a duration of more than 0 ms")
        _require(every_ms is None or every_ms >= duration_ms, "a repetition after its end")
        _require(until_ms is None or until_ms > starts_at_ms, "an end after its start")
        _require(origin in ("announced", "planned"), "announced or planned")
    except ValueError as problem:
        raise BadData(
            f"{where}: expected a maintenance window as this program writes it ({problem}), was "
            f"{text[:200]!r}. Until it is gone no order is sent: `trimtab maintenance remove "
            f"{window_id}`, then add it again."
        ) from problem
    return MaintenanceWindow(
        window_id=window_id,
        venue=VenueName(venue) if venue else None,
        starts_at_ms=starts_at_ms,
        duration_ms=duration_ms,
        every_ms=every_ms,
        until_ms=until_ms,
        note=note,
        is_announced=origin == "announced",
    )


def _text(stored: bytes | str) -> str:
    return stored.decode(errors="replace") if isinstance(stored, bytes) else stored


def _whole(text: str) -> int:
    _require(text.isascii() and text.isdigit() and len(text) <= len(str(AT_MS_MAX)), "digits")
    return int(text)


def _require(is_so: bool, what: str) -> None:
    if not is_so:
        raise ValueError(f"expected {what}")
