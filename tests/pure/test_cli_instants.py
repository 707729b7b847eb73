"""Instants, durations and windows as people type them."""

import pytest

from rebalancer.controls import MaintenanceWindow
from services.cli.failures import CommandFailed, Exit
from services.cli.instants import duration_text, instant_text, read_duration, read_instant
from services.cli.maintenance import Told, next_opening_ms, read_window

HOUR_MS, DAY_MS = 3_600_000, 86_400_000


def make_window(**changes: int | None) -> MaintenanceWindow:
    fields = {"starts_at_ms": DAY_MS, "duration_ms": HOUR_MS, "every_ms": None, "until_ms": None}
    told = fields | changes
    return MaintenanceWindow("w", None, note="", **told)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["2026-12-01T02:00Z", "2026-12-01T03:00+01:00", "2026-12-01 02Z"])
def test_an_instant_is_read_in_the_zone_it_names(text: str) -> None:
    assert instant_text(read_instant(text, option="--at")) == "2026-12-01 02:00 UTC"


@pytest.mark.parametrize("text", ["2026-12-01T02:00", "1969-01-01T00:00Z", "now", ""])
def test_an_instant_that_leaves_something_open_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed, match="--at: expected an instant with its zone") as told:
        read_instant(text, option="--at")
    assert told.value.code is Exit.BAD_INPUT


@pytest.mark.parametrize(
    ("text", "lasts_ms"), [("30m", HOUR_MS // 2), ("2h", 2 * HOUR_MS), ("1d12h", 36 * HOUR_MS)]
)
def test_a_duration_is_read_with_its_units(text: str, lasts_ms: int) -> None:
    assert read_duration(text, option="--for") == lasts_ms


@pytest.mark.parametrize("text", ["", "2", "h", "-2h", "0m", "2w", "400d", "1.5h", "9999999d"])
def test_a_duration_without_sense_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed, match="--for: expected a duration"):
        read_duration(text, option="--for")


@pytest.mark.parametrize(
    ("lasts_ms", "text"),
    [
        (0, "0 ms"),
        (45_900, "45 s"),
        (2 * HOUR_MS + 5 * 60_000, "2 h 5 m"),
        (3 * DAY_MS, "3 d"),
        (DAY_MS + 60_000, "1 d"),
    ],
)
def test_a_duration_is_told_in_two_units_at_most(lasts_ms: int, text: str) -> None:
    assert duration_text(lasts_ms) == text


def test_a_window_that_happens_once_opens_once() -> None:
    window = make_window()
    assert next_opening_ms(window, 0) == DAY_MS
    assert next_opening_ms(window, DAY_MS) is None


def test_a_window_that_repeats_opens_again_until_its_end() -> None:
    window = make_window(every_ms=DAY_MS, until_ms=3 * DAY_MS)
    assert next_opening_ms(window, DAY_MS) == 2 * DAY_MS
    assert next_opening_ms(window, 2 * DAY_MS) is None


def test_the_same_words_name_the_same_window() -> None:
    told = Told("paper", "2026-12-01T02:00Z", "2h", "1d", None, "weekly")
    other = Told("other", "2026-12-01T02:00Z", "2h", "1d", None, "weekly")
    assert read_window(told, now_ms=0) == read_window(told, now_ms=0)
    assert read_window(told, now_ms=0).window_id != read_window(other, now_ms=0).window_id
