"""Upkeep of the database, as a job people can see."""

import dagster as dg

from pipelines.jobs import PARTITIONS_JOB
from rebalancer.ports import Clock
from resources.system_clock import utc_day
from resources.wiring import MONTHS_AHEAD, Stores


@dg.op(description="Make the partitions of order_history for this month and the next three.")
def make_partitions(
    context: dg.OpExecutionContext,
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
) -> None:
    made = stores.archive.extend_order_history(
        today=utc_day(clock.now_ms()), months_ahead=MONTHS_AHEAD
    )
    context.log.info(f"partitions made: {', '.join(made) or 'none were missing'}")


@dg.job(name=PARTITIONS_JOB, executor_def=dg.in_process_executor)
def extend_order_history() -> None:
    """Partitions are made ahead, so that the first order of a month finds its own."""
    make_partitions()
