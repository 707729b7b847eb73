"""How long until something can begin: imports, the command line, a drain, a session that waits.

Every time is wall time of a new process, with its bytecode on disk: the first of several is the
coldest, and the least of them says what the code itself needs.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from bench.dagster_run import running_dagster, seconds_from_request
from bench.failure import BenchFailed
from bench.fresh_demo import measure_demo, require_demo
from bench.orders import make_order
from bench.place import Place, beside, running_place
from bench.sessions import await_end, plan, run_through, running_sessions
from rebalancer.orders import Order
from resources.system_clock import SystemClock
from resources.wiring import Stores

COMMAND_SECONDS_MAX = 120
WAKE_UPS = 20
DATABASE: Final = 1
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "python alone": ("-c", "pass"),
    "import of the code location": ("-c", "import pipelines.definitions"),
    "import of the drain": ("-c", "import pipelines.execution"),
    "trimtab --help": ("-m", "services.cli", "--help"),
}
DRAIN_READY, DRAIN_FIRST = "drain: ready", "drain: first order at the venue"
DAGSTER_FIRST = "run request: first order at the venue"
COMMAND_FIRST = "trimtab drain: first order at the venue"
LIVE = "live session: new order at the venue"
DEMO_COLD, DEMO_WARM = "make demo, cold: installation included", "make demo, warm"


@dataclass(frozen=True, slots=True)
class StartupRun:
    """One measured time of one thing."""

    what: str
    seconds: float


def measure_startup(
    *,
    repetitions: int,
    wake_ups: int = WAKE_UPS,
    with_dagster: bool = True,
    with_demo: bool = True,
) -> Iterator[StartupRun]:
    """Everything in turn, repetition after repetition; then what brings a world of its own."""
    if with_demo:
        require_demo()
    with running_place() as place, beside(place, DATABASE) as (own, stores):
        for repetition in range(repetitions):
            for what, words in COMMANDS.items():
                yield StartupRun(what, _run_python(own, words))
            yield from _measure_drain(own, stores, f"start-{repetition}")
            yield from _measure_live(own, stores, f"live-{repetition}", wake_ups)
            yield _measure_command(own, stores, f"command-{repetition}")
        if with_dagster:
            yield from _measure_dagster(own, stores, repetitions)
    for _ in range(repetitions if with_demo else 0):
        for what, seconds in zip((DEMO_COLD, DEMO_WARM), measure_demo(), strict=True):
            yield StartupRun(what, seconds)


def _run_python(place: Place, words: tuple[str, ...]) -> float:
    started = time.monotonic()
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=place.folder,
        capture_output=True,
        timeout=COMMAND_SECONDS_MAX,
        check=False,
    )
    seconds = time.monotonic() - started
    if ended.returncode != 0:
        said = ended.stderr.decode(errors="replace")[-2_000:]
        raise BenchFailed(f"python {' '.join(words)} ended with {ended.returncode}: {said}")
    return seconds


def _measure_drain(place: Place, stores: Stores, name: str) -> Iterator[StartupRun]:
    """A drain that finds an order waiting."""
    order, queue_it = _planned(stores, name)
    queue_it()
    started_ns = time.monotonic_ns()
    with running_sessions(place, 1, name) as sessions:
        yield StartupRun(DRAIN_READY, (time.monotonic_ns() - started_ns) / 1e9)
        await_end(stores, [order])
        sessions.leave()
    yield StartupRun(DRAIN_FIRST, (_read_at_ns(place, order) - started_ns) / 1e9)


def _measure_live(place: Place, stores: Stores, name: str, wake_ups: int) -> Iterator[StartupRun]:
    """A session that has nothing to do, and then an order comes; at no even distance."""
    with running_sessions(place, 1, name) as sessions:
        run_through(stores, [make_order(f"{name}-warm", 0, _now_ms())], _now_ms())
        for number in range(wake_ups):
            order, queue_it = _planned(stores, f"{name}-{number}")
            time.sleep(0.2 + 0.007 * number)
            queued_ns = time.monotonic_ns()
            queue_it()
            await_end(stores, [order])
            yield StartupRun(LIVE, (_read_at_ns(place, order) - queued_ns) / 1e9)
        sessions.leave()


def _measure_command(place: Place, stores: Stores, name: str) -> StartupRun:
    """`trimtab drain`: the command line, Dagster, the job, and in it the drain."""
    order, queue_it = _planned(stores, name)
    queue_it()
    started_ns = time.monotonic_ns()
    _run_python(place, ("-m", "services.cli", "drain", "--json"))
    return StartupRun(COMMAND_FIRST, (_read_at_ns(place, order) - started_ns) / 1e9)


def _measure_dagster(place: Place, stores: Stores, repetitions: int) -> Iterator[StartupRun]:
    """An order waits, the sensor asks for a run, and the run sends it."""
    with running_dagster(place) as dagster:
        for repetition in range(repetitions):
            order, queue_it = _planned(stores, f"request-{repetition}")
            seconds = seconds_from_request(place, stores, dagster, order, queue_it)
            yield StartupRun(DAGSTER_FIRST, seconds)


def _planned(stores: Stores, cycle: str) -> tuple[Order, Callable[[], None]]:
    """An order on the books, and what puts it into the queue."""
    order = make_order(cycle, 0, _now_ms())
    plan(stores, [order], _now_ms())

    def queue_it() -> None:
        stores.queue.enqueue([order], generation=stores.queue.generation())

    return order, queue_it


def _read_at_ns(place: Place, order: Order) -> int:
    log = place.orders_seen()
    if order.client_order_id not in log:
        raise BenchFailed(f"order {order.client_order_id} was never seen by the venue")
    return log[order.client_order_id][0]


def _now_ms() -> int:
    return SystemClock().now_ms()
