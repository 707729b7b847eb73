"""`trimtab maintenance`: times in which a venue is not traded on.

Belongs here: windows made by hand. Those that a venue announces itself are listed, not made here.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from rebalancer.controls import MaintenanceWindow
from rebalancer.errors import BadConfig
from rebalancer.orders import VenueName
from resources.settings import Settings
from resources.system_clock import SystemClock
from services.cli.asking import actor
from services.cli.failures import CommandFailed, Exit
from services.cli.instants import duration_text, instant_text, read_duration, read_instant
from services.cli.order_words import moment
from services.cli.stores_apart import StoresApart, open_stores_apart
from services.cli.terminal import print_json, say, table
from services.cli.world import chosen_settings, load_with_paper_keys

NOTE_MAX = 200
ID_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Told:
    """A window as it was typed."""

    venue: str | None
    at: str
    lasts: str
    every: str | None
    until: str | None
    note: str


def read_window(told: Told, *, now_ms: int) -> MaintenanceWindow:
    """The window that was meant. The same words name the same window.

    Raises:
        CommandFailed: something cannot be read, or the window would never open again.
    """
    starts_at_ms = read_instant(told.at, option="--at")
    duration_ms = read_duration(told.lasts, option="--for")
    every_ms = None if told.every is None else read_duration(told.every, option="--every")
    until_ms = None if told.until is None else read_instant(told.until, option="--until")
    if every_ms is not None and every_ms < duration_ms:
        raise CommandFailed(
            f"--every {told.every}: expected at least --for {told.lasts}, or it would never close",
            Exit.BAD_INPUT,
        )
    if until_ms is not None and until_ms <= starts_at_ms:
        raise CommandFailed(
            f"--until {told.until}: expected an instant after --at {told.at}", Exit.BAD_INPUT
        )
    if len(told.note) > NOTE_MAX:
        raise CommandFailed(
            f"--note: expected at most {NOTE_MAX} characters, was {len(told.note)}", Exit.BAD_INPUT
        )
    window = MaintenanceWindow(
        window_id=_name(told.venue, starts_at_ms, duration_ms, every_ms),
        venue=None if told.venue is None else VenueName(told.venue),
        starts_at_ms=starts_at_ms,
        duration_ms=duration_ms,
        every_ms=every_ms,
        until_ms=until_ms,
        note=told.note.strip(),
    )
    if window.ends_at_ms(now_ms) is None and next_opening_ms(window, now_ms) is None:
        raise CommandFailed(
            f"--at {told.at} --for {told.lasts}: it is over already; expected one that is open or "
            "opens later. Repeat it with --every, or correct --at",
            Exit.BAD_INPUT,
        )
    return window


def next_opening_ms(window: MaintenanceWindow, now_ms: int) -> int | None:
    """When the window opens next, not counting the time it is open now; None: never again."""
    if now_ms < window.starts_at_ms:
        return window.starts_at_ms
    if window.every_ms is None:
        return None
    rounds = (now_ms - window.starts_at_ms) // window.every_ms + 1
    opens_at_ms = window.starts_at_ms + rounds * window.every_ms
    is_over = window.until_ms is not None and opens_at_ms >= window.until_ms
    return None if is_over else opens_at_ms


def add_window(told: Told, *, as_json: bool) -> None:
    """Put a window in force: in Redis first, where every permit sees it, then on the books."""
    now_ms = SystemClock().now_ms()
    window = read_window(told, now_ms=now_ms)
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        _require_venue(told.venue, settings)
        with open_stores_apart(settings) as stores:
            there = {one.window_id: one for one in standing_windows(stores)}.get(window.window_id)
            stores.controls.add_window(window)
            stores.books(lambda ledger: ledger.record_window(window, actor=actor(), now_ms=now_ms))
    if as_json:
        print_json({**window_json(window, now_ms), "was_there": there is not None})
    else:
        say(_done(window, there))
        show_windows((window,), now_ms)


def _done(window: MaintenanceWindow, there: MaintenanceWindow | None) -> str:
    if there is None:
        return "Added. Orders of these times wait, and may expire; cancels and look-ups pass."
    if there == window:
        return "Nothing changed: this window was there already."
    return "Changed: this window was there already, with another note or end."


def list_windows(*, as_json: bool) -> None:
    """Every window that Redis or the books know."""
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        with open_stores_apart(settings) as stores:
            windows = standing_windows(stores)
    now_ms = SystemClock().now_ms()
    if as_json:
        print_json([window_json(window, now_ms) for window in windows])
    elif windows:
        show_windows(windows, now_ms)
    else:
        say("No maintenance window.")


def remove_window(window_id: str, *, as_json: bool) -> None:
    """Forget a window: on the books first, or it would come back by itself."""
    with chosen_settings() as config_file:
        settings = load_with_paper_keys(config_file)
        with open_stores_apart(settings) as stores:
            windows = {window.window_id: window for window in standing_windows(stores)}
            if window_id not in windows:
                known = ", ".join(windows) or "none"
                raise CommandFailed(
                    f"no maintenance window {window_id!r}; expected one of: {known}",
                    Exit.BAD_INPUT,
                )
            if windows[window_id].is_announced:
                raise CommandFailed(
                    f"window {window_id!r} was announced by the venue itself; it ends by itself "
                    "within a minute of the venue's saying that it works",
                    Exit.BAD_INPUT,
                )
            now_ms = SystemClock().now_ms()
            stores.books(
                lambda ledger: ledger.remove_window(window_id, actor=actor(), now_ms=now_ms)
            )
            stores.controls.remove_window(window_id)
    if as_json:
        print_json({"removed": window_id})
    else:
        say(f"Removed: {window_id}.")


def standing_windows(stores: StoresApart) -> tuple[MaintenanceWindow, ...]:
    """Windows of Redis and of the books, by start. Those of the books alone come back to Redis."""
    told = {
        window.window_id: window
        for windows in (
            stores.books(lambda ledger: ledger.read_windows()),
            stores.controls.windows(),
        )
        for window in windows
    }
    return tuple(sorted(told.values(), key=lambda one: (one.starts_at_ms, one.window_id)))


def window_json(window: MaintenanceWindow, now_ms: int) -> dict[str, Any]:
    open_until, opens = window.ends_at_ms(now_ms), next_opening_ms(window, now_ms)
    return {
        "id": window.window_id,
        "venue": window.venue,
        "starts_at": moment(window.starts_at_ms),
        "duration_ms": window.duration_ms,
        "every_ms": window.every_ms,
        "until": None if window.until_ms is None else moment(window.until_ms),
        "note": window.note,
        "announced": window.is_announced,
        "open_until": None if open_until is None else moment(open_until),
        "next_opening": None if opens is None else moment(opens),
    }


def show_windows(windows: tuple[MaintenanceWindow, ...], now_ms: int) -> None:
    table(
        ("id", "venue", "now", "opens next", "for", "every", "until", "note"),
        [
            (
                window.window_id,
                window.venue or "every venue",
                _now_text(window, now_ms),
                _instant_or(next_opening_ms(window, now_ms), "never again"),
                duration_text(window.duration_ms),
                "once" if window.every_ms is None else duration_text(window.every_ms),
                _instant_or(window.until_ms, ""),
                f"{window.note} (announced)" if window.is_announced else window.note,
            )
            for window in windows
        ],
        whole="id",
    )


def _now_text(window: MaintenanceWindow, now_ms: int) -> Text:
    ends_at_ms = window.ends_at_ms(now_ms)
    if ends_at_ms is None:
        return Text("closed", style="dim")
    return Text(f"OPEN until {instant_text(ends_at_ms)}", style="bold yellow")


def _instant_or(at_ms: int | None, otherwise: str) -> str:
    return otherwise if at_ms is None else instant_text(at_ms)


def _name(venue: str | None, starts_at_ms: int, duration_ms: int, every_ms: int | None) -> str:
    text = f"{venue}:{starts_at_ms}:{duration_ms}:{every_ms}"
    return hashlib.blake2b(text.encode(), digest_size=ID_DIGITS // 2).hexdigest()


def _require_venue(venue: str | None, settings: Settings) -> None:
    if venue is not None and venue not in settings.venues:
        known = ", ".join(sorted(settings.venues))
        raise BadConfig(f"no venue {venue!r} in the settings; expected one of: {known}")
