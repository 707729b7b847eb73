"""What `trimtab doctor` asks of a venue: does it answer, does it work, may our key trade on it."""

import asyncio
from collections.abc import Sequence

from rebalancer.account import VenueStatus
from rebalancer.credentials import KeyFault, KeyFinding
from rebalancer.errors import RebalancerError
from rebalancer.orders import VenueName
from rebalancer.ports import Venue
from rebalancer.venue_tap import VenueTap
from resources.settings import Settings
from resources.settings_venue import VenueSettings
from resources.system_clock import SystemClock
from resources.venue_check import check_venue
from resources.venue_latency import PROBES
from resources.wiring import Venues
from services.cli.failures import Exit
from services.cli.findings import Finding, Health, fail, fail_on, look, warn, well

_KEY_CHECKS = (
    (
        "key rights",
        frozenset({KeyFault.MAY_WITHDRAW, KeyFault.MAY_NOT_TRADE, KeyFault.CANNOT_READ_RIGHTS}),
        "it may trade, and it may not withdraw",
    ),
    (
        "key binding",
        frozenset({KeyFault.NOT_IP_BOUND}),
        "bound to addresses, as far as the venue tells",
    ),
    (
        "clock",
        frozenset({KeyFault.CLOCK_SKEWED}),
        "less than 1 s from the venue's, as far as it tells the time",
    ),
)
assert set(KeyFault) == {fault for _, faults, _ in _KEY_CHECKS for fault in faults}


def examine_venues(settings: Settings, tap: VenueTap) -> tuple[Finding, ...]:
    """Every configured venue, all at once; by name."""

    async def examine_all() -> list[tuple[Finding, ...]]:
        names = settings.venue_names()
        return await asyncio.gather(*(_examine(settings, name, tap) for name in names))

    return tuple(finding for found in asyncio.run(examine_all()) for finding in found)


def stopping_faults(settings: Settings, name: VenueName, tap: VenueTap) -> tuple[str, ...]:
    """Why the venue must not be traded on with its key now; nothing when it may be."""

    async def check() -> tuple[KeyFinding, ...]:
        async with Venues(settings, SystemClock()).connect(name, tap) as venue:
            return await check_venue(venue, settings.venues[name].key_policy())

    try:
        found = asyncio.run(check())
    except RebalancerError as error:
        return (str(error),)
    return tuple(f"{name}: {one.detail}" for one in found if one.stops_trading)


async def _examine(settings: Settings, name: VenueName, tap: VenueTap) -> tuple[Finding, ...]:
    subject, told = f"venue {name}", settings.venues[name]
    try:
        async with Venues(settings, SystemClock()).connect(name, tap) as venue:
            offered = well(subject, "exchange", f"{told.exchange}; it takes immediate-or-cancel")
            answers = await _answers(subject, venue, told)
            if answers.health is Health.FAILED:
                return offered, answers
            return (
                offered,
                answers,
                *await look(subject, "status", lambda: _status(subject, venue)),
                *await look(subject, "key", lambda: _key(subject, venue, told)),
            )
    except RebalancerError as error:
        return (fail_on(subject, "exchange", error),)


async def _answers(subject: str, venue: Venue, told: VenueSettings) -> Finding:
    for _ in range(PROBES):
        await venue.probe()
    latency_ms = venue.conditions.latency_ms
    if latency_ms is None:
        place = told.rest_url or "its own address"
        return fail(
            subject,
            "answers",
            f"no answer from {place}; check the network, and rest_url where it is set",
            Exit.UNAVAILABLE,
        )
    if latency_ms > told.latency_ms_max:
        return warn(
            subject,
            "answers",
            f"in {latency_ms} ms: above latency_ms_max = {told.latency_ms_max}, so orders wait. "
            "Run nearer to the venue, or raise it",
        )
    return well(subject, "answers", f"in {latency_ms} ms")


async def _status(subject: str, venue: Venue) -> Sequence[Finding]:
    match await venue.fetch_status():
        case VenueStatus.OPERATIONAL:
            return [well(subject, "status", "it announces that it works")]
        case VenueStatus.MAINTENANCE:
            return [
                warn(
                    subject,
                    "status",
                    "it announces maintenance: nothing is sent until that is over",
                )
            ]
        case VenueStatus.UNKNOWN:
            return [
                well(
                    subject,
                    "status",
                    "it announces nothing; use trimtab maintenance add for what you know",
                )
            ]


async def _key(subject: str, venue: Venue, told: VenueSettings) -> Sequence[Finding]:
    found = await check_venue(venue, told.key_policy())
    lines: list[Finding] = []
    for what, faults, sound in _KEY_CHECKS:
        wrong = [one for one in found if one.fault in faults]
        lines += [_wrong(subject, what, one) for one in wrong] or [well(subject, what, sound)]
    return lines


def _wrong(subject: str, what: str, found: KeyFinding) -> Finding:
    if not found.stops_trading:
        return warn(subject, what, found.detail)
    # Another key, or other rights: trying again changes nothing. A clock may be set right.
    is_clock = found.fault is KeyFault.CLOCK_SKEWED
    return fail(subject, what, found.detail, Exit.GOAL_MISSED if is_clock else Exit.BAD_INPUT)
