"""How fast the configured venues answer at this moment, for those who do not trade on them."""

import asyncio

from rebalancer.gate import Conditions
from rebalancer.orders import VenueName
from rebalancer.venue_tap import VenueTap
from resources.settings import Settings
from resources.wiring import Venues

PROBES = 3
"""The first pays for the connection; the median of three is a warm round trip."""


def measure_venues(
    settings: Settings, venues: Venues, tap: VenueTap
) -> dict[VenueName, Conditions]:
    """Each venue's latency now. One that does not answer, or must not be asked, is too slow."""

    async def measure(name: VenueName) -> Conditions:
        async with venues.connect(name, tap) as venue:
            for _ in range(PROBES):
                await venue.probe()
            return venue.conditions

    async def measure_all() -> dict[VenueName, Conditions]:
        names = settings.venue_names()
        measured = await asyncio.gather(*(measure(name) for name in names))
        return dict(zip(names, measured, strict=True))

    return asyncio.run(measure_all())
