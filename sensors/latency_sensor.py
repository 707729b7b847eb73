"""When to trade: measures the venues and the queue, and keeps one drain session alive."""

import asyncio

import dagster as dg

from rebalancer.ports import Alarm, Clock
from rebalancer.queue import MAIN_SLOT
from rebalancer.recovery import recover_queue
from resources.settings import Settings
from resources.venue_latency import measure_venues
from resources.wiring import Stores, Venues
from sensors.drain_decision import DrainRun, DrainView, Launch, Wait, judge_drain

DRAIN_JOB = "drain_orders"
RUNS_READ_MAX = 10

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
]


@dg.sensor(
    job_name=DRAIN_JOB,
    minimum_interval_seconds=5,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Launches a drain session when orders wait and the venue answers fast enough, "
    "when one is urgent, or when one is in doubt.",
)
def latency_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    venues: dg.ResourceParam[Venues],
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    alarm: dg.ResourceParam[Alarm],
) -> dg.RunRequest | dg.SkipReason:
    """One tick. The queue is asked first: a venue is only probed while orders wait.

    A queue that Redis has lost would look empty, and its orders would wait for the next cycle.
    """
    if stores.queue.is_lost():
        asyncio.run(
            recover_queue(
                stores.queue, stores.controls, stores.ledger, alarm, now_ms=clock.now_ms()
            )
        )
    depth = stores.queue.depth()
    waits = depth.waiting > 0 or depth.in_doubt > 0
    now_ms = clock.now_ms()
    view = DrainView(
        depth=depth,
        tenure=stores.queue.tenure_state(MAIN_SLOT),
        runs=_runs_under_way(context, now_ms=now_ms) if waits else (),
        conditions=measure_venues(settings, venues, stores.queue) if waits else {},
        gates={name: settings.venues[name].gate() for name in settings.venue_names()},
        budget_ms=settings.drain.budget_ms,
        overlap_ms=settings.drain.overlap_ms,
        now_ms=now_ms,
    )
    match judge_drain(view):
        case Launch(run_key=run_key, reason=reason):
            context.log.info(f"launching a drain session: {reason}")
            return dg.RunRequest(run_key=run_key, tags={"trimtab/reason": reason})
        case Wait(reason=reason):
            return dg.SkipReason(reason)


def _runs_under_way(context: dg.SensorEvaluationContext, *, now_ms: int) -> tuple[DrainRun, ...]:
    records = context.instance.get_run_records(
        dg.RunsFilter(job_name=DRAIN_JOB, statuses=_UNDER_WAY), limit=RUNS_READ_MAX
    )
    return tuple(
        DrainRun(
            record.dagster_run.run_id,
            max(0, now_ms - int(record.create_timestamp.timestamp() * 1_000)),
        )
        for record in records
    )
