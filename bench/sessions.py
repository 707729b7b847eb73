"""Drain sessions as processes of their own: started, warmed up, fed, and read when they leave."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.place import Place
from bench.stages import Marks
from rebalancer.orders import Order
from resources.wiring import Stores

START_SECONDS, LEAVE_SECONDS, DRAIN_SECONDS = 60, 30, 600
POLL_SECONDS = 0.02
BATCH = 1_000


@dataclass(frozen=True, slots=True)
class Session:
    """One running drainer."""

    process: "subprocess.Popen[bytes]"
    file: Path
    log: Path

    def leave(self) -> Marks:
        """Ask it to leave, and read its times."""
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(LEAVE_SECONDS) != 0:
            raise RuntimeError(f"a drain session failed: {self.log.read_text()[-2_000:]}")
        marks: Marks = json.loads(self.file.read_text())
        return marks


def start_sessions(place: Place, stores: Stores, count: int, name: str) -> list[Session]:
    """Start drainers, each in a slot of its own, and wait until all of them take orders."""
    sessions = [_start(place, slot, f"{name}-{slot}") for slot in range(count)]
    deadline = time.monotonic() + START_SECONDS
    for slot, session in enumerate(sessions):
        while not stores.queue.tenure_state(slot).is_held:
            if session.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no drain session: {session.log.read_text()[-2_000:]}")
            time.sleep(POLL_SECONDS)
    return sessions


def _start(place: Place, slot: int, name: str) -> Session:
    log, file = place.folder / f"{name}.log", place.folder / f"{name}.json"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.drainer", str(slot), str(file)],
            stdout=errors,
            stderr=errors,
            env=dict(os.environ),
        )
    return Session(process, file, log)


def plan(stores: Stores, orders: Sequence[Order], now_ms: int) -> None:
    """Write orders into the books, as a cycle does before it queues them."""
    for start in range(0, len(orders), BATCH):
        batch = orders[start : start + BATCH]
        asyncio.run(stores.ledger.record_planned(batch, now_ms=now_ms))


def await_end(stores: Stores, orders: Sequence[Order]) -> None:
    """Return once none of these orders is in the queue."""
    left = [order.client_order_id for order in orders]
    deadline = time.monotonic() + DRAIN_SECONDS
    while left:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(left)} orders did not end in {DRAIN_SECONDS} s")
        # The last ones are asked for first: most end in the order they were queued in.
        if stores.queue.stages(left[-1:]):
            time.sleep(POLL_SECONDS)
        else:
            held = stores.queue.stages(left)
            left = [order_id for order_id in left if order_id in held]
