"""The only witness of what was really asked and done: JSON lines, append-only.

Belongs here: numbering, writing and flushing a line before its answer leaves.
Does not belong here: deciding what a line says (`exchange`).

Lines stand in the order in which the engine acted. What no request asks for (a trade, the end of an
order) has a line of its own, with an empty method and path.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from services.paper_exchange.options import PaperRefused


class Journal:
    """An open journal file, or none at all."""

    def __init__(self, path: Path | None) -> None:
        self._seq = 0
        self._file: TextIO | None = None
        if path is None:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+", encoding="utf-8")
            self._file.seek(0)
            self._seq = sum(1 for _ in self._file)  # A restart goes on counting.
        except OSError as error:
            raise PaperRefused(
                f"--journal {path}: expected a file that can be written, was not"
                f" ({error.strerror}); choose a path in a folder you own"
            ) from None

    def record(self, entry: Mapping[str, Any]) -> None:
        self._seq += 1
        if self._file is None:
            return
        self._file.write(json.dumps({"seq": self._seq, **entry}, separators=(",", ":")) + "\n")
        self._file.flush()

    def tell(self, event: str, **more: Any) -> None:
        """A line about something that happened without being asked for by name."""
        self.record({"event": event, "method": "", "path": "", **more})

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
