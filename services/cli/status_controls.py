"""The part of `trimtab status` on what may not trade now, and on what waits for a person.

Belongs here: halts, freezes, open maintenance windows, approvals, and the day's turnover.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rebalancer.controls import HaltKind, MaintenanceWindow, ScopeKind, TradingHalt
from rebalancer.errors import QueueLost
from rebalancer.money import plain
from rebalancer.order_states import OrderState
from rebalancer.orders import PortfolioName
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores
from services.cli.halt_words import cure_of, halts_json, show_halts
from services.cli.instants import duration_text
from services.cli.maintenance import next_opening_ms, show_windows, window_json
from services.cli.terminal import counted, heading, say

APPROVALS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Turnover:
    """What a portfolio has traded or may trade yet of today's; None: the queue was lost."""

    today_quote: Decimal | None
    max_quote: Decimal | None
    quote: str


@dataclass(frozen=True, slots=True)
class Controls:
    """What stands in the way of trading."""

    halts: tuple[TradingHalt, ...]
    windows: tuple[MaintenanceWindow, ...]
    awaiting_approval: Mapping[str, int]
    oldest_approval_ms: int | None
    turnover: Mapping[str, Turnover]
    queue_lost: bool
    now_ms: int

    def open_windows(self) -> tuple[MaintenanceWindow, ...]:
        return tuple(one for one in self.windows if one.ends_at_ms(self.now_ms) is not None)

    def freezes(self) -> dict[str, TradingHalt]:
        return {
            halt.scope.name: halt
            for halt in self.halts
            if halt.kind is HaltKind.FREEZE and halt.scope.kind is ScopeKind.PORTFOLIO
        }


def read_controls(settings: Settings, stores: Stores) -> Controls:
    """Everything of Redis and the books that stands in the way of trading."""
    now_ms = SystemClock().now_ms()
    waiting = stores.archive.read_orders(
        states=(OrderState.AWAITING_APPROVAL,), limit=APPROVALS_MAX
    )
    counts = dict.fromkeys(sorted(settings.portfolios), 0)
    for row in waiting:
        counts[row.order.portfolio] = counts.get(row.order.portfolio, 0) + 1
    booked = asyncio.run(stores.ledger.read_halts())
    halts = {(halt.scope, halt.kind): halt for halt in (*booked, *stores.controls.halts())}
    windows = {
        window.window_id: window
        for window in (*asyncio.run(stores.ledger.read_windows()), *stores.controls.windows())
    }
    return Controls(
        halts=tuple(sorted(halts.values(), key=lambda halt: (halt.at_ms, halt.scope.key))),
        windows=tuple(sorted(windows.values(), key=lambda one: one.starts_at_ms)),
        awaiting_approval=counts,
        oldest_approval_ms=max((now_ms - r.order.planned_at_ms for r in waiting), default=None),
        turnover={name: _turnover(settings, stores, name) for name in sorted(settings.portfolios)},
        queue_lost=stores.queue.is_lost(),
        now_ms=now_ms,
    )


def _turnover(settings: Settings, stores: Stores, name: str) -> Turnover:
    portfolio = settings.portfolios[name]
    try:
        today = stores.queue.turnover_quote(PortfolioName(name))
    except QueueLost:
        today = None
    return Turnover(today, portfolio.risk_limits().turnover_quote_day_max, portfolio.quote)


def controls_json(controls: Controls) -> dict[str, Any]:
    return {
        "halts": halts_json(controls.halts),
        "frozen": {name: halt.reason for name, halt in controls.freezes().items()},
        "maintenance": [window_json(window, controls.now_ms) for window in controls.windows],
        "awaiting_approval": dict(controls.awaiting_approval),
        "queue_lost": controls.queue_lost,
        "turnover": {
            name: {
                "today_quote": _plain(turnover.today_quote),
                "max_quote": _plain(turnover.max_quote),
                "quote": turnover.quote,
            }
            for name, turnover in controls.turnover.items()
        },
    }


def show_controls(controls: Controls) -> None:
    """What stops trading now comes first, each with its cure."""
    heading("Trading")
    if controls.halts:
        show_halts(controls.halts)
    if windows := controls.open_windows():
        show_windows(windows, controls.now_ms)
    if controls.queue_lost:
        say("Redis has no queue: the next drain or cycle rebuilds it from the books.")
    if not (controls.halts or windows or controls.queue_lost):
        say("allowed: no halt, no open maintenance window")
    upcoming = [opens for one in controls.windows if (opens := _opens(one, controls))]
    if upcoming:
        wait = duration_text(min(upcoming) - controls.now_ms)
        say(f"next maintenance window in {wait}: trimtab maintenance list")
    if count := sum(controls.awaiting_approval.values()):
        age = duration_text(controls.oldest_approval_ms or 0)
        say(
            f"{counted(count, 'order')} awaiting approval, the oldest for {age}: "
            "trimtab orders approve, or reject"
        )


def portfolio_lines(controls: Controls, name: str) -> list[str]:
    """What concerns one portfolio: its freeze with the cure, and its turnover."""
    lines = []
    if frozen := controls.freezes().get(name):
        lines.append(f"FROZEN, as told above. Look at its account, then {cure_of(frozen)}")
    if count := controls.awaiting_approval.get(name):
        lines.append(f"{counted(count, 'order')} awaiting approval")
    turnover = controls.turnover[name]
    today = "unknown" if turnover.today_quote is None else plain(turnover.today_quote)
    cap = "no cap" if turnover.max_quote is None else f"at most {plain(turnover.max_quote)}"
    lines.append(f"turnover today {today} {turnover.quote} ({cap})")
    return lines


def _opens(window: MaintenanceWindow, controls: Controls) -> int | None:
    return next_opening_ms(window, controls.now_ms)


def _plain(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)
