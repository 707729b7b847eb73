"""The asset graph as a text: a change of lineage, schedule or check is seen in review.

After a change that is wanted: `TRIMTAB_WRITE_GOLDEN=1 pytest tests/assets/test_asset_graph.py`.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.build import build_definitions
from tests.assets.location import make_settings

GOLDEN = Path(__file__).with_name("asset_graph.txt")
WRITE = "TRIMTAB_WRITE_GOLDEN"
ASSETS = (
    "balances",
    "drift_signals",
    "fills",
    "market_precision",
    "rebalance_orders",
    "sanitized_tickers",
)


@pytest.fixture(scope="module")
def definitions() -> dg.Definitions:
    return build_definitions(make_settings(), config_file=None)


def test_the_graph_is_the_one_on_record(definitions: dg.Definitions) -> None:
    text = "\n".join(_describe(definitions)) + "\n"
    if os.environ.get(WRITE):
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8"), f"set {WRITE}=1 to record a wanted change"


def test_every_definition_can_be_loaded(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


@pytest.mark.parametrize("name", ASSETS)
def test_every_asset_says_what_it_is(name: str, definitions: dg.Definitions) -> None:
    spec = _spec_of(definitions, name)
    assert spec.group_name in ("market", "portfolio", "execution")
    assert spec.owners == ["team:trading"]
    assert spec.kinds
    assert spec.description
    schema = spec.metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert all(column.description for column in schema.columns)


def test_no_asset_is_left_out_of_the_record(definitions: dg.Definitions) -> None:
    specs = definitions.resolve_all_asset_specs()
    assert sorted(spec.key.to_user_string() for spec in specs) == list(ASSETS)


@pytest.mark.parametrize("name", ["sync_precision", "rebalance", "drain_orders"])
def test_every_job_runs_in_one_process_and_is_ended_when_stuck(
    name: str, definitions: dg.Definitions
) -> None:
    job = definitions.resolve_job_def(name)
    assert job.executor_def.name == "in_process"
    assert int(job.tags["dagster/max_runtime"]) > 0


def _describe(definitions: dg.Definitions) -> Iterator[str]:
    for name in ASSETS:
        yield from _describe_asset(definitions, name)
    repository = definitions.get_repository_def()
    for job in sorted(repository.get_all_jobs(), key=lambda job: job.name):
        if not job.name.startswith("__"):
            selected = sorted(key.to_user_string() for key in job.asset_layer.selected_asset_keys)
            yield f"job {job.name}: {', '.join(selected) or 'no asset'}"
    for schedule in sorted(repository.schedule_defs, key=lambda schedule: schedule.name):
        yield (
            f"schedule {schedule.name}: {schedule.cron_schedule!r} {schedule.execution_timezone} "
            f"→ {schedule.job_name}, {schedule.default_status.value}"
        )
    for sensor in sorted(repository.sensor_defs, key=lambda sensor: sensor.name):
        jobs = ", ".join(target.job_name for target in sensor.targets) or "no job"
        yield (
            f"sensor {sensor.name}: every {sensor.minimum_interval_seconds} s → {jobs}, "
            f"{sensor.default_status.value}"
        )


def _describe_asset(definitions: dg.Definitions, name: str) -> Iterator[str]:
    spec = _spec_of(definitions, name)
    yield f"asset {name}"
    yield f"  group {spec.group_name}, owners {', '.join(spec.owners)}"
    yield f"  kinds {', '.join(sorted(spec.kinds))}"
    asset = definitions.resolve_assets_def(spec.key)
    for dep in sorted(spec.deps, key=lambda dep: dep.asset_key):
        mapping = asset.get_partition_mapping(dep.asset_key)
        told = f", {type(mapping).__name__}" if mapping is not None else ""
        yield f"  after {dep.asset_key.to_user_string()}{told}"
    yield f"  partitions {_partitions_text(spec.partitions_def)}"
    for check in sorted(asset.check_specs, key=lambda check: check.name):
        if check.asset_key == spec.key:
            yield f"  check {check.name}, {'blocking' if check.blocking else 'not blocking'}"
    schema = spec.metadata["dagster/column_schema"]
    for column in schema.columns:
        yield f"  column {column.name} {column.type}"


def _partitions_text(partitions: dg.PartitionsDefinition[str] | None) -> str:
    match partitions:
        case None:
            return "none"
        case dg.MultiPartitionsDefinition():
            sides = (
                f"{side.name} = {_partitions_text(side.partitions_def)}"
                for side in partitions.partitions_defs
            )
            return " × ".join(sides)
        case dg.StaticPartitionsDefinition():
            return ", ".join(partitions.get_partition_keys())
        case dg.DailyPartitionsDefinition():
            return f"daily from {partitions.start.date()}, {partitions.end_offset} past the last"
        case _:
            return type(partitions).__name__


def _spec_of(definitions: dg.Definitions, name: str) -> dg.AssetSpec:
    [spec] = [
        spec for spec in definitions.resolve_all_asset_specs() if spec.key == dg.AssetKey(name)
    ]
    return spec
