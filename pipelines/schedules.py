"""When things happen by the clock."""

from collections.abc import Iterator
from datetime import UTC

import dagster as dg

from assets.checks import CYCLE_TAG
from pipelines.jobs import PARTITIONS_JOB, PRECISION_JOB, REBALANCE_JOB
from resources.settings import Settings


@dg.schedule(
    job_name=PRECISION_JOB,
    cron_schedule="5 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day at 00:05 UTC: read each venue's market rules.",
)
def precision_daily(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.RunRequest]:
    day = context.scheduled_execution_time.astimezone(UTC).date().isoformat()
    for venue in settings.venue_names():
        yield dg.RunRequest(
            run_key=f"precision-{venue}-{day}",
            partition_key=dg.MultiPartitionKey({"day": day, "venue": venue}),
        )


@dg.schedule(
    job_name=REBALANCE_JOB,
    cron_schedule="* * * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every minute: look at each portfolio and queue what brings it back.",
)
def rebalance_every_minute(
    context: dg.ScheduleEvaluationContext, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.RunRequest]:
    tick = context.scheduled_execution_time.astimezone(UTC).strftime("%Y%m%dT%H%M")
    for portfolio in sorted(settings.portfolios):
        # Named after the tick, so a retried run plans the same orders under the same ids.
        cycle_id = f"{portfolio}-{tick}"
        yield dg.RunRequest(
            run_key=f"rebalance-{cycle_id}",
            partition_key=portfolio,
            tags={CYCLE_TAG: cycle_id},
        )


@dg.schedule(
    job_name=PARTITIONS_JOB,
    cron_schedule="20 0 * * *",
    execution_timezone="UTC",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every day: make the coming months' partitions of order_history.",
)
def order_history_daily() -> dg.RunRequest:
    return dg.RunRequest()
