"""Runs the real Dagster jobs in this process, on the instance that the UI shows.

Belongs here: starting a job and saying why it failed in one sentence. What jobs do is in pipelines.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.checks import CYCLE_TAG
from pipelines.build import build_definitions
from pipelines.jobs import DRAIN_JOB, PRECISION_JOB, REBALANCE_JOB
from rebalancer import errors
from rebalancer.orders import CycleId, PortfolioName, VenueName
from resources.system_clock import SystemClock, utc_day
from resources.wiring import Stores
from services.cli.dagster_home import IN_PROCESS_FILE
from services.cli.failures import CommandFailed, Exit, code_of, is_interruption
from services.cli.reach import require_dagster_database
from services.cli.world import World

if TYPE_CHECKING:
    from dagster._core.execution.execute_in_process_result import ExecuteInProcessResult
    from dagster_shared.error import SerializableErrorInfo

    from pipelines.session_report import SessionReport

IDLE_MS = 400
"""A person waits for this drain: it leaves as soon as nothing is left to do."""
LOG_NAME = "runs.log"
STATEMENT_MS_MAX = 60_000
POOL_SECONDS = 3_600
POOL_OVERFLOW = 10


class Jobs:
    """The jobs of one open world."""

    def __init__(self, world: World, instance: dg.DagsterInstance, *, debug: bool) -> None:
        self._world = world
        self._instance = instance
        self._debug = debug
        with self._quiet():
            self._definitions = build_definitions(world.settings, config_file=world.config_file)

    def sync_precision(self, venue: VenueName) -> None:
        """Read today's market rules of a venue."""
        day = utc_day(SystemClock().now_ms()).isoformat()
        key = dg.MultiPartitionKey({"day": day, "venue": venue})
        self._run(PRECISION_JOB, partition_key=key)

    def sync_missing_precision(self, stores: Stores) -> None:
        """Read today's rules of each venue for which a symbol has none yet."""
        settings, day = self._world.settings, utc_day(SystemClock().now_ms())
        for venue in settings.venue_names():
            rows = stores.archive.read_precision_day(venue, day)
            known = {row.rule.symbol for row in rows}
            if not known.issuperset(settings.symbols_of(venue)):
                self.sync_precision(venue)

    def rebalance(self, portfolio: PortfolioName) -> CycleId:
        """Look at the portfolio and queue what brings it back. Returns the name of the cycle."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        cycle_id = CycleId(f"{portfolio}-cli-{stamp}")
        self._run(REBALANCE_JOB, partition_key=portfolio, tags={CYCLE_TAG: cycle_id})
        return cycle_id

    def drain(self, *, budget_ms: int | None = None) -> "SessionReport":
        """Send what waits until nothing does. Raises KeyboardInterrupt when told to stop."""
        asked: dict[str, int] = {"idle_ms": IDLE_MS}
        if budget_ms is not None:
            asked["budget_ms"] = budget_ms
        config = {"ops": {"fills": {"ops": {"drain_queue": {"config": asked}}}}}
        result = self._run(DRAIN_JOB, run_config=config)
        report: SessionReport = result.output_for_node("fills.drain_queue")
        if report.left_because.startswith("asked to stop"):
            raise KeyboardInterrupt
        return report

    def _run(
        self,
        name: str,
        *,
        partition_key: str | None = None,
        tags: Mapping[str, str] | None = None,
        run_config: Mapping[str, Any] | None = None,
    ) -> "ExecuteInProcessResult":
        job = self._definitions.resolve_job_def(name)
        with self._quiet():
            result = job.execute_in_process(
                instance=self._instance,
                partition_key=partition_key,
                tags=tags,
                run_config=run_config,
                raise_on_error=False,
            )
        if not result.success:
            if _was_interrupted(result):
                raise KeyboardInterrupt
            raise _failure_of(name, result)
        return result

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Dagster logs to the terminal; a person sees results, and finds the log in a file."""
        if self._debug:
            yield
            return
        with (self._world.logs / LOG_NAME).open("a") as log, redirect_stderr(log):
            yield


