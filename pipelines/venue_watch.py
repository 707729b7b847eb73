"""Asks every venue, now and then, whether it may be traded on: its status, and our key's rights.

Belongs here: turning what a venue announces into windows and halts that every instance obeys.
Does not belong here: what a key must be allowed (`rebalancer.credentials`).
"""

import asyncio
import logging
from collections.abc import Mapping

from rebalancer.account import VenueStatus
from rebalancer.credentials import KeyFault, KeyPolicy
from rebalancer.desk import Desk
from rebalancer.errors import SkipCycle, VenueDenied, VenueUnavailable
from rebalancer.halting import denial_of, impose_halt
from rebalancer.orders import VenueName
from resources.venue_check import check_venue

WATCH_MS = 20_000
WINDOW_MS = 60_000
"""How long an announced window holds unless it is renewed: longer than two looks."""
assert WINDOW_MS > 2 * WATCH_MS
NOTE_LENGTH_MAX = 200

log = logging.getLogger(__name__)


class VenueWatch:
    """Looks at the venues of one session. A key is checked until it was found good once."""

    def __init__(
        self, desk: Desk, policies: Mapping[VenueName, KeyPolicy], *, window_ms: int = WINDOW_MS
    ) -> None:
        self._desk = desk
        self._policies = policies
        self._window_ms = window_ms
        self._unchecked = set(policies)

    async def look(self) -> None:
        """One round over all venues. Never raises for a venue that does not answer."""
        await asyncio.gather(*(self._look_at(name) for name in self._policies))

    async def _look_at(self, name: VenueName) -> None:
        await self._look_at_status(name)
        if name in self._unchecked:
            await self._check_key(name)

    async def _look_at_status(self, name: VenueName) -> None:
        try:
            status = await self._desk.venues[name].fetch_status()
        except (VenueUnavailable, VenueDenied, SkipCycle):
            return  # The probes tell the gate that it does not answer.
        if status is VenueStatus.MAINTENANCE:
            self._close(name, "announced", "the venue announces maintenance")

    async def _check_key(self, name: VenueName) -> None:
        """A key that may not trade, or may withdraw, halts its venue for everybody."""
        try:
            findings = await check_venue(self._desk.venues[name], self._policies[name])
        except VenueDenied as denied:
            await self._deny(name, str(denied))
            return
        except (VenueUnavailable, SkipCycle) as problem:
            self._close(name, "unchecked", f"the key could not be checked yet: {problem}")
            return
        stopping = [finding for finding in findings if finding.stops_trading]
        told = "; ".join(finding.detail for finding in stopping)
        if stopping and {finding.fault for finding in stopping} == {KeyFault.CLOCK_SKEWED}:
            # A clock is set right by itself, or by a person elsewhere: looked at again, not halted.
            self._close(name, "unchecked", told)
            return
        if stopping:
            await self._deny(name, told)
            return
        self._unchecked.discard(name)
        self._desk.controls.remove_window(f"unchecked-{name}")
        for finding in findings:
            log.warning("venue %s: %s", name, finding.detail)

    def _close(self, name: VenueName, why: str, note: str) -> None:
        self._desk.controls.close_venue(name, why=why, note=shortened(note), for_ms=self._window_ms)

    async def _deny(self, name: VenueName, reason: str) -> None:
        desk = self._desk
        halt = denial_of(name, reason, now_ms=desk.clock.now_ms())
        await impose_halt(halt, controls=desk.controls, ledger=desk.ledger, alarm=desk.alarm)


def shortened(note: str) -> str:
    """A note as a window keeps it: whole sentences, or a mark where one is cut."""
    if len(note) <= NOTE_LENGTH_MAX:
        return note
    head = note[: NOTE_LENGTH_MAX - 1]
    end = head.rfind(". ")
    return head[: end + 1] if end > 0 else head + "…"
