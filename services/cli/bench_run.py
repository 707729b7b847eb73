"""Runs a benchmark for a person or a program, and ends it in order.

Belongs here: choosing, progress, and how a benchmark that did not come to its end is told. What
results look like is in `bench_tables`; measuring is in the package `bench`.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from math import isnan
from typing import Any, TypeVar

from bench.failure import BenchFailed
from bench.machine import Machine, this_machine
from services.cli import bench_tables
from services.cli.failures import CommandFailed, Exit
from services.cli.terminal import complain, err, print_json

Run = TypeVar("Run")
Number = TypeVar("Number", int, float)


def run_latency(
    orders: int,
    repetitions: int,
    depths: Sequence[int] | None,
    round_trips_ms: Sequence[float] | None,
    variants: Sequence[str] | None,
    *,
    as_json: bool,
) -> None:
    from bench import latency

    chosen = _chosen(variants, latency.VARIANTS)
    if any(map(isnan, round_trips_ms or ())):
        raise CommandFailed(
            "--round-trip-ms: expected milliseconds from 0 to 1000, was nan", Exit.BAD_INPUT
        )
    runs = latency.measure_latency(
        orders=orders,
        repetitions=repetitions,
        depths=_sorted(depths) or latency.DEPTHS,
        variants=chosen,
        round_trips_ms=_sorted(round_trips_ms) or latency.ROUND_TRIPS_MS,
    )
    _run("latency", runs, bench_tables.latency_result, bench_tables.show_latency, as_json=as_json)


def run_throughput(
    orders: int,
    repetitions: int,
    concurrencies: Sequence[int] | None,
    variants: Sequence[str] | None,
    *,
    as_json: bool,
) -> None:
    from bench import throughput

    runs = throughput.measure_throughput(
        orders=orders,
        repetitions=repetitions,
        variants=_chosen(variants, throughput.VARIANTS),
        concurrencies=_sorted(concurrencies) or throughput.CONCURRENCIES,
    )
    result, show = bench_tables.throughput_result, bench_tables.show_throughput
    _run("throughput", runs, result, show, as_json=as_json)


def run_startup(
    orders: int, repetitions: int, *, with_dagster: bool, with_demo: bool, as_json: bool
) -> None:
    from bench.startup import measure_startup

    runs = measure_startup(
        repetitions=repetitions, wake_ups=orders, with_dagster=with_dagster, with_demo=with_demo
    )
    _run("startup", runs, bench_tables.startup_result, bench_tables.show_startup, as_json=as_json)


def run_queue(
    orders: int, repetitions: int, depths: Sequence[int] | None, *, as_json: bool
) -> None:
    from bench import queue_growth

    runs = queue_growth.measure_growth(
        orders=orders, repetitions=repetitions, depths=_sorted(depths) or queue_growth.DEPTHS
    )
    _run("queue", runs, bench_tables.queue_result, bench_tables.show_queue, as_json=as_json)


def _run(
    name: str,
    runs: Iterator[Run],
    result_of: Callable[[Sequence[Run]], list[dict[str, Any]]],
    show: Callable[[Sequence[dict[str, Any]]], None],
    *,
    as_json: bool,
) -> None:
    machine = this_machine()
    with _told_when_it_ends_early(name):
        measured = _measure(name, runs)
    result = result_of(measured)
    if as_json:
        print_json({"benchmark": name, "machine": asdict(machine), "results": result})
        return
    show(result)
    _show_machine(machine)


def _measure(name: str, runs: Iterator[Run]) -> list[Run]:
    if not err().is_terminal:
        return list(runs)
    measured: list[Run] = []
    with err().status(f"{name}: starting …") as line:
        for run in runs:
            measured.append(run)
            line.update(f"{name}: {len(measured)} measured, last {bench_tables.name_of(run)} …")
    return measured


@contextmanager
def _told_when_it_ends_early(name: str) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        complain(
            f"bench {name} was interrupted; everything it had started is ended, and nothing is "
            "reported of what was measured by then"
        )
        raise
    except BenchFailed as failure:
        raise CommandFailed(f"bench {name}: {failure}", Exit.GOAL_MISSED) from failure


def _chosen(asked: Sequence[str] | None, known: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in asked or () if name not in known]
    if unknown:
        raise CommandFailed(
            f"--variant: expected one of {', '.join(known)}, was {', '.join(unknown)}",
            Exit.BAD_INPUT,
        )
    return tuple(asked or known)


def _sorted(numbers: Sequence[Number] | None) -> Sequence[Number]:
    return tuple(sorted(set(numbers or ())))


def _show_machine(machine: Machine) -> None:
    from services.cli.terminal import note

    note(
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_gib} GiB, Python {machine.python}, "
        f"{machine.system}; load before it began {machine.load}"
    )