@contextmanager
def open_jobs(world: World, *, debug: bool) -> Iterator[Jobs]:
    """The jobs on the instance that keeps its runs in PostgreSQL, where the UI finds them.

    Raises:
        StoreUnavailable: that PostgreSQL does not answer.
    """
    assert os.environ["DAGSTER_HOME"] == str(world.dagster_home), world
    world.logs.mkdir(parents=True, exist_ok=True)
    # Dagster itself would try six times, with a warning on the terminal for each.
    require_dagster_database()
    folder = str(world.dagster_home)
    with dg.DagsterInstance.from_config(folder, IN_PROCESS_FILE) as instance:
        # Otherwise Dagster connects anew for every event it stores: a third of a short run's time.
        instance.optimize_for_webserver(
            statement_timeout=STATEMENT_MS_MAX,
            pool_recycle=POOL_SECONDS,
            max_overflow=POOL_OVERFLOW,
        )
        yield Jobs(world, instance, debug=debug)


def _was_interrupted(result: "ExecuteInProcessResult") -> bool:
    """Dagster turns Ctrl-C, and every signal like it, into a failed run."""
    failures = [event.job_failure_data.error for event in result.all_events if event.is_job_failure]
    failures += [
        event.step_failure_data.error for event in result.all_events if event.is_step_failure
    ]
    return any(
        is_interruption(link.cls_name) for error in failures if error for link in _behind(error)
    )


def _behind(error: "SerializableErrorInfo") -> "Iterator[SerializableErrorInfo]":
    """The error and those it came of, nearest first."""
    link: SerializableErrorInfo | None = error
    while link is not None:
        yield link
        link = link.cause or link.context


def _failure_of(name: str, result: "ExecuteInProcessResult") -> CommandFailed:
    """The innermost reason of a failed run, in the words it was raised with."""
    where = f"run {result.run_id[:8]} of {name}"
    if red := _red_checks(result):
        return CommandFailed(f"{where}: {red}", Exit.GOAL_MISSED)
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            where = f"{event.step_key} ({where})"
            if data.user_failure_data is not None and data.user_failure_data.description:
                return CommandFailed(
                    f"{where}: {data.user_failure_data.description}", Exit.GOAL_MISSED
                )
            if data.error is not None:
                return _told(where, data.error)
        if event.is_job_failure and event.job_failure_data.error is not None:
            return _told(where, event.job_failure_data.error)
    return CommandFailed(f"{where} failed without a reason", Exit.GOAL_MISSED)


def _red_checks(result: "ExecuteInProcessResult") -> str:
    """What each failed check found; '' when none failed."""
    return "; ".join(
        f"{check.check_name} failed, {check.description}"
        for check in result.get_asset_check_evaluations()
        if not check.passed
    )


def _told(where: str, error: "SerializableErrorInfo") -> CommandFailed:
    chain = [error]
    while (cause := chain[-1].cause) is not None:
        chain.append(cause)
    # Ours say what to do next; what a driver said is quoted in them already.
    for link in chain:
        kind = getattr(errors, link.cls_name or "", None)
        if isinstance(kind, type) and issubclass(kind, errors.RebalancerError):
            return CommandFailed(_message(link), code_of(kind))
    innermost = chain[-1]
    said = f"{innermost.cls_name}: {_message(innermost)}"
    return CommandFailed(f"{where}: {said}", Exit.GOAL_MISSED)


def _message(error: "SerializableErrorInfo") -> str:
    """The message alone; Dagster puts the class before it."""
    text = error.message.strip()
    _, colon, rest = text.partition(": ")
    is_class = colon and text.partition(":")[0].rpartition(".")[2] == error.cls_name
    return rest.strip() if is_class else text
