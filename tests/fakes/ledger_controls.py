"""What the books in memory hold beside our orders: halts, windows, baselines, rules."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebalancer.account import VenueOrderKey
from rebalancer.controls import HaltKind, MaintenanceWindow, Scope, TradingHalt
from rebalancer.errors import StoreUnavailable
from rebalancer.ledger import Ledger
from rebalancer.money import Symbol
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.precision import MarketRule
from rebalancer.reconciliation import Baseline


@dataclass(frozen=True, slots=True)
class Lifted:
    """A halt or a window that is over, and who ended it."""

    what: TradingHalt | MaintenanceWindow
    actor: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Ignored:
    """An order of the venue that is left alone."""

    venue: VenueName
    key: VenueOrderKey
    actor: str
    reason: str
    at_ms: int


class FakeControlsBook(Ledger):
    """What a fake ledger keeps beside orders; with `fails_after`, away after so many commits."""

    def __init__(
        self,
        *,
        fails_after: int | None,
        halts: Sequence[TradingHalt],
        windows: Sequence[MaintenanceWindow],
        baselines: Sequence[Baseline],
        ignored: Sequence[Ignored],
    ) -> None:
        self._commits_left = fails_after
        self._halts = {(halt.scope, halt.kind): halt for halt in halts}
        self._windows = {window.window_id: window for window in windows}
        self._baselines = list(baselines)
        self._ignored = {(known.venue, known.key): known for known in ignored}
        self._lifted: list[Lifted] = []
        self._paged: set[tuple[Scope, HaltKind]] = set()
        self._rules: dict[tuple[VenueName, Symbol], MarketRule] = {}

    @property
    def lifted(self) -> tuple[Lifted, ...]:
        """Halts that were lifted and windows that were removed or replaced, in that order."""
        return tuple(self._lifted)

    @property
    def baselines(self) -> tuple[Baseline, ...]:
        """Every baseline in the order it was recorded."""
        return tuple(self._baselines)

    @property
    def ignored(self) -> tuple[Ignored, ...]:
        """Every order that is left alone."""
        return tuple(self._ignored.values())

    @property
    def rules(self) -> Mapping[tuple[VenueName, Symbol], MarketRule]:
        """The newest rules that were recorded of each market."""
        return dict(self._rules)

    async def record_rules(
        self,
        venue: VenueName,
        rules: Sequence[MarketRule],
        *,
        now_ms: int,  # noqa: ARG002 - each rule says itself when it was observed
    ) -> None:
        self._commit()
        for rule in rules:
            known = self._rules.get((venue, rule.symbol), rule)
            if rule.observed_at_ms >= known.observed_at_ms:
                self._rules[venue, rule.symbol] = rule

    async def record_halt(self, halt: TradingHalt) -> None:
        self._commit()
        self._halts.setdefault((halt.scope, halt.kind), halt)

    async def lift_halt(self, scope: Scope, kind: HaltKind, *, actor: str, now_ms: int) -> bool:
        self._commit()
        self._paged.discard((scope, kind))
        return self._lift(self._halts.pop((scope, kind), None), actor, now_ms)

    async def read_halts(self) -> tuple[TradingHalt, ...]:
        self._require_here()
        return tuple(sorted(self._halts.values(), key=lambda halt: halt.at_ms))

    async def mark_paged(self, halt: TradingHalt) -> None:
        self._commit()
        if (halt.scope, halt.kind) in self._halts:
            self._paged.add((halt.scope, halt.kind))

    async def read_unpaged(self) -> tuple[TradingHalt, ...]:
        told = await self.read_halts()
        return tuple(halt for halt in told if (halt.scope, halt.kind) not in self._paged)

    async def record_window(self, window: MaintenanceWindow, *, actor: str, now_ms: int) -> None:
        self._commit()
        if self._windows.get(window.window_id) != window:
            self._lift(self._windows.pop(window.window_id, None), actor, now_ms)
            self._windows[window.window_id] = window

    async def remove_window(self, window_id: str, *, actor: str, now_ms: int) -> bool:
        self._commit()
        return self._lift(self._windows.pop(window_id, None), actor, now_ms)

    async def read_windows(self) -> tuple[MaintenanceWindow, ...]:
        self._require_here()
        return tuple(sorted(self._windows.values(), key=lambda window: window.starts_at_ms))

    async def read_baseline(self, portfolio: PortfolioName) -> Baseline | None:
        self._require_here()
        taken = [known for known in self._baselines if known.portfolio == portfolio]
        # Of two taken at once, the one recorded last.
        newest = max(enumerate(taken), key=lambda one: (one[1].taken_at_ms, one[0]), default=None)
        return None if newest is None else newest[1]

    async def record_baseline(self, baseline: Baseline) -> None:
        self._commit()
        self._baselines.append(baseline)

    async def forget_baseline(self, portfolio: PortfolioName) -> None:
        self._commit()
        self._baselines = [known for known in self._baselines if known.portfolio != portfolio]

    async def record_ignored(
        self, venue: VenueName, key: VenueOrderKey, *, actor: str, reason: str, now_ms: int
    ) -> None:
        self._commit()
        known = Ignored(venue, key, actor, reason, now_ms)
        self._ignored.setdefault((venue, key), known)

    def _lift(self, what: TradingHalt | MaintenanceWindow | None, actor: str, now_ms: int) -> bool:
        if what is not None:
            self._lifted.append(Lifted(what, actor, now_ms))
        return what is not None

    def _commit(self) -> None:
        self._require_here()
        if self._commits_left is not None:
            self._commits_left -= 1

    def _require_here(self) -> None:
        if self._commits_left == 0:
            raise StoreUnavailable("the fake books are away; wait for them to come back")
