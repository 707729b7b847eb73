"""The processes that get killed: one plans, the others drain. Each is started by `run_*` and dies.

Belongs here: what a worker does from its first line on, on the engine's own code. They are forked
from a server that has imported everything, so that a start costs milliseconds and a kill is cheap.
"""

import json
import os
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from pipelines.drain_session import DrainSession, SessionPolicy
from pipelines.execution import open_desk
from pipelines.venue_watch import VenueWatch
from rebalancer.errors import RebalancerError, StoreUnavailable
from rebalancer.orders import CycleId
from rebalancer.ports import Alarm, Alert, OrderQueue
from resources.settings import Settings
from resources.settings_file import load_settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, Venues, open_stores
from tests.chaos.cycles import CycleDesk, MortalVenues, mortal_stores, run_cycle, targets_of
from tests.chaos.proxies import Fuse, Step, desk_over_fuse, over_fuse
from tests.chaos.schedule import Schedule
from tests.chaos.world import CASH, LEASE_MS, World, take_environment

SESSION_MS = 15_000
IDLE_MS = 20_000
CONCURRENCY = 8
CYCLE_PAUSE_SECONDS = 0.1
BACKLOG_WAIT_SECONDS = 0.4
WINDOW_MS = 1_500
"""How long a window holds that a venue announces: a run has no minute to wait for each."""
EXIT_FAILED = 3


@dataclass(frozen=True, slots=True)
class Post:
    """What a worker is told when it starts."""

    world: World
    schedule: Schedule
    fresh: frozenset[Step]
    turn: Step | None
    nth: int
    delay_ms: int
    owner: str
    slot: int = 0
    first_cycle: int = 0
    cycles: int | None = None
    """How many cycles to run; None: until killed."""
    steady_cycle: int | None = None
    """Whose targets to keep; None: every cycle has targets of its own."""


class DiaryAlarm(Alarm):
    """Writes every page into the diary."""

    def __init__(self, diary: Path, who: str) -> None:
        self._diary, self._who = diary, who

    def page(self, alert: Alert) -> None:
        tell(self._diary, self._who, "page", f"{alert.title}: {alert.detail}")


def run_drain(post: Post) -> None:
    """One drain session, until it leaves or is killed."""
    _run(post, f"drain-{post.slot}", _drain)


def run_cycles(post: Post) -> None:
    """Cycle after cycle: look at the account, measure, plan, queue."""
    _run(post, "cycle", _cycles)


def _run(post: Post, name: str, work: Any) -> None:
    log = os.open(post.world.folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, sys.stderr.fileno())
    take_environment(post.world)
    settings = load_settings(post.world.settings_file)
    fuse = Fuse(post.world.deaths_file, post.fresh, post.turn, nth=post.nth, delay_ms=post.delay_ms)
    alarm = over_fuse(DiaryAlarm(post.world.diary_file, name), fuse)
    try:
        with open_stores(settings) as stores:
            work(post, name, settings, stores, fuse, alarm)
    except RebalancerError as error:
        tell(post.world.diary_file, name, type(error).__name__, str(error))
        sys.exit(EXIT_FAILED)


def _drain(
    post: Post, name: str, settings: Settings, stores: Stores, fuse: Fuse, alarm: Alarm
) -> None:
    policy = SessionPolicy(
        slot=post.slot,
        owner=post.owner,
        budget_ms=SESSION_MS,
        idle_ms=IDLE_MS,
        handover_ms=10_000,
        concurrency=CONCURRENCY,
    )

    async def run() -> None:
        clock = SystemClock()
        async with AsyncExitStack() as stack:
            opened = open_desk(settings, Venues(settings, clock), stores, clock, alarm)
            desk = desk_over_fuse(await stack.enter_async_context(opened), fuse, lease_ms=LEASE_MS)
            policies = {venue: settings.venues[venue].key_policy() for venue in desk.venues}
            watch = VenueWatch(desk, policies, window_ms=WINDOW_MS)
            report = await DrainSession(desk, policy, watch=watch, on_settled=lambda _: None).run()
        tell(post.world.diary_file, name, "left", report.left_because)

    uvloop.run(run())


def _cycles(
    post: Post, name: str, settings: Settings, stores: Stores, fuse: Fuse, alarm: Alarm
) -> None:
    clock = SystemClock()
    venues = MortalVenues(settings, clock, fuse)
    desk = CycleDesk(settings, mortal_stores(stores, fuse), venues, clock, alarm)
    last = None if post.cycles is None else post.first_cycle + post.cycles - 1
    number, parent = post.first_cycle, os.getppid()
    while (last is None or number <= last) and os.getppid() == parent:
        tell(post.world.diary_file, name, "cycle", number)
        try:
            _cycle(post, number, desk)
        except StoreUnavailable:
            raise
        except RebalancerError as error:
            tell(post.world.diary_file, name, type(error).__name__, str(error))
        number += 1
        _let_drain(desk.stores.queue)


def _cycle(post: Post, number: int, desk: CycleDesk) -> None:
    name, diary = f"chaos-{post.schedule.seed}-{number}", post.world.diary_file
    targets_from = number if post.steady_cycle is None else post.steady_cycle
    report = run_cycle(
        desk,
        CycleId(name),
        targets_of(post.schedule.targets_bps(targets_from, CASH)),
        lambda value: tell(diary, "cycle", "value", {"cycle_id": name, "value_quote": value}),
    )
    told = {
        "cycle": number,
        "queued": report.queued,
        "verdict": report.verdict.value,
        "stopped": report.stopped,
        "drift_bps": {drift.asset: str(drift.drift_bps) for drift in report.drifts},
    }
    tell(diary, "cycle", "planned", told)


def _let_drain(queue: OrderQueue) -> None:
    """Orders come as fast as they go: a cycle over a full queue would find every symbol busy."""
    time.sleep(CYCLE_PAUSE_SECONDS)
    deadline = time.monotonic() + BACKLOG_WAIT_SECONDS
    while queue.depth().waiting > 0 and time.monotonic() < deadline:
        time.sleep(CYCLE_PAUSE_SECONDS)


def tell(diary: Path, who: str, what: str, detail: object) -> None:
    """One line, in one write: many processes share the file, and any may be killed."""
    line = {"at_ms": time.time_ns() // 1_000_000, "pid": os.getpid(), "who": who, "what": what}
    text = json.dumps(line | {"detail": detail}, default=str) + "\n"
    handle = os.open(diary, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, text.encode())
    finally:
        os.close(handle)
