"""`python -m bench.drainer SLOT FILE`: one live drain session; its times go into FILE when it ends.

The engine as it is, with the desk that `trimtab drain` works with; only the ports note the time.
It says in one line when the session has recovered and probed its venues, which is when it begins to
take orders. SIGTERM asks the session to leave.
"""

import asyncio
import json
import signal
import sys
from pathlib import Path

import uvloop

from bench.stages import Marks, timed
from pipelines.drain_session import DrainSession, SessionPolicy
from pipelines.execution import open_desk
from pipelines.venue_watch import VenueWatch
from resources.settings import Settings
from resources.settings_file import find_settings_file, load_settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, Venues, open_alarm, open_stores

BUDGET_MS = 600_000
HANDOVER_MS = 10_000


async def drain(settings: Settings, stores: Stores, slot: int) -> Marks:
    clock = SystemClock()
    policy = SessionPolicy(
        slot=slot,
        owner=f"bench {slot}",
        budget_ms=BUDGET_MS,
        idle_ms=BUDGET_MS,
        handover_ms=HANDOVER_MS,
        concurrency=settings.drain.concurrency,
    )
    opened = open_desk(settings, Venues(settings, clock), stores, clock, open_alarm(settings))
    async with opened as plain_desk:
        desk, marks = timed(plain_desk, on_probed=_say_ready)
        policies = {name: settings.venues[name].key_policy() for name in desk.venues}
        watch = VenueWatch(desk, policies)
        session = DrainSession(desk, policy, watch=watch, on_settled=lambda _: None)
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, session.stop, "measured")
        await session.run()
    return marks


def _say_ready() -> None:
    print(json.dumps({"ready": True}), flush=True)  # noqa: T201


def main() -> None:
    slot, file = int(sys.argv[1]), Path(sys.argv[2])
    path = find_settings_file()
    assert path is not None
    settings = load_settings(path)
    with open_stores(settings) as stores:
        marks = uvloop.run(drain(settings, stores, slot))
    file.write_text(json.dumps(marks))


if __name__ == "__main__":
    main()
