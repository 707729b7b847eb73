"""What benchmarks found, as rows for a program and as tables for a person.

Belongs here: bringing the repetitions of one thing together, and words. Every figure of a row is a
median over the repetitions, with the least and the most of them beside it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

from bench.figures import Percentiles, Spread, spread_of
from bench.latency import ALONE, BASELINE, ENGINE, FLOOR, PACED_FLOOR, LatencyRun
from bench.order_times import STAGES, SUMS
from bench.queue_growth import GrowthRun
from bench.startup import StartupRun
from bench.throughput import TITLES, ThroughputRun
from services.cli.terminal import heading, table

Row = dict[str, Any]
COMPARED = {
    "above_floor_p99_ms": "ms to answer above the floor",
    "above_paced_floor_p99_ms": "ms to answer above the paced floor",
    "times_faster_than_baseline_to_venue_p99": "times faster to the venue than the baseline",
    "times_faster_than_baseline_total_p99": "times faster to its end than the baseline",
    "times_faster_than_baseline_alone_to_venue_p99": "times faster to the venue than it alone",
    "times_faster_than_baseline_alone_total_p99": "times faster to its end than it alone",
}
FIGURES = ("p50", "p99", "max")


def name_of(run: object) -> str:
    """What was measured last, for a person who waits."""
    match run:
        case LatencyRun(variant=variant, depth=depth, round_trip_ms=trip_ms):
            where = "" if depth is None else f" at depth {depth}"
            return f"{variant}{where}{_distance(trip_ms)}"
        case ThroughputRun(variant=variant, concurrency=concurrency):
            return f"{TITLES[variant]}, {concurrency} at once"
        case GrowthRun(depth=depth):
            return f"depth {depth}"
        case StartupRun(what=what):
            return what
    raise AssertionError(run)


def latency_result(runs: Sequence[LatencyRun]) -> list[Row]:
    """A row for each variant, depth and distance, and for each engine row how it compares."""
    rows = []
    for name in dict.fromkeys((run.variant, run.depth, run.round_trip_ms) for run in runs):
        own = _of(runs, *name)
        row: Row = dict(zip(("variant", "depth", "round_trip_ms"), name, strict=True))
        row["orders"], row["repetitions"] = own[0].orders, len(own)
        row["doubled"] = sum(run.doubled for run in own)
        row["stages_ms"] = {
            stage: _over([run.stages_ms[stage] for run in own]) for stage in own[0].stages_ms
        }
        if own[0].variant == ENGINE:
            row |= _compared(runs, own)
        rows.append(row)
    return rows


def _of(
    runs: Sequence[LatencyRun], variant: str, depth: int | None, round_trip_ms: float
) -> list[LatencyRun]:
    wanted = (variant, depth, round_trip_ms)
    return [run for run in runs if (run.variant, run.depth, run.round_trip_ms) == wanted]


def _compared(runs: Sequence[LatencyRun], own: Sequence[LatencyRun]) -> Row:
    """Pair by pair: each repetition with the one of the other variant that ran beside it."""
    row: Row = {}
    depth, round_trip_ms = own[0].depth, own[0].round_trip_ms
    for floor in (FLOOR, PACED_FLOOR):
        above = [
            run.stages_ms["to answer"].p99 - other.stages_ms["to answer"].p99
            for run, other in zip(own, _of(runs, floor, None, round_trip_ms), strict=False)
        ]
        if above:
            row[f"above_{_key(floor)}_p99_ms"] = _spread(above)
    for variant, stage in product((BASELINE, ALONE), ("to venue", "total")):
        times = [
            other.stages_ms[stage].p99 / run.stages_ms[stage].p99
            for run, other in zip(own, _of(runs, variant, depth, round_trip_ms), strict=False)
        ]
        if times:
            row[f"times_faster_than_{_key(variant)}_{_key(stage)}_p99"] = _spread(times)
    return row


def _key(words: str) -> str:
    return words.replace(" ", "_")


def show_latency(rows: Sequence[Row]) -> None:
    for row in rows:
        where = "" if row["depth"] is None else f", {row['depth']} others wait"
        where += _distance(row["round_trip_ms"])
        heading(f"{row['variant']}{where}: milliseconds, {_counts(row)}")
        stages = [stage for stage in (*STAGES, *SUMS) if stage in row["stages_ms"]]
        table(
            ("stage", *FIGURES),
            [(stage, *_cells(row["stages_ms"][stage], FIGURES)) for stage in stages],
            right=",".join(FIGURES),
            whole="stage",
        )
    compared = [
        (f"{row['depth']:,}", f"{row['round_trip_ms']:g}", words, _cell(row[name]))
        for row in rows
        for name, words in COMPARED.items()
        if name in row
    ]
    if compared:
        heading("The engine compared, at P99")
        columns = ("others wait", "round trip ms", "figure", "value")
        table(columns, compared, right="others wait,round trip ms,value")


def _distance(round_trip_ms: float) -> str:
    """How far the venue is, where it is not next door."""
    return f", round trip {round_trip_ms:g} ms" if round_trip_ms else ""


def throughput_result(runs: Sequence[ThroughputRun]) -> list[Row]:
    """A row for each variant and concurrency; each is a share of the floor that ran beside it."""
    rows = []
    for variant, concurrency in dict.fromkeys((run.variant, run.concurrency) for run in runs):
        beside = [run for run in runs if run.concurrency == concurrency]
        own = [run for run in beside if run.variant == variant]
        floors = [run for run in beside if run.variant == FLOOR]
        row: Row = {
            "variant": variant,
            "concurrency": concurrency,
            "title": TITLES[variant],
            "orders": own[0].orders,
            "repetitions": len(own),
            "per_second": _spread(run.per_second for run in own),
            "doubled": sum(run.doubled for run in own),
            "starved": sum(run.starved for run in own),
            "share_of_least": _spread(run.share_of_least for run in own),
            "most_in_a_second": max(run.most_in_a_second for run in own),
            "cpu_ms_per_order": _spread(run.cpu_ms_per_order for run in own),
        }
        shares = [run.share_of_rate for run in own if run.share_of_rate is not None]
        if shares:
            row["share_of_rate"] = _spread(shares)
        elif floors and variant != FLOOR:
            row["share_of_floor"] = _spread(
                run.per_second / other.per_second for run, other in zip(own, floors, strict=False)
            )
        rows.append(row)
    return rows


def show_throughput(rows: Sequence[Row]) -> None:
    """Three tables, for one of all columns is wider than a terminal."""
    heading(f"Orders a second to their end on the books, {_counts(rows[0])}")
    _show_variants(
        rows,
        ("orders/s", "of floor or rate"),
        lambda row: (
            _cell(row["per_second"], digits=1),
            _cell(row.get("share_of_floor")) + _cell(row.get("share_of_rate"), digits=3),
        ),
    )
    heading("How they were sent and shared")
    _show_variants(
        rows,
        ("doubled", "starved", "least did", "most in 1 s"),
        lambda row: (
            str(row["doubled"]),
            str(row["starved"]),
            _cell(row["share_of_least"]),
            str(row["most_in_a_second"]),
        ),
    )
    heading("Processor time of the processes that send, in milliseconds")
    _show_variants(rows, ("an order",), lambda row: (_cell(row["cpu_ms_per_order"]),))


def _show_variants(
    rows: Sequence[Row], figures: Sequence[str], cells_of: Callable[[Row], Sequence[str]]
) -> None:
    columns = ("variant", "at once", *figures)
    cells = [(row["title"], str(row["concurrency"]), *cells_of(row)) for row in rows]
    table(columns, cells, right=",".join(columns[1:]), whole="variant")


def startup_result(runs: Sequence[StartupRun]) -> list[Row]:
    rows = []
    for what in dict.fromkeys(run.what for run in runs):
        seconds = [run.seconds for run in runs if run.what == what]
        rows.append({"what": what, "times": len(seconds), "seconds": _spread(seconds)})
    return rows


def show_startup(rows: Sequence[Row]) -> None:
    heading("Until something begins, in milliseconds")
    cells = [
        (
            row["what"],
            str(row["times"]),
            _cell({name: value * 1_000 for name, value in row["seconds"].items()}, digits=1),
        )
        for row in rows
    ]
    table(("what", "times", "ms"), cells, right="times,ms", whole="what")


def queue_result(runs: Sequence[GrowthRun]) -> list[Row]:
    rows = []
    for depth in dict.fromkeys(run.depth for run in runs):
        own = [run for run in runs if run.depth == depth]
        steps = {
            step: {
                "server_ms": _over([run.steps[step].server_ms for run in own]),
                "wall_ms": _over([run.steps[step].wall_ms for run in own]),
            }
            for step in own[0].steps
        }
        row: Row = {"depth": depth, "orders": own[0].orders, "repetitions": len(own)}
        rows.append(row | {"bytes_per_order": own[0].bytes_per_order, "steps": steps})
    return rows


def show_queue(rows: Sequence[Row]) -> None:
    columns = ("depth", "step", *FIGURES[:2])
    for name, words in (("server_ms", "within Redis"), ("wall_ms", "until we had the answer")):
        cells = [
            (f"{row['depth']:,}", step, *_cells(times[name], FIGURES[:2], digits=3))
            for row in rows
            for step, times in row["steps"].items()
        ]
        heading(f"The queue's steps {words}: milliseconds, {_counts(rows[0])}")
        table(columns, cells, right=",".join(("depth", *columns[2:])), whole="step")
    weighed = [row for row in rows if row["bytes_per_order"] is not None]
    if weighed:
        heading("Memory of one waiting order")
        weights = [(f"{row['depth']:,}", f"{row['bytes_per_order']:,.0f}") for row in weighed]
        table(("up to depth", "bytes"), weights, right="up to depth,bytes")


def _over(repetitions: Sequence[Percentiles]) -> Row:
    return {name: _spread(getattr(one, name) for one in repetitions) for name in FIGURES}


def _spread(values: Iterable[float]) -> Row:
    spread: Spread = spread_of(values)
    return {name: round(value, 6) for name, value in asdict(spread).items()}


def _counts(row: Mapping[str, Any]) -> str:
    return f"{row['orders']} orders, {row['repetitions']} times"


def _cells(figures: Row, names: Sequence[str], *, digits: int = 2) -> tuple[str, ...]:
    return tuple(_cell(figures[name], digits=digits) for name in names)


def _cell(spread: Mapping[str, float] | None, *, digits: int = 2) -> str:
    """The median, and the range in brackets."""
    if spread is None:
        return ""
    middle, least, most = (f"{spread[name]:.{digits}f}" for name in ("median", "least", "most"))
    return middle if least == most else f"{middle} ({least}–{most})"
