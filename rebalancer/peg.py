"""Is the quote currency still worth what the targets assume?"""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.errors import OffPeg, UnpricedAsset
from rebalancer.money import BPS_WHOLE, ONE, Symbol, bps_of, exact, plain
from rebalancer.quotes import Quote


@dataclass(frozen=True, slots=True)
class PegPolicy:
    """A market of the quote currency against another one pegged to the same, and how far it may be.

    In a depeg everything priced in the lost currency seems to gain: a rebalance would sell it all
    for more of what is falling.
    """

    reference: Symbol
    tolerance_bps: int

    def __post_init__(self) -> None:
        assert 0 < self.tolerance_bps < BPS_WHOLE, self


def require_peg(quotes: Mapping[Symbol, Quote], policy: PegPolicy | None) -> None:
    """Refuse to trade while the reference market is further than the tolerance from 1.

    Both directions count: nothing tells which of the two currencies has moved.

    Raises:
        OffPeg: the market is off. Skip the cycle; look at both currencies.
        UnpricedAsset: the reference market has no valid quote. Skip the cycle.
    """
    if policy is None:
        return
    if policy.reference not in quotes:
        raise UnpricedAsset(f"the peg's reference {policy.reference} has no valid quote")
    mid = quotes[policy.reference].mid_quote
    with exact():
        distance = (mid - ONE).copy_abs()
    if distance > bps_of(ONE, policy.tolerance_bps):
        raise OffPeg(
            f"{policy.reference} trades at {plain(mid)}, more than {policy.tolerance_bps} bps from "
            "1; nothing is traded until it is back (peg_tolerance_bps)"
        )
