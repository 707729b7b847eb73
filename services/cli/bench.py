"""The options of `trimtab bench`. What is measured, and how, is the package `bench`."""

from typing import Annotated

import typer

from services.cli.commands_controls import Json

bench = typer.Typer(
    name="bench",
    help="Measure this machine: servers, an exchange and settings of its own, all on loopback; "
    "your books, your settings and your venues are never touched.",
    no_args_is_help=True,
)

ORDERS_MAX = 2_000
"""A market holds one order at a time, and so many markets there are."""
Repetitions = Annotated[int, typer.Option(min=1, max=100, help="How often each is measured.")]
Variants = Annotated[
    list[str] | None, typer.Option("--variant", metavar="NAME", help="Only this; may be repeated.")
]
Depths = Annotated[
    list[int] | None,
    typer.Option(
        "--depth", min=1, max=2_000_000, help="Orders that wait meanwhile; may be repeated."
    ),
]
RoundTrips = Annotated[
    list[float] | None,
    typer.Option(
        "--round-trip-ms",
        min=0,
        max=1_000,
        help="A round trip to the venue in milliseconds, by default 0 and 10; may be repeated. At "
        "other than 0 only the first depth is measured.",
    ),
]
CONCURRENCY_MAX = 256
"""So many a drain may have under way at once."""
Concurrencies = Annotated[
    list[int] | None,
    typer.Option(
        "--concurrency",
        min=1,
        max=CONCURRENCY_MAX,
        help="Orders under way at once in each process; may be repeated. The default of the drain.",
    ),
]


@bench.callback()
def _bench() -> None:
    """Benchmarks."""


@bench.command("latency")
def _latency(
    orders: Annotated[int, typer.Option(min=10, max=100_000, help="Orders of each.")] = 1_000,
    repetitions: Repetitions = 5,
    depth: Depths = None,
    round_trip_ms: RoundTrips = None,
    variant: Variants = None,
    as_json: Json = False,
) -> None:
    """From the queue to the venue to the books, order by order, near and far from the venue."""
    from services.cli.bench_run import run_latency

    run_latency(orders, repetitions, depth, round_trip_ms, variant, as_json=as_json)


@bench.command("throughput")
def _throughput(
    orders: Annotated[int, typer.Option(min=10, max=ORDERS_MAX, help="Orders of each.")] = 2_000,
    repetitions: Repetitions = 5,
    concurrency: Concurrencies = None,
    variant: Variants = None,
    as_json: Json = False,
) -> None:
    """Orders a second to their end on the books: one drain, three, and three within a rate."""
    from services.cli.bench_run import run_throughput

    run_throughput(orders, repetitions, concurrency, variant, as_json=as_json)


@bench.command("startup")
def _startup(
    orders: Annotated[
        int, typer.Option(min=1, max=1_000, help="Orders that wake a live session.")
    ] = 20,
    repetitions: Repetitions = 3,
    with_dagster: Annotated[
        bool,
        typer.Option("--dagster/--no-dagster", help="Also what Dagster's daemon starts: a minute."),
    ] = True,
    with_demo: Annotated[
        bool,
        typer.Option(
            "--demo/--no-demo",
            help="Also `make demo` in a fresh copy of this checkout, which is installed anew each "
            "time: half a minute and more.",
        ),
    ] = True,
    as_json: Json = False,
) -> None:
    """How long until something begins: imports, commands, a drain, a session that waits."""
    from services.cli.bench_run import run_startup

    run_startup(
        orders, repetitions, with_dagster=with_dagster, with_demo=with_demo, as_json=as_json
    )


@bench.command("queue")
def _queue(
    orders: Annotated[int, typer.Option(min=10, max=ORDERS_MAX, help="Orders of each.")] = 500,
    repetitions: Repetitions = 3,
    depth: Depths = None,
    as_json: Json = False,
) -> None:
    """What the queue's steps take while ever more orders wait, and the memory of each."""
    from services.cli.bench_run import run_queue

    run_queue(orders, repetitions, depth, as_json=as_json)
