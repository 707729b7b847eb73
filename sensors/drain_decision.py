"""Should a drain session be launched now? Pure, so that every answer can be tested and read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebalancer.gate import Conditions, GatePolicy, explain_hold
from rebalancer.orders import VenueName
from rebalancer.queue import QueueDepth, TenureState

START_GRACE_MS = 30_000
"""How long a started run may take to reach its slot before it is taken for dead."""
RUN_KEY_WINDOW_MS = 30_000
"""A run key is spent even by a run that failed, so each window may try once more."""


@dataclass(frozen=True, slots=True)
class DrainRun:
    """A drain run that Dagster believes to be under way."""

    run_id: str
    age_ms: int


@dataclass(frozen=True, slots=True)
class DrainView:
    """All that the decision rests on."""

    depth: QueueDepth
    tenure: TenureState
    runs: Sequence[DrainRun]
    conditions: Mapping[VenueName, Conditions]
    gates: Mapping[VenueName, GatePolicy]
    budget_ms: int
    overlap_ms: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Launch:
    """Request one drain run under this key."""

    run_key: str
    reason: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Launch nothing, for a reason a person can read."""

    reason: str


def judge_drain(view: DrainView) -> Launch | Wait:
    """Decide single-flight: one live session, and its successor when its time is nearly up.

    An order in doubt always launches, whatever the venue's latency: looking it up sends nothing.
    """
    depth = view.depth
    if depth.waiting == 0 and depth.in_doubt == 0:
        return Wait("no order waits")
    what = f"{depth.waiting} orders wait, {depth.in_doubt} in doubt"
    if alive := _live_session(view):
        return Wait(f"{what}; {alive}")
    if depth.in_doubt == 0 and (hold := _why_held(view)):
        return Wait(f"{what}; {hold}")
    window = view.now_ms // RUN_KEY_WINDOW_MS
    return Launch(f"drain-{view.tenure.epoch + 1}-{window}", what)


def _live_session(view: DrainView) -> str | None:
    """Why no other session is needed, or None when one is."""
    if not view.runs:
        return None
    newest = min(view.runs, key=lambda run: run.age_ms)
    name = f"run {newest.run_id[:8]}, {newest.age_ms // 1_000} s old"
    if newest.age_ms < START_GRACE_MS:
        return f"a drain session is starting ({name})"
    if not view.tenure.is_held:
        return None  # Dagster calls it running, but it holds no slot: it is dead.
    if len(view.runs) > 1:
        return f"a drain session and its successor are live ({name})"
    if newest.age_ms >= view.budget_ms - view.overlap_ms:
        return None
    return f"a drain session is live ({name})"


def _why_held(view: DrainView) -> str | None:
    """None as soon as one venue may be traded on; the session's gate judges each order again."""
    holds = {
        venue: explain_hold(conditions, view.gates[venue], urgency=view.depth.urgency_max)
        for venue, conditions in view.conditions.items()
    }
    if any(hold is None for hold in holds.values()):
        return None
    return "; ".join(f"{venue}: {hold}" for venue, hold in sorted(holds.items()))
