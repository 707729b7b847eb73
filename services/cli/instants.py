"""Instants and durations as people type them and read them.

Belongs here: turning them into milliseconds and back. Does not belong here: what now is.
"""

import re
from datetime import UTC, datetime

from services.cli.failures import CommandFailed, Exit

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
_UNITS = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS}
_DURATION = re.compile(r"(?:\d{1,6}[dhms])+")
_PART = re.compile(r"(\d+)([dhms])")
DURATION_MS_MAX = 366 * DAY_MS


def read_instant(text: str, *, option: str) -> int:
    """Epoch milliseconds of an ISO instant that names its zone.

    Raises:
        CommandFailed: it cannot be read, or leaves open which zone it means.
    """
    expected = f"{option}: expected an instant with its zone, such as 2026-12-01T02:00Z"
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise CommandFailed(f"{expected}; was {text!r}", Exit.BAD_INPUT) from None
    if instant.tzinfo is None:
        raise CommandFailed(
            f"{expected}; {text!r} has none. Add Z for UTC, or +01:00 and the like", Exit.BAD_INPUT
        )
    at_ms = int(instant.timestamp() * 1_000)
    if at_ms < 0:
        raise CommandFailed(f"{expected}; was {text!r}, before 1970", Exit.BAD_INPUT)
    return at_ms


def read_duration(text: str, *, option: str) -> int:
    """Milliseconds of 30m, 2h, 1d or 1h30m.

    Raises:
        CommandFailed: it cannot be read, is nothing, or is longer than a year.
    """
    written = text.strip().lower()
    lasts_ms = 0
    if _DURATION.fullmatch(written):
        lasts_ms = sum(int(count) * _UNITS[unit] for count, unit in _PART.findall(written))
    if not 0 < lasts_ms <= DURATION_MS_MAX:
        raise CommandFailed(
            f"{option}: expected a duration such as 30m, 2h, 1d or 1h30m, at most a year; "
            f"was {text!r}",
            Exit.BAD_INPUT,
        )
    return lasts_ms


def instant_text(at_ms: int) -> str:
    """An instant for a person: to the second where it has seconds, always in UTC."""
    at = datetime.fromtimestamp(at_ms // 1_000, UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S UTC" if at.second else "%Y-%m-%d %H:%M UTC")


def duration_text(lasts_ms: int) -> str:
    """A duration in at most two units, rounded down: 45 s, 2 h 5 m, 3 d."""
    if lasts_ms < SECOND_MS:
        return f"{max(lasts_ms, 0)} ms"
    parts: list[str] = []
    rest = lasts_ms
    for name, unit_ms in _UNITS.items():
        count, rest = divmod(rest, unit_ms)
        if count:
            parts.append(f"{count} {name}")
        elif parts:
            break
    return " ".join(parts[:2])
