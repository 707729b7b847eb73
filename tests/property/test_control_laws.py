"""Laws of halts and maintenance windows."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.controls import EVERYTHING, MaintenanceWindow, Scope, ScopeKind
from tests.factories import PORTFOLIO, VENUE, make_order

instants = st.integers(0, 10**13)
DAY_MS = 86_400_000


@st.composite
def windows(draw: st.DrawFn) -> MaintenanceWindow:
    duration_ms = draw(st.integers(1, DAY_MS))
    every_ms = draw(st.none() | st.integers(duration_ms, 30 * DAY_MS))
    starts_at_ms = draw(instants)
    until_ms = draw(st.none() | st.integers(starts_at_ms + 1, starts_at_ms + 400 * DAY_MS))
    return MaintenanceWindow(
        "w", VENUE, starts_at_ms, duration_ms, every_ms, until_ms, note="", is_announced=False
    )


@given(windows(), st.integers(0, 400 * DAY_MS))
def test_an_open_window_closes_later_and_not_later_than_it_is_long(
    window: MaintenanceWindow, after_ms: int
) -> None:
    now_ms = window.starts_at_ms + after_ms
    ends_at_ms = window.ends_at_ms(now_ms)
    if ends_at_ms is not None:
        assert now_ms < ends_at_ms <= now_ms + window.duration_ms
        assert window.until_ms is None or ends_at_ms <= window.until_ms


@given(windows(), st.integers(1, 10**9))
def test_no_window_is_open_before_its_start(window: MaintenanceWindow, before_ms: int) -> None:
    if before_ms <= window.starts_at_ms:
        assert window.ends_at_ms(window.starts_at_ms - before_ms) is None


@given(windows(), st.integers(0, 400 * DAY_MS), st.integers(1, 50))
def test_a_repeated_window_is_open_at_the_same_times_of_every_period(
    window: MaintenanceWindow, after_ms: int, periods: int
) -> None:
    endless = replace(window, until_ms=None)
    if endless.every_ms is None:
        return
    now_ms, shift_ms = endless.starts_at_ms + after_ms, periods * endless.every_ms
    here, there = endless.ends_at_ms(now_ms), endless.ends_at_ms(now_ms + shift_ms)
    assert (here is None) == (there is None)
    assert here is None or there == here + shift_ms


def test_a_halt_covers_everything_or_the_venue_or_the_portfolio_it_names() -> None:
    order = make_order()
    assert EVERYTHING.covers(order)
    assert Scope(ScopeKind.VENUE, VENUE).covers(order)
    assert Scope(ScopeKind.PORTFOLIO, PORTFOLIO).covers(order)
    assert not Scope(ScopeKind.VENUE, "other").covers(order)
    assert not Scope(ScopeKind.PORTFOLIO, "other").covers(order)
