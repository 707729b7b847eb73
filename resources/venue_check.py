"""The check of a venue's key before anything is sent with it: asked of the venue, then judged.

Belongs here: the two questions. What an answer means is `rebalancer.credentials`; every drain asks
before its first order, `trimtab doctor` and `trimtab resume` whenever a person wants to know.
"""

from rebalancer.credentials import KeyFinding, KeyPolicy, judge_key
from rebalancer.ports import Venue


async def check_venue(venue: Venue, policy: KeyPolicy) -> tuple[KeyFinding, ...]:
    """Say everything that is wrong with the venue's key and with our clock; the gravest first.

    Trade only when none of the findings stops trading. No finding at all: all is well.

    Raises:
        VenueUnavailable: the venue did not answer; ask again later.
        VenueDenied: it does not take the key at all. A person is needed.
    """
    rights = await venue.fetch_key_rights()
    skew_ms = await venue.fetch_clock_skew_ms()
    return judge_key(rights, clock_skew_ms=skew_ms, policy=policy)
