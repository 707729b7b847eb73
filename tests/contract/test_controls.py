"""Halts and windows as they are kept, by the fake and by Redis. What they stop: order_queue/."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from rebalancer.controls import (
    EVERYTHING,
    WINDOWS_MAX,
    HaltKind,
    MaintenanceWindow,
    Scope,
    ScopeKind,
    TradingHalt,
)
from rebalancer.errors import BadConfig
from rebalancer.orders import VenueName
from rebalancer.ports import TradingControls
from resources.redis_connection import open_redis
from resources.redis_controls import RedisTradingControls
from resources.system_clock import SystemClock
from tests.fakes.controls import FakeControls

HOUR_MS = 3_600_000
CORE = Scope(ScopeKind.PORTFOLIO, "core|x: é")
HALT = TradingHalt(EVERYTHING, HaltKind.BY_HAND, "a reason\nin two lines", "me", 5)


@pytest.fixture(params=["fake", "redis"])
def controls(request: pytest.FixtureRequest) -> Iterator[TradingControls]:
    if request.param == "fake":
        yield FakeControls(SystemClock())
        return
    with open_redis(request.getfixturevalue("redis_url")) as client:
        yield RedisTradingControls(client, name="contract")


@pytest.fixture
def now_ms() -> int:
    return SystemClock().now_ms()


def make_window(window_id: str, starts_at_ms: int, **changes: object) -> MaintenanceWindow:
    window = MaintenanceWindow(window_id, None, starts_at_ms, HOUR_MS, None, None, note="")
    return replace(window, **changes)  # type: ignore[arg-type]


def test_nothing_is_in_force_at_first(controls: TradingControls) -> None:
    assert controls.halts() == ()
    assert controls.windows() == ()
    assert not controls.lift(EVERYTHING, HaltKind.BY_HAND)
    assert not controls.remove_window("w")


def test_halts_come_back_as_they_were_given_the_oldest_first(controls: TradingControls) -> None:
    venue = Scope(ScopeKind.VENUE, "paper")
    halts = [
        replace(HALT, scope=CORE, kind=HaltKind.DENIED, at_ms=3),
        HALT,
        replace(HALT, kind=HaltKind.FREEZE, reason="", actor="", at_ms=6),
        replace(HALT, scope=venue, at_ms=7),
    ]
    for halt in reversed(halts):
        controls.halt(halt)
    assert controls.halts() == tuple(halts)
    assert controls.lift(CORE, HaltKind.DENIED)
    assert not controls.lift(CORE, HaltKind.DENIED)
    assert controls.halts() == tuple(halts[1:])


def test_the_first_reason_given_stands(controls: TradingControls) -> None:
    controls.halt(HALT)
    controls.halt(replace(HALT, reason="another", at_ms=6))
    assert controls.halts() == (HALT,)


def test_windows_come_back_as_they_were_given_by_their_start(
    controls: TradingControls, now_ms: int
) -> None:
    windows = [
        make_window("over and over", 1, every_ms=2 * HOUR_MS),
        make_window("until", 2, every_ms=HOUR_MS, until_ms=now_ms + HOUR_MS),
        make_window("now", now_ms - 1, venue=VenueName("paper"), note="a | b: é"),
        make_window("later", now_ms + HOUR_MS, is_announced=True),
    ]
    for window in reversed(windows):
        controls.add_window(window)
    assert controls.windows() == tuple(windows)


def test_a_window_with_the_same_id_takes_the_place_of_the_first(
    controls: TradingControls, now_ms: int
) -> None:
    controls.add_window(make_window("w", now_ms, note="first"))
    controls.add_window(make_window("w", now_ms + 1, note="second"))
    assert [window.note for window in controls.windows()] == ["second"]
    assert controls.remove_window("w")
    assert not controls.remove_window("w")
    assert controls.windows() == ()


def test_windows_that_are_over_for_good_are_forgotten(
    controls: TradingControls, now_ms: int
) -> None:
    controls.add_window(make_window("over", now_ms - 2 * HOUR_MS))
    controls.add_window(make_window("ended", 1, every_ms=HOUR_MS, until_ms=now_ms - 1))
    assert controls.windows() == ()
    assert not controls.remove_window("over")


def test_more_windows_than_every_permit_can_look_at_are_refused(
    controls: TradingControls, now_ms: int
) -> None:
    for number in range(WINDOWS_MAX):
        controls.add_window(make_window(f"w{number}", now_ms + number))
    with pytest.raises(BadConfig, match=str(WINDOWS_MAX)):
        controls.add_window(make_window("one more", now_ms))
    controls.add_window(make_window("w0", now_ms, note="a change is no more"))
    controls.remove_window("w1")
    controls.add_window(make_window("one more", now_ms))
    assert len(controls.windows()) == WINDOWS_MAX


def test_windows_that_are_over_make_room(controls: TradingControls, now_ms: int) -> None:
    for number in range(WINDOWS_MAX + 5):
        controls.add_window(make_window(f"w{number}", 1))
    controls.add_window(make_window("now", now_ms))
    assert [window.window_id for window in controls.windows()] == ["now"]
