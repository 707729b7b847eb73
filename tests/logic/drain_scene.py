"""Drain sessions over fakes: made here, run and judged by the tests."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

from pipelines.drain_session import DrainSession, SessionPolicy
from pipelines.session_report import SessionReport
from pipelines.venue_watch import VenueWatch
from rebalancer.credentials import KeyPolicy
from rebalancer.desk import Desk
from rebalancer.ledger import Ledger
from rebalancer.orders import VenueName
from rebalancer.ports import OrderQueue, Venue
from rebalancer.settlement import Settlement
from tests.factories import VENUE, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.ledger import FakeLedger
from tests.logic.session import make_desk

SECONDS_MAX = 5.0
KEY_POLICY = KeyPolicy(allow_unreadable_rights=False, require_ip_binding=False)
OTHER = VenueName("elsewhere")
BASES = ("BTC", "ETH", "SOL", "ADA", "XRP")
ORDERS = tuple(make_order(base) for base in BASES)


def make_session(
    desk: Desk, *, owner: str = "one", settled: list[Settlement] | None = None, **changes: int
) -> DrainSession:
    policy = {"slot": 0, "budget_ms": 3_000, "idle_ms": 60, "handover_ms": 0, "concurrency": 4}
    told = [] if settled is None else settled
    return DrainSession(
        desk,
        SessionPolicy(owner=owner, **(policy | changes)),
        watch=make_watch(desk),
        on_settled=told.append,
    )


def make_watch(desk: Desk) -> VenueWatch:
    return VenueWatch(desk, dict.fromkeys(desk.venues, KEY_POLICY))


def desk_of(
    venue: Venue, queue: OrderQueue, ledger: Ledger | None = None, *, clock: FakeClock | None = None
) -> Desk:
    return make_desk(venue, queue, ledger or FakeLedger(), clock or FakeClock())


def desk_of_two(venue: Venue, other: Venue, queue: OrderQueue, clock: FakeClock) -> Desk:
    """A desk that trades at two venues under the same conditions."""
    desk = desk_of(venue, queue, clock=clock)
    return replace(
        desk,
        venues={VENUE: venue, OTHER: other},
        gates=dict.fromkeys((VENUE, OTHER), desk.gates[VENUE]),
        post_ms=dict.fromkeys((VENUE, OTHER), desk.post_ms[VENUE]),
    )


async def in_time(waiting: Awaitable[SessionReport]) -> SessionReport:
    return await asyncio.wait_for(waiting, SECONDS_MAX)


async def until(is_true: Callable[[], bool]) -> None:
    """Let the session run until something has happened; bounded by a deadline."""
    async with asyncio.timeout(SECONDS_MAX):
        while not is_true():
            await asyncio.sleep(0.005)
