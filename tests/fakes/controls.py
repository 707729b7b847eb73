"""TradingControls in two dictionaries."""

from collections.abc import Sequence

from rebalancer.controls import (
    WINDOWS_MAX,
    HaltKind,
    MaintenanceWindow,
    Scope,
    TradingHalt,
    scopes_of,
)
from rebalancer.errors import BadConfig
from rebalancer.orders import Order, VenueName
from rebalancer.ports import Clock, TradingControls


class FakeControls(TradingControls):
    """Controls with these halts and windows in force; `clock` stands for the server's clock."""

    def __init__(
        self,
        clock: Clock,
        *,
        halts: Sequence[TradingHalt] = (),
        windows: Sequence[MaintenanceWindow] = (),
    ) -> None:
        self._clock = clock
        self._halts: dict[tuple[Scope, HaltKind], TradingHalt] = {}
        self._windows: dict[str, MaintenanceWindow] = {}
        for halt in halts:
            self.halt(halt)
        for window in windows:
            self.add_window(window)

    def halt(self, halt: TradingHalt) -> None:
        self._halts.setdefault((halt.scope, halt.kind), halt)

    def lift(self, scope: Scope, kind: HaltKind) -> bool:
        return self._halts.pop((scope, kind), None) is not None

    def halts(self) -> tuple[TradingHalt, ...]:
        return tuple(sorted(self._halts.values(), key=lambda h: (h.at_ms, h.scope, h.kind)))

    def add_window(self, window: MaintenanceWindow) -> None:
        self._drop_over()
        if window.window_id not in self._windows and len(self._windows) >= WINDOWS_MAX:
            raise BadConfig(f"there are {WINDOWS_MAX} maintenance windows already")
        self._windows[window.window_id] = window

    def close_venue(self, venue: VenueName, *, why: str, note: str, for_ms: int) -> None:
        now_ms = self._clock.now_ms()
        self.add_window(
            MaintenanceWindow.closing(venue, why=why, note=note, starts_at_ms=now_ms, for_ms=for_ms)
        )

    def remove_window(self, window_id: str) -> bool:
        self._drop_over()
        return self._windows.pop(window_id, None) is not None

    def windows(self) -> tuple[MaintenanceWindow, ...]:
        self._drop_over()
        return tuple(sorted(self._windows.values(), key=lambda w: (w.starts_at_ms, w.window_id)))

    def halt_of(self, order: Order) -> TradingHalt | None:
        """A halt that stops this order."""
        scopes = scopes_of(order.venue, order.portfolio)
        return next((halt for halt in self.halts() if halt.scope in scopes), None)

    def closed_until_ms(self, venue: VenueName) -> int | None:
        """When the last window closes of those open now for a venue."""
        now_ms = self._clock.now_ms()
        ends = [
            ends_at_ms
            for window in self._windows.values()
            if window.covers(venue) and (ends_at_ms := window.ends_at_ms(now_ms)) is not None
        ]
        return max(ends, default=None)

    def _drop_over(self) -> None:
        now_ms = self._clock.now_ms()
        for window in list(self._windows.values()):
            is_past = window.every_ms is None and now_ms >= window.starts_at_ms + window.duration_ms
            if is_past or (window.until_ms is not None and now_ms >= window.until_ms):
                del self._windows[window.window_id]
