"""`trimtab status`: what is configured, what answers, what waits, and how far off things are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.text import Text

from rebalancer.drift import Drift
from rebalancer.gate import Conditions
from rebalancer.money import plain
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.queue import MAIN_SLOT, QueueDepth, TenureState
from resources.archive_rows import BooksSummary
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.venue_latency import measure_venues
from resources.wiring import Stores, Venues, open_stores
from services.cli.failures import CommandFailed, Exit
from services.cli.order_words import moment
from services.cli.paper_hint import paper_hint
from services.cli.status_controls import (
    Controls,
    controls_json,
    portfolio_lines,
    read_controls,
    show_controls,
)
from services.cli.terminal import heading, out, points, print_json, progress, say, table
from services.cli.world import World, chosen_settings, open_world


@dataclass(frozen=True, slots=True)
class LastCycle:
    """What the newest cycle of a portfolio measured."""

    cycle_id: str
    drifts: tuple[Drift, ...]


@dataclass(frozen=True, slots=True)
class Status:
    config_file: Path
    settings: Settings
    conditions: dict[VenueName, Conditions]
    depth: QueueDepth
    tenure: TenureState
    books: BooksSummary
    cycles: dict[str, LastCycle | None]
    controls: Controls

    def silent_venues(self) -> list[str]:
        return [name for name, found in self.conditions.items() if found.latency_ms is None]


def show_status(*, as_json: bool) -> None:
    """Print it. A venue that does not answer is shown, and decides the exit code."""
    with (
        chosen_settings() as config_file,
        progress("measuring"),
        open_world(config_file) as world,
    ):
        status = _measure(world)
    if as_json:
        print_json(_json(status))
    else:
        _show(status)
    if silent := status.silent_venues():
        places = [_place(status, name) for name in silent]
        with paper_hint(status.config_file):
            raise CommandFailed(f"no answer from: {', '.join(places)}", Exit.UNAVAILABLE)


def _place(status: Status, name: str) -> str:
    rest_url = status.settings.venues[name].rest_url
    return f"{name} at {rest_url}" if rest_url else name


def _measure(world: World) -> Status:
    settings = world.settings
    with open_stores(settings) as stores:
        return Status(
            config_file=world.config_file,
            settings=settings,
            conditions=measure_venues(settings, Venues(settings, SystemClock()), stores.queue),
            depth=stores.queue.depth(),
            tenure=stores.queue.tenure_state(MAIN_SLOT),
            books=stores.archive.summarize(),
            cycles={name: last_cycle(stores, name) for name in sorted(settings.portfolios)},
            controls=read_controls(settings, stores),
        )


def last_cycle(stores: Stores, name: str) -> LastCycle | None:
    portfolio = PortfolioName(name)
    cycle_id = stores.archive.latest_cycle_id(portfolio)
    if cycle_id is None:
        return None
    return LastCycle(cycle_id, stores.archive.read_drifts(cycle_id, portfolio))


def _json(status: Status) -> dict[str, Any]:
    depth, books = status.depth, status.books
    return {
        "settings_file": str(status.config_file),
        "home": str(status.settings.home),
        "venues": {
            name: {
                "exchange": status.settings.venues[name].exchange,
                "reachable": found.latency_ms is not None,
                "latency_ms": found.latency_ms,
                "latency_ms_max": status.settings.venues[name].latency_ms_max,
            }
            for name, found in status.conditions.items()
        },
        "queue": {
            "waiting": depth.waiting,
            "in_doubt": depth.in_doubt,
            "urgency_max": plain(depth.urgency_max),
        },
        "session": {"alive": status.tenure.is_held, "epoch": status.tenure.epoch},
        "books": {
            "orders": {state.value: count for state, count in books.orders_by_state.items()},
            "fills": books.fills,
            "quarantined": books.quarantined,
        },
        "portfolios": {
            name: None
            if cycle is None
            else {
                "last_cycle_id": cycle.cycle_id,
                "drift_bps": {drift.asset: plain(drift.drift_bps) for drift in cycle.drifts},
                "band_bps": status.settings.portfolios[name].drift_bps_min,
            }
            for name, cycle in status.cycles.items()
        },
        "trading": controls_json(status.controls),
    }


def _show(status: Status) -> None:
    settings, depth, books = status.settings, status.depth, status.books
    out().print(f"Settings  {status.config_file}")
    out().print(f"Home      {settings.home}")
    show_controls(status.controls)
    heading("Venues")
    table(
        ("venue", "exchange", "address", "latency"),
        [
            (
                name,
                settings.venues[name].exchange,
                settings.venues[name].rest_url or "the exchange's own",
                _latency_text(found, settings.venues[name].latency_ms_max),
            )
            for name, found in status.conditions.items()
        ],
    )
    heading("Queue")
    oldest = depth.oldest_planned_at_ms
    since = f", the oldest since {moment(oldest)}" if oldest is not None else ""
    out().print(f"{depth.waiting} waiting, {depth.in_doubt} in doubt{since}")
    alive = "alive" if status.tenure.is_held else "none"
    out().print(f"drain session: {alive} (epoch {status.tenure.epoch})")
    heading("Books")
    states = [f"{count} {state.value}" for state, count in books.orders_by_state.items()]
    out().print(f"orders: {', '.join(states) or 'none'}")
    out().print(f"fills: {books.fills}; rows in quarantine: {books.quarantined}")
    for name, cycle in status.cycles.items():
        heading(f"Portfolio {name}")
        for line in portfolio_lines(status.controls, name):
            say(line)
        _show_cycle(cycle, settings.portfolios[name].drift_bps_min)


def _show_cycle(cycle: LastCycle | None, band_bps: int) -> None:
    if cycle is None:
        out().print("no cycle yet")
        return
    out().print(f"last cycle {cycle.cycle_id}, before its orders:")
    drifts = sorted(cycle.drifts, key=lambda drift: (-drift.target_bps, drift.asset))
    table(
        ("asset", "drift (points)", ""),
        [
            (
                drift.asset,
                points(drift.drift_bps),
                Text("out of its band", style="yellow") if abs(drift.drift_bps) > band_bps else "",
            )
            for drift in drifts
        ],
        right="drift (points)",
    )


def _latency_text(found: Conditions, latency_ms_max: int) -> Text:
    if found.latency_ms is None:
        return Text("no answer", style="red")
    slow = found.latency_ms > latency_ms_max
    text = f"{found.latency_ms} ms" + (f", over {latency_ms_max} ms: orders wait" if slow else "")
    return Text(text, style="yellow" if slow else "green")
