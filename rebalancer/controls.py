"""Trading controls: who may not trade now. Halts, freezes, maintenance windows.

Belongs here: what they are and what they cover. Where they are kept is the `TradingControls` port;
where they are enforced is the permit, in the step that marks an order as sent.
"""

from dataclasses import dataclass
from enum import StrEnum

from rebalancer.orders import Order, PortfolioName, VenueName

WINDOWS_MAX = 100
"""Maintenance windows kept at once: each permit looks at all of them."""


class ScopeKind(StrEnum):
    EVERYTHING = "all"
    VENUE = "venue"
    PORTFOLIO = "portfolio"


@dataclass(frozen=True, slots=True, order=True)
class Scope:
    """What a halt covers."""

    kind: ScopeKind
    name: str = ""

    def __post_init__(self) -> None:
        assert bool(self.name) == (self.kind is not ScopeKind.EVERYTHING), self

    @property
    def key(self) -> str:
        """One word, such as `all` or `venue:paper`."""
        return f"{self.kind.value}:{self.name}" if self.name else self.kind.value

    def __str__(self) -> str:
        return f"{self.kind.value} {self.name}" if self.name else "everything"

    def covers(self, order: Order) -> bool:
        return self in scopes_of(order.venue, order.portfolio)


EVERYTHING = Scope(ScopeKind.EVERYTHING)


def scopes_of(venue: VenueName, portfolio: PortfolioName) -> tuple[Scope, Scope, Scope]:
    """The scopes whose halts stop an order of this venue and portfolio."""
    return EVERYTHING, Scope(ScopeKind.VENUE, venue), Scope(ScopeKind.PORTFOLIO, portfolio)


class HaltKind(StrEnum):
    """Who halted, and therefore who may end it. One scope may be halted in each way at once."""

    BY_HAND = "halt"
    """A person; ended by `resume`."""
    FREEZE = "freeze"
    """Books and account disagree; ended when a person has adopted or ignored the difference."""
    DENIED = "denied"
    """The venue rejected the key or its rights; ended by `resume`, after a check of the key."""


@dataclass(frozen=True, slots=True)
class TradingHalt:
    """No new order of the scope is permitted. Cancels and look-ups still pass."""

    scope: Scope
    kind: HaltKind
    reason: str
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """A time in which a venue is not traded on; `every_ms` repeats it from its start on.

    `venue` None: every venue. `is_announced`: the venue said so itself.
    """

    window_id: str
    venue: VenueName | None
    starts_at_ms: int
    duration_ms: int
    every_ms: int | None
    until_ms: int | None
    note: str
    is_announced: bool = False

    def __post_init__(self) -> None:
        assert self.window_id, self
        assert self.starts_at_ms >= 0, self
        assert self.duration_ms > 0, self
        assert self.every_ms is None or self.every_ms >= self.duration_ms, self
        assert self.until_ms is None or self.until_ms > self.starts_at_ms, self

    @classmethod
    def closing(
        cls, venue: VenueName, *, why: str, note: str, starts_at_ms: int, for_ms: int
    ) -> "MaintenanceWindow":
        """A window that the engine opens itself, named after its venue and its reason."""
        return cls(
            window_id=f"{why}-{venue}",
            venue=venue,
            starts_at_ms=starts_at_ms,
            duration_ms=for_ms,
            every_ms=None,
            until_ms=None,
            note=note,
            is_announced=True,
        )

    def covers(self, venue: VenueName) -> bool:
        return self.venue is None or self.venue == venue

    def ends_at_ms(self, now_ms: int) -> int | None:
        """When the window that is open now closes; None when none is open."""
        if now_ms < self.starts_at_ms or (self.until_ms is not None and now_ms >= self.until_ms):
            return None
        into_ms = now_ms - self.starts_at_ms
        if self.every_ms is not None:
            into_ms %= self.every_ms
        if into_ms >= self.duration_ms:
            return None
        ends_at_ms = now_ms - into_ms + self.duration_ms
        return ends_at_ms if self.until_ms is None else min(ends_at_ms, self.until_ms)
