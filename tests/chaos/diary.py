"""What workers wrote about themselves, read on as it grows: cycles, endings, deaths."""

import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer.account_compare import AccountVerdict
from rebalancer.money import to_decimal
from tests.chaos.world import World

AGREES = AccountVerdict.AGREES.value


class Tail:
    """The lines of a growing file, each given out once."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def read(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        return [json.loads(line) for line in whole.splitlines()]


class Diary:
    """Reads the diary and the list of deaths."""

    def __init__(self, world: World) -> None:
        self._lines, self._deaths = Tail(world.diary_file), Tail(world.deaths_file)
        self._steps: dict[int, str] = {}
        self._cycle = -1
        self._restarts = 0
        self.endings: Counter[str] = Counter()
        self.halts: list[str] = []
        self.drift_bps: dict[str, Decimal] = {}
        self.planned_cycle = -1
        self.is_agreed = False
        self.cycle_value_quote: dict[str, Decimal] = {}

    def catch_up(self) -> None:
        for line in self._lines.read():
            match line["what"]:
                case "cycle":
                    self._cycle = line["detail"]
                case "planned":
                    told = line["detail"]
                    self.planned_cycle = told["cycle"]
                    drifts = told["drift_bps"].items()
                    self.drift_bps = {asset: to_decimal(bps) for asset, bps in drifts}
                    self.is_agreed = told["verdict"] == AGREES and told["stopped"] is None
                case "value":
                    cycle_id = line["detail"]["cycle_id"]
                    worth = to_decimal(line["detail"]["value_quote"])
                    known = self.cycle_value_quote.get(cycle_id, worth)
                    self.cycle_value_quote[cycle_id] = max(known, worth)
                case "left":
                    self.endings[f"session left: {line['detail'][:60]}"] += 1
                case what:
                    self.endings[what] += 1
                    if what in ("BooksDisagree", "BadConfig", "VenueDenied"):
                        self.halts.append(f"{line['who']}: {what}: {line['detail']}")

    def next_cycle(self) -> int:
        """The cycle to start with: the one under way once more, every second time."""
        self.catch_up()
        self._restarts += 1
        return max(self._cycle + self._restarts % 2, 0)

    def step_of_death(self, pid: int) -> str:
        self._steps |= {line["pid"]: line["step"] for line in self._deaths.read()}
        return self._steps.pop(pid, "by somebody else")
