"""A scripted scenario: faults that are set at their time, from a file.

Belongs here: reading the file and waiting for each line's time.
Does not belong here: the faults themselves (`fault_reading`, `fault_acts`).
"""

import asyncio
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from services.paper_exchange.exchange import Exchange
from services.paper_exchange.fault_acts import set_fault
from services.paper_exchange.fault_kinds import DAY_MS
from services.paper_exchange.fault_reading import read_fault
from services.paper_exchange.json_text import read_json
from services.paper_exchange.options import PaperRefused

CURE = 'give --faults a JSON list such as [{"at_ms": 1000, "kind": "close_before"}]'


def read_scenario(path: Path, markets: Collection[str]) -> list[dict[str, Any]]:
    """The scripted faults, the earliest first.

    Raises:
        PaperRefused: The file is missing or unreadable, or one of its faults is wrong.
    """
    try:
        lines = read_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PaperRefused(
            f"--faults {path}: expected a readable file, was not ({error.strerror}); {CURE}"
        ) from None
    except ValueError as error:
        raise PaperRefused(f"--faults {path}: expected JSON, was not ({error}); {CURE}") from None
    if not isinstance(lines, list):
        raise PaperRefused(f"--faults {path}: expected a list, was {type(lines).__name__}; {CURE}")
    for number, line in enumerate(lines, start=1):
        _check(path, number, line, markets)
    return sorted(lines, key=lambda line: int(line["at_ms"]))


async def play(exchange: Exchange, scenario: list[dict[str, Any]]) -> None:
    """Set each fault at its time after the start; the journal has a line of each."""
    loop = asyncio.get_running_loop()
    started = loop.time()
    for line in scenario:
        await asyncio.sleep(started + line["at_ms"] / 1000 - loop.time())
        _set(exchange, {key: value for key, value in line.items() if key != "at_ms"})
    await asyncio.Event().wait()  # A task of the exchange lasts as long as it.


def _check(path: Path, number: int, line: Any, markets: Collection[str]) -> None:
    place = f"--faults {path}: fault {number}"
    if not isinstance(line, dict):
        raise PaperRefused(f"{place}: expected a JSON object, was {line!r:.80}; {CURE}")
    at_ms = line.get("at_ms")
    if type(at_ms) is not int or not 0 <= at_ms <= DAY_MS:
        raise PaperRefused(f"{place}: at_ms: expected 0 to {DAY_MS}, was {at_ms!r:.80}; {CURE}")
    try:
        read_fault({key: value for key, value in line.items() if key != "at_ms"}, markets)
    except ValueError as error:
        raise PaperRefused(f"{place}: {error}; {CURE}") from None


def _set(exchange: Exchange, given: dict[str, Any]) -> None:
    """What cannot be done when its time comes is written down, and the rest goes on."""
    now_ms = exchange.clock()
    done: dict[str, Any]
    try:
        done = {"status": 200, "fault_id": set_fault(exchange, given, now_ms).fault_id}
    except ValueError as error:
        done = {"status": 400, "message": str(error)}
    asked: dict[str, Any] = {
        "received_at_ms": now_ms,
        "acted_at_ms": now_ms,
        "tick": exchange.tick,
        "method": "POST",
        "path": "/paper/faults",
        "params": {"body": json.dumps(given)},
    }
    exchange.journal.record(asked | done)
