"""The one that keeps the workers going and brings them down, round after round.

Belongs here: starting, killing and reaping workers, and what a round asks for. What is asked for
is decided in `schedule`; what became of the orders is judged elsewhere.
"""

import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any
from urllib.error import HTTPError, URLError

from rebalancer.money import BPS_WHOLE
from tests.chaos.diary import Diary
from tests.chaos.facts import Period, TurnoverCap
from tests.chaos.faults import MAY_BE_REFUSED
from tests.chaos.person import Person
from tests.chaos.proxies import Step, all_steps
from tests.chaos.scenarios import SCENARIOS, Stage
from tests.chaos.schedule import ROUND_MS, Round, Schedule
from tests.chaos.workers import EXIT_FAILED, Post, run_cycles, run_drain
from tests.chaos.world import CASH, World

POLL_SECONDS = 0.01
CYCLE = "cycle"
FORESEEN = (0, EXIT_FAILED)
"""A worker leaves, or fails with an error of the engine's own; anything else is a bug."""
PRELOADED = [
    "tests.chaos.workers",
    "ccxt.async_support",
    "psycopg2",
    "resources.ccxt_venue",
    "resources.embedded",
    "resources.postgres_archive",
    "resources.postgres_ledger",
    "resources.postgres_schema",
    "resources.rate_limit",
    "resources.redis_queue",
    "resources.redis_controls",
    "resources.postgres_booking",
]
"""What the engine imports late. Forked after that, a worker starts in a tenth of a second."""


