"""One run from start to verdict: storm, calm, convergence, judgement."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError

from rebalancer.account_compare import QUIET_MS
from rebalancer.errors import StoreUnavailable
from rebalancer.ports import OrderQueue
from rebalancer.queue import QueueDepth
from resources.settings_file import load_settings
from resources.wiring import open_queue
from tests.chaos.diary import Diary, Tail
from tests.chaos.evidence import gather, holdings, sends_of
from tests.chaos.facts import Evidence, Verdict
from tests.chaos.plan import Plan
from tests.chaos.schedule import Schedule
from tests.chaos.supervisor import Supervisor
from tests.chaos.verdict import CYCLES_MAX, Held, judge_run
from tests.chaos.world import (
    BAND_BPS,
    BASES,
    World,
    read_urls,
    running_world,
    take_environment,
)

SETTLE_SECONDS = 60
SETTLE_SECONDS_MAX = 240


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run showed."""

    plan: Plan
    rounds: int
    seconds: float
    kills: Mapping[str, int]
    unreached: tuple[str, ...]
    asked: Mapping[str, int]
    faults_fired: Mapping[str, int]
    diary: Diary
    evidence: Evidence
    freezes: Mapping[str, int]
    verdicts: tuple[Verdict, ...]


@dataclass(slots=True)
class Progress:
    """How far the run is, for whoever shows it."""

    phase: str = "starting servers and the exchange"
    orders: int | None = None
    kills: int | None = None


Show = Callable[[Progress], None]


def run(plan: Plan, folder: Path, show: Show) -> Outcome:
    """Break everything, then look at what is left."""
    begun = time.monotonic()
    show(Progress())
    with running_world(folder, rate=plan.rate, seed=plan.seed) as world:
        take_environment(world)
        with_panel = has_panel(world)
        kinds = plan.fault_kinds if with_panel else ()
        schedule = Schedule(plan.seed, BASES, plan.drains, kinds, plan.scenarios, plan.pace)
        initial = holdings(world)
        with Supervisor(world, schedule) as supervisor:
            rounds = _storm(plan, supervisor, show)
            show(Progress("the faults are over: settling"))
            supervisor.calm()
            # Totals outlive the faults; while those last, the exchange may be refusing to be asked.
            fired = world.paper.ask("GET", "/paper/faults")["fired"] if with_panel else {}
            settings = load_settings(world.settings_file)
            with open_queue(settings, read_urls(world.urls_file).redis_url) as queue:
                cycles = _settle(supervisor, queue)
                supervisor.stop_all()
                evidence = gather(world, queue, initial, supervisor.diary)
            supervisor.diary.catch_up()
            person = supervisor.person
            periods = [*supervisor.periods, *person.periods]
            held = Held(periods, supervisor.caps, person.freezes, fired)
            return Outcome(
                plan=plan,
                rounds=rounds,
                seconds=time.monotonic() - begun,
                kills=supervisor.kills,
                unreached=supervisor.unreached,
                asked=supervisor.asked,
                faults_fired=fired,
                diary=supervisor.diary,
                evidence=evidence,
                freezes=supervisor.person.freezes,
                verdicts=judge_run(plan, held, supervisor.diary, evidence, cycles),
            )


def has_panel(world: World) -> bool:
    """Whether this paper exchange can be asked for faults."""
    try:
        world.paper.ask("GET", "/paper/faults")
    except HTTPError:
        return False
    return True


def _storm(plan: Plan, supervisor: Supervisor, show: Show) -> int:
    """Rounds until there are enough orders and enough kills, or no time is left."""
    index, orders, journal = 0, 0, Tail(supervisor.world.paper.journal)
    # The first workers wait for everything to be imported; the storm begins when they live.
    supervisor.tend()
    until = time.monotonic() + plan.seconds_max
    while time.monotonic() < until and index != supervisor.schedule.pace.rounds_max:
        orders += sum(send.is_acted for send in sends_of(journal.read()))
        kills = supervisor.kills.total()
        show(Progress("breaking everything", orders, kills))
        if orders >= plan.orders and kills >= plan.kills:
            break
        supervisor.run_round(supervisor.schedule.round(index))
        index += 1
    return index


def _settle(supervisor: Supervisor, queue: OrderQueue) -> int:
    """Let everything under way end, then cycle on steady targets until the weights are in band.

    A cycle counts when the account agreed with the books and nothing was halted: before that, a
    person may still be needed.
    """
    _drain_dry(supervisor, queue)
    supervisor.diary.catch_up()
    first = number = supervisor.diary.next_cycle() + 1
    counted, deadline = 0, time.monotonic() + SETTLE_SECONDS_MAX
    while counted <= CYCLES_MAX and time.monotonic() < deadline:
        # The account is compared once nothing has moved for a while, as between cycles of minutes.
        _wait(supervisor, QUIET_MS / 1_000 + 0.3)
        number += 1
        supervisor.run_cycle_once(number, steady_cycle=first)
        _drain_dry(supervisor, queue)
        supervisor.diary.catch_up()
        diary = supervisor.diary
        if diary.planned_cycle == number and diary.is_agreed:
            counted += 1
            if all(abs(drift) <= BAND_BPS for drift in diary.drift_bps.values()):
                break
    return counted


def _wait(supervisor: Supervisor, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until or supervisor.person.is_busy:
        supervisor.tend_drains()
        time.sleep(0.05)


def _drain_dry(supervisor: Supervisor, queue: OrderQueue) -> None:
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        supervisor.tend_drains()
        depth = _depth(queue)
        if depth is not None and depth.waiting == 0 and depth.in_doubt == 0:
            return
        time.sleep(0.05)


def _depth(queue: OrderQueue) -> QueueDepth | None:
    """None while nobody has recovered a queue that lost its data."""
    try:
        return queue.depth()
    except StoreUnavailable:
        return None
