"""The port behind which a venue's "slow down" is kept: one word of it, heard by everybody.

Belongs here: what whoever calls a venue must ask before, and must tell after. Budgets that we set
ourselves are the queue's.
"""

from abc import ABC, abstractmethod

from rebalancer.orders import VenueName


class VenueTap(ABC):
    """Whether anything may go out to a venue at all. Every method raises StoreUnavailable."""

    @abstractmethod
    def close_tap(self, venue: VenueName, *, for_ms: int) -> None:
        """Let nothing out to the venue for so long, from anywhere: it asked everybody to wait."""

    @abstractmethod
    def tap_closed_ms(self, venue: VenueName) -> int:
        """How long nothing may be asked of the venue; 0 while it may be."""