class Supervisor:
    """The workers of one run. Use as a context: leaving it ends every one of them."""

    def __init__(self, world: World, schedule: Schedule) -> None:
        self.world, self.schedule = world, schedule
        self.diary = Diary(world)
        self.kills: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.periods: list[Period] = []
        self.caps: list[TurnoverCap] = []
        self.person = Person(world, self.asked)
        self.is_killing = True
        self._steps = all_steps()
        self._started = 0
        self._owners: dict[str, str] = {}
        self._workers: dict[str, ForkServerProcess] = {}
        self._doomed: set[int] = set()
        self._levels: dict[str, int] = {}
        self._context: ForkServerContext = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)

    @property
    def unreached(self) -> tuple[str, ...]:
        """Steps at which nobody died."""
        return tuple(str(step) for step in self._steps if str(step) not in self.kills)

    def __enter__(self) -> "Supervisor":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop_all()
        self.person.leave()

    def run_round(self, round_: Round) -> None:
        """Ask for everything the round wants, and keep the workers going meanwhile."""
        ends_at = time.monotonic() + ROUND_MS / 1_000
        self._bend_market(round_)
        for fault in round_.faults:
            self._set_fault(fault)
        self._break_servers(round_)
        if round_.scenario is not None:
            self.play(round_.scenario)
        for kill in round_.kills:
            self._tend_until(ends_at - (ROUND_MS - kill.after_ms) / 1_000)
            self._kill(kill.victim)
        self._tend_until(ends_at)

    def play(self, name: str) -> None:
        """Let one scenario happen, the workers going on, and remember when it held."""
        self.asked[name] += 1
        for held in SCENARIOS[name](Stage(self.world, self.tend, self.stop_all)):
            if isinstance(held, Period):
                self.periods.append(held)
            else:
                self.caps.append(held)

    def tend(self) -> None:
        """Reap who died and start somebody in their place; let the person do one thing."""
        self.person.look()
        for name in (CYCLE, *(f"drain-{slot}" for slot in range(self.schedule.drains))):
            worker = self._workers.get(name)
            if worker is None or not worker.is_alive():
                if worker is not None:
                    self._reap(name, worker)
                self._start(name)

    def stop(self, name: str) -> None:
        """End one worker for good."""
        if worker := self._workers.pop(name, None):
            worker.kill()
            worker.join()

    def stop_all(self) -> None:
        for name in tuple(self._workers):
            self.stop(name)

    def calm(self) -> None:
        """No more faults, kills or moves: what is under way may end."""
        self.is_killing = False
        # Each was told when to die, and must not do so now.
        self.stop_all()
        while self.schedule.fault_kinds and not self._ask("DELETE", "/paper/faults", None):
            time.sleep(POLL_SECONDS)
        while not self._ask("POST", "/paper/latency", {"ms": 0}):
            time.sleep(POLL_SECONDS)

    def tend_drains(self) -> None:
        self.person.look()
        for slot in range(self.schedule.drains):
            name = f"drain-{slot}"
            worker = self._workers.get(name)
            if worker is None or not worker.is_alive():
                self._start(name)

    def run_cycle_once(self, number: int, *, steady_cycle: int) -> int | None:
        """One cycle in a worker of its own; returns how it ended."""
        post = self._post(CYCLE, first_cycle=number, cycles=1, steady_cycle=steady_cycle)
        worker = self._context.Process(target=run_cycles, args=(post,))
        worker.start()
        worker.join(60)
        worker.kill()
        return worker.exitcode

    def _tend_until(self, deadline: float) -> None:
        while time.monotonic() < deadline:
            self.tend()
            time.sleep(POLL_SECONDS)

    def _start(self, name: str) -> None:
        if name == CYCLE:
            target: Callable[[Post], None] = run_cycles
            # A run that died is started again for the same tick, as often as not with new prices.
            post = self._post(name, first_cycle=self.diary.next_cycle())
        else:
            target, post = run_drain, self._post(name, slot=int(name.rpartition("-")[2]))
        worker = self._context.Process(target=target, args=(post,))
        worker.start()
        self._workers[name] = worker

    def _post(self, name: str, **more: Any) -> Post:
        ticket = self.schedule.ticket(self._started)
        self._started += 1
        if not ticket.keeps_owner or name not in self._owners:
            self._owners[name] = f"{name}-{self._started}"
        fresh: frozenset[Step] = frozenset()
        turn = None
        if self.is_killing and ticket.is_to_die:
            fresh = frozenset(step for step in self._steps if str(step) not in self.kills)
            turn = self._turn(ticket.turn)
        return Post(
            world=self.world,
            schedule=self.schedule,
            fresh=fresh,
            turn=turn,
            nth=ticket.nth,
            delay_ms=ticket.delay_ms,
            owner=self._owners[name],
            **more,
        )

    def _turn(self, number: int) -> Step:
        """The steps take turns; those that were never reached are fresh and need none."""
        reached = [step for step in self._steps if str(step) in self.kills] or list(self._steps)
        return reached[number % len(reached)]

    def _reap(self, name: str, worker: ForkServerProcess) -> None:
        worker.join()
        pid = worker.pid or 0
        if pid in self._doomed:
            self._doomed.discard(pid)
            self.kills["at a random instant"] += 1
        elif worker.exitcode == -signal.SIGKILL:
            self.kills[self.diary.step_of_death(pid)] += 1
        else:
            self.asked[f"worker ended by itself ({worker.exitcode})"] += 1
            if worker.exitcode not in FORESEEN:
                self.diary.halts.append(f"{name} broke down ({worker.exitcode}); see {name}.log")

    def _kill(self, victim: int) -> None:
        name = CYCLE if victim == 0 else f"drain-{victim - 1}"
        worker = self._workers.get(name)
        if worker is not None and worker.is_alive() and worker.pid:
            self._doomed.add(worker.pid)
            os.kill(worker.pid, signal.SIGKILL)

    def _bend_market(self, round_: Round) -> None:
        for base, level in round_.levels_bps.items():
            before = BPS_WHOLE + self._levels.get(base, 0)
            bps = BPS_WHOLE * (BPS_WHOLE + level) // before - BPS_WHOLE
            if self._ask("POST", "/paper/price", {"symbol": f"{base}{CASH}", "bps": bps}):
                self._levels[base] = before * (BPS_WHOLE + bps) // BPS_WHOLE - BPS_WHOLE
        self._ask("POST", "/paper/latency", {"ms": round_.latency_ms})

    def _set_fault(self, fault: Mapping[str, Any]) -> None:
        try:
            self._ask("POST", "/paper/faults", dict(fault))
        except ValueError:
            # A stranger's order and a withdrawal need money that may not be there just now.
            if fault["kind"] not in MAY_BE_REFUSED:
                raise
            self.asked[f"{fault['kind']} refused"] += 1

    def _break_servers(self, round_: Round) -> None:
        if round_.crash is not None:
            self.asked[f"{round_.crash} killed"] += 1
            self.world.crash(round_.crash)
            self._tend_until(time.monotonic() + 0.2)
            self.world.restart_servers()
        if round_.cut is not None:
            self.asked[f"{round_.cut} connections cut"] += 1
            self.world.cut(round_.cut)

    def _ask(self, method: str, path: str, body: object) -> bool:
        """A control request; the exchange may be refusing connections just now."""
        try:
            self.world.paper.ask(method, path, body)
        except HTTPError as refusal:
            raise ValueError(f"{method} {path} {body}: {refusal.read().decode()}") from None
        except (URLError, ConnectionError, TimeoutError):
            return False
        return True
