"""From Dagster's run request to the first order at the venue, with all that `trimtab up` runs.

Belongs here: starting it beside a place, and reading from Dagster when it made the run.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.error import URLError
from urllib.request import urlopen

from bench.children import Child, running
from bench.failure import BenchFailed
from bench.place import Place, environment
from pipelines.jobs import DRAIN_JOB
from rebalancer.orders import Order
from resources.wiring import Stores

if TYPE_CHECKING:
    from dagster import DagsterInstance

HOST = "127.0.0.1"
READY_SECONDS, RUN_SECONDS = 180, 180
POLL_SECONDS = 0.5
IDLE_MS = 500
SLOT = 0


@contextmanager
def running_dagster(place: Place) -> Iterator[Child]:
    """Code server, UI and daemon; a drain session leaves soon after its last order."""
    with socket.socket() as free:
        free.bind((HOST, 0))
        port = free.getsockname()[1]
    names = {"TRIMTAB_UI_PORT": str(port), "TRIMTAB_DRAIN__IDLE_MS": str(IDLE_MS)}
    with (
        environment(names),
        running("services.cli", "up", folder=place.folder, name="trimtab up") as child,
    ):
        _await(child, lambda: _answers(f"http://{HOST}:{port}/server_info"), READY_SECONDS)
        yield child


def seconds_from_request(
    place: Place, stores: Stores, child: Child, order: Order, queue_it: Callable[[], None]
) -> float:
    """Queue one order, let the sensor ask for a run, and read when both were."""
    from dagster import DagsterInstance

    home = str(place.settings.home / "dagster")
    with DagsterInstance.from_config(home, "in-process.yaml") as instance:
        before = len(_drains(instance))
        queue_it()
        _await(child, lambda: not stores.queue.stages([order.client_order_id]), RUN_SECONDS)
        log = place.orders_seen()
        read_at = time.time() - (time.monotonic_ns() - log[order.client_order_id][0]) / 1e9
        requested = _drains(instance)[before:]
        if len(requested) != 1:
            raise BenchFailed(f"expected 1 drain run, were {len(requested)}")
        _await(child, lambda: not stores.queue.tenure_state(SLOT).is_held, RUN_SECONDS)
    return read_at - requested[0]


def _drains(instance: "DagsterInstance") -> list[float]:
    """When each drain run was asked for, in epoch seconds, the first one first."""
    from dagster import RunsFilter

    records = instance.get_run_records(RunsFilter(job_name=DRAIN_JOB))
    return sorted(record.create_timestamp.timestamp() for record in records)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=POLL_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, TimeoutError, ConnectionError):
        return False


def _await(child: Child, is_done: Callable[[], bool], seconds_max: float) -> None:
    deadline = time.monotonic() + seconds_max
    while not is_done():
        if child.process.poll() is not None:
            raise child.failure("ended")
        if time.monotonic() > deadline:
            raise child.failure(f"did not do its part in {seconds_max} s")
        time.sleep(POLL_SECONDS)
