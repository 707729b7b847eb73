"""The fault panel: which faults are set, which requests they meet, how often they fired.

Belongs here: matching, counting and drawing; pure, so that a seed and the requests in their order
name every draw.
Does not belong here: what a fault does (`fault_transport`, `fault_views`, `fault_acts`).
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from services.paper_exchange.calls import Call
from services.paper_exchange.fault_kinds import Kind, Place

DRAWS = 10**9
ENDED_MAX = 1_000
FAULTS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Match:
    """Which requests a fault meets; None is any."""

    method: str | None
    path: str | None
    symbol: str | None

    def meets(self, call: Call) -> bool:
        return (
            self.method in (None, call.method)
            and self.path in (None, call.path)
            and self.symbol in (None, call.params.get("symbol"))
        )


@dataclass(frozen=True, slots=True)
class NewFault:
    """What somebody asks the panel for; `count` None is without limit."""

    kind: Kind
    match: Match
    params: Mapping[str, Any]
    count: int | None
    for_ms: int | None
    probability: Decimal
    seed: int


@dataclass(slots=True, eq=False)
class Fault:
    """A fault that was set. `kept` is what it remembers of the moment it was set."""

    fault_id: int
    asked: NewFault
    set_at_ms: int
    kept: Any = None
    fired: int = 0
    random: Random = field(init=False)

    def __post_init__(self) -> None:
        self.random = Random(self.asked.seed)

    @property
    def name(self) -> str:
        return self.asked.kind.name

    @property
    def place(self) -> Place:
        return self.asked.kind.place

    @property
    def left(self) -> int | None:
        return None if self.asked.count is None else self.asked.count - self.fired

    @property
    def ends_at_ms(self) -> int | None:
        return None if self.asked.for_ms is None else self.set_at_ms + self.asked.for_ms

    def has_ended(self, now_ms: int) -> bool:
        return self.left == 0 or (self.ends_at_ms is not None and now_ms >= self.ends_at_ms)

    def draws(self) -> bool:
        """Whether it fires this time; every draw moves its own random numbers on."""
        return self.random.randrange(DRAWS) < self.asked.probability * DRAWS

    def param(self, name: str) -> Any:
        return self.asked.params[name]


class FaultPanel:
    """Every fault that was set, the oldest first."""

    def __init__(self) -> None:
        self._faults: dict[int, Fault] = {}
        self._ended: deque[Fault] = deque(maxlen=ENDED_MAX)
        self._last_id = 0
        self._fired: Counter[str] = Counter()

    def add(self, asked: NewFault, now_ms: int, kept: Any = None) -> Fault:
        """Set a fault.

        Raises:
            ValueError: There are too many.
        """
        self._sweep(now_ms)
        if len(self._faults) >= FAULTS_MAX:
            raise ValueError(f"expected at most {FAULTS_MAX} faults at once; clear some first")
        self._last_id += 1
        fault = Fault(self._last_id, asked, now_ms, kept)
        self._faults[fault.fault_id] = fault
        if not asked.kind.meets_requests:
            self._count(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """End one fault, or all; answers how many."""
        chosen = [f for f in self._faults.values() if fault_id in (None, f.fault_id)]
        self._end(chosen)
        return len(chosen)

    def take(
        self, place: Place, call: Call, now_ms: int, *, name: str | None = None
    ) -> Fault | None:
        """The fault that fires on this request now, already counted; the oldest goes first."""
        if not self._faults:
            return None
        for fault in list(self._faults.values()):
            is_other = fault.place is not place or name not in (None, fault.name)
            if is_other or fault.has_ended(now_ms):
                continue
            if fault.asked.match.meets(call) and fault.draws():
                self._count(fault)
                call.fired.append(fault.name)
                return fault
        return None

    def is_armed(self, place: Place) -> bool:
        return any(fault.place is place for fault in self._faults.values())

    def standing(self, name: str, now_ms: int) -> Fault | None:
        """The latest fault of this kind that holds now."""
        held = [f for f in self._faults.values() if f.name == name and not f.has_ended(now_ms)]
        return held[-1] if held else None

    def skew_ms(self, now_ms: int) -> int:
        """How far the exchange's own clock is off."""
        skewed = self.standing("clock_skew", now_ms)
        return 0 if skewed is None else int(skewed.param("skew_ms"))

    def describe(self, now_ms: int) -> dict[str, Any]:
        """Every fault, those that ended too as long as they are remembered, and the totals."""
        self._sweep(now_ms)
        shown = sorted([*self._ended, *self._faults.values()], key=lambda fault: fault.fault_id)
        return {"faults": [_describe(fault) for fault in shown], "fired": {**self._fired}}

    def _count(self, fault: Fault) -> None:
        fault.fired += 1
        self._fired[fault.name] += 1
        if fault.left == 0:
            self._end([fault])

    def _sweep(self, now_ms: int) -> None:
        self._end([fault for fault in self._faults.values() if fault.has_ended(now_ms)])

    def _end(self, faults: Iterable[Fault]) -> None:
        for fault in faults:
            del self._faults[fault.fault_id]
            fault.kept = None
            self._ended.append(fault)


def _describe(fault: Fault) -> dict[str, Any]:
    asked = fault.asked
    shown: dict[str, Any] = {
        "id": fault.fault_id,
        "kind": fault.name,
        "fired": fault.fired,
        "left": fault.left,
        "set_at_ms": fault.set_at_ms,
        "ends_at_ms": fault.ends_at_ms,
    }
    if asked.kind.meets_requests:
        shown["match"] = {
            "method": asked.match.method,
            "path": asked.match.path,
            "symbol": asked.match.symbol,
        }
        shown |= {"probability": f"{asked.probability:f}", "seed": asked.seed}
    params = {key: value for key, value in asked.params.items() if value is not None}
    shown |= {key: f"{v:f}" if isinstance(v, Decimal) else v for key, v in params.items()}
    return shown
