"""Tells people: one alert for each failed run, and one for each run with a red check.

Belongs here: reading Dagster's own event log and turning it into alerts. It sees runs that were
killed as well, which no hook inside a run can. A run that failed because of a red check raises one
alert, not two.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Literal

import dagster as dg

from rebalancer.ports import Alarm, Alert
from resources.settings import Settings

EVENTS_PER_TICK = 50

RunEnd = Literal[dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_SUCCESS]


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last event of each kind that was told. A new sensor starts at the present."""

    failures: int | None
    successes: int | None

    @classmethod
    def parse(cls, text: str | None) -> "Cursor":
        return cls(**json.loads(text)) if text else cls(None, None)


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Sends one alert for each failed run and for each run with a red check.",
)
def failure_sensor(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    alarm: dg.ResourceParam[Alarm],
) -> dg.SkipReason:
    """One tick: read what ended since the last one, and page."""
    link = settings.ui_url or f"http://127.0.0.1:{settings.ui_port}"
    cursor = Cursor.parse(context.cursor)
    failed, failures = _ended_since(
        context.instance, dg.DagsterEventType.RUN_FAILURE, cursor.failures
    )
    passed, successes = _ended_since(
        context.instance, dg.DagsterEventType.RUN_SUCCESS, cursor.successes
    )
    alerts = [alert_for_failed_run(context.instance, run_id, link=link) for run_id in failed]
    alerts += [
        alert
        for run_id in passed
        if (alert := alert_for_red_checks(context.instance, run_id, link=link))
    ]
    for alert in alerts:
        alarm.page(alert)
    context.update_cursor(json.dumps(asdict(Cursor(failures, successes))))
    return dg.SkipReason(f"{len(alerts)} alerts raised" if alerts else "no run failed")


def alert_for_failed_run(instance: dg.DagsterInstance, run_id: str, *, link: str) -> Alert:
    """What failed, where, and why, with a link to the run."""
    run = instance.get_run_by_id(run_id)
    job = run.job_name if run else "unknown job"
    step, reason = _first_failure(instance, run_id)
    red = _red_checks(instance, run_id)
    detail = "\n".join([reason, *(f"red check {name}: {why}" for name, why in red.items())])
    first_line = reason.splitlines()[0] if reason else "the run ended without a word"
    return Alert(
        title=f"{job} failed at {step}: {first_line}",
        detail=detail,
        fingerprint=("run-failed", job, step, *sorted(red)),
        link=f"{link}/runs/{run_id}",
        tags=_tags_of(run, run_id, asset=step),
    )


def alert_for_red_checks(instance: dg.DagsterInstance, run_id: str, *, link: str) -> Alert | None:
    """The red checks of a run that ended well all the same, or None."""
    red = _red_checks(instance, run_id)
    if not red:
        return None
    run = instance.get_run_by_id(run_id)
    job = run.job_name if run else "unknown job"
    return Alert(
        title=f"{job}: red check {', '.join(sorted(red))}",
        detail="\n".join(f"{name}: {why}" for name, why in sorted(red.items())),
        fingerprint=("red-check", job, *sorted(red)),
        link=f"{link}/runs/{run_id}",
        tags=_tags_of(run, run_id, asset=next(iter(sorted(red))).partition(".")[0]),
    )


def _ended_since(
    instance: dg.DagsterInstance, kind: RunEnd, after: int | None
) -> tuple[list[str], int]:
    """Runs that ended after the event `after`, oldest first, and the last event read."""
    if after is None:
        newest = instance.fetch_run_status_changes(
            dg.RunStatusChangeRecordsFilter(event_type=kind),
            limit=1,
        ).records
        return [], newest[0].storage_id if newest else 0
    records = instance.fetch_run_status_changes(
        dg.RunStatusChangeRecordsFilter(event_type=kind, after_storage_id=after),
        limit=EVENTS_PER_TICK,
        ascending=True,
    ).records
    last = max((record.storage_id for record in records), default=after)
    return [record.event_log_entry.run_id for record in records], last


def _first_failure(instance: dg.DagsterInstance, run_id: str) -> tuple[str, str]:
    """The step that failed first and its error, innermost cause first."""
    failures = instance.all_logs(run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    for entry in failures:
        event = entry.dagster_event
        if event is None:
            continue
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            return event.step_key or "unknown step", error.to_string()
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.RUN_FAILURE):
        return "the run itself", entry.user_message or entry.message
    return "the run itself", "the run ended without a word"


def _red_checks(instance: dg.DagsterInstance, run_id: str) -> dict[str, str]:
    red: dict[str, str] = {}
    entries = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    for entry in entries:
        event = entry.dagster_event
        if event is None:
            continue
        evaluation = event.asset_check_evaluation_data
        if not evaluation.passed:
            name = f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name}"
            red[name] = evaluation.description or "failed"
    return red


def _tags_of(run: dg.DagsterRun | None, run_id: str, *, asset: str) -> Mapping[str, str]:
    tags: dict[str, str] = {"run": run_id, "asset": asset}
    if run is not None:
        tags["job"] = run.job_name
        partition = run.tags.get("dagster/partition") or _range_of(run.tags)
        if partition:
            tags["partition"] = partition
    return tags


def _range_of(tags: Mapping[str, str]) -> str | None:
    ends: Iterable[str | None] = (
        tags.get("dagster/asset_partition_range_start"),
        tags.get("dagster/asset_partition_range_end"),
    )
    known = [end for end in ends if end]
    return " … ".join(known) or None
