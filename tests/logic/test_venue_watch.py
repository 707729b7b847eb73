"""Whether a venue may be traded on: what it announces, and what its key may do."""

import logging
from dataclasses import replace
from typing import Any

import pytest

from pipelines.venue_watch import NOTE_LENGTH_MAX, WATCH_MS, WINDOW_MS, VenueWatch, shortened
from rebalancer.account import VenueStatus
from rebalancer.controls import HaltKind, Scope, ScopeKind
from rebalancer.credentials import UNTOLD, KeyPolicy
from rebalancer.errors import VenueDenied, VenueUnavailable
from rebalancer.ports import Venue
from rebalancer.queue import NotNow, NotNowReason
from tests.factories import NOW_MS, VENUE, make_order
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger
from tests.fakes.queue import FakeQueue
from tests.fakes.venue import SOUND_KEY, FakeVenue
from tests.logic.session import make_desk, open_tenure, take_step

STRICT = KeyPolicy(allow_unreadable_rights=False, require_ip_binding=False)
AWAY = VenueUnavailable("connection refused", retry_after_ms=0)


class ReturningVenue(FakeVenue):
    """Does not answer its first `away` questions about the key."""

    def __init__(self, clock: FakeClock, *, away: int) -> None:
        super().__init__(clock)
        self._away = away

    async def fetch_clock_skew_ms(self) -> int | None:
        if self._away > 0:
            self._away -= 1
            raise AWAY
        return await super().fetch_clock_skew_ms()


class Scene:
    """One venue under watch, with an order that waits for it."""

    def __init__(self, venue: Venue, clock: FakeClock, *, policy: KeyPolicy = STRICT) -> None:
        self.clock = clock
        self.alarm, self.ledger = RecordingAlarm(), FakeLedger()
        self.controls = FakeControls(clock)
        self.queue = FakeQueue(clock, controls=self.controls, orders=[make_order()])
        self.desk = make_desk(
            venue, self.queue, self.ledger, clock, controls=self.controls, alarm=self.alarm
        )
        self.watch = VenueWatch(self.desk, {VENUE: policy})

    @property
    def windows(self) -> list[tuple[str, int]]:
        """Each window in force, and until when it holds."""
        return [(w.window_id, w.starts_at_ms + w.duration_ms) for w in self.controls.windows()]


def scene_of(*, policy: KeyPolicy = STRICT, **changes: Any) -> Scene:
    clock = FakeClock()
    return Scene(FakeVenue(clock, **changes), clock, policy=policy)


async def test_a_sound_venue_is_neither_closed_nor_halted() -> None:
    scene = scene_of()
    await scene.watch.look()
    assert scene.windows == []
    assert scene.controls.halts() == ()
    assert scene.alarm.alerts == ()


async def test_announced_maintenance_closes_the_venue_until_it_is_no_longer_renewed() -> None:
    scene = scene_of(status=VenueStatus.MAINTENANCE)
    await scene.watch.look()
    assert scene.windows == [(f"announced-{VENUE}", NOW_MS + WINDOW_MS)]
    [window] = scene.controls.windows()
    assert window.is_announced
    assert window.covers(VENUE)
    scene.clock.advance(WATCH_MS)
    await scene.watch.look()
    assert scene.windows == [(f"announced-{VENUE}", NOW_MS + WATCH_MS + WINDOW_MS)]
    scene.clock.advance(WINDOW_MS)
    assert scene.windows == []


async def test_nothing_is_sent_to_a_venue_in_announced_maintenance() -> None:
    scene = scene_of(status=VenueStatus.MAINTENANCE)
    await scene.watch.look()
    await scene.desk.venues[VENUE].probe()
    step = await take_step(scene.desk, open_tenure(scene.queue))
    assert isinstance(step, NotNow)
    assert step.reason is NotNowReason.MAINTENANCE
    assert scene.queue.permitted == ()


async def test_a_venue_stays_closed_until_its_key_was_checked_and_is_then_asked_no_more() -> None:
    clock = FakeClock()
    scene = Scene(ReturningVenue(clock, away=1), clock)
    await scene.watch.look()
    assert scene.windows == [(f"unchecked-{VENUE}", NOW_MS + WINDOW_MS)]
    assert scene.controls.halts() == ()
    await scene.watch.look()
    assert scene.windows == []


async def test_a_venue_that_answers_nothing_is_closed_and_no_error_is_raised() -> None:
    scene = scene_of(reads_fail=AWAY)
    await scene.watch.look()
    assert [name for name, _ in scene.windows] == [f"unchecked-{VENUE}"]
    assert "connection refused" in scene.controls.windows()[0].note


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"key_rights": replace(SOUND_KEY, may_withdraw=True)}, "may withdraw"),
        ({"key_rights": replace(SOUND_KEY, may_trade=False)}, "may not trade"),
        ({"key_rights": UNTOLD}, "allow_unreadable_rights"),
        ({"reads_fail": VenueDenied("the key is not known here")}, "not known here"),
    ],
)
async def test_a_key_that_must_not_be_traded_with_halts_its_venue_and_pages_once(
    changes: dict[str, Any], words: str
) -> None:
    scene = scene_of(**changes)
    await scene.watch.look()
    [halt] = scene.controls.halts()
    assert (halt.scope, halt.kind) == (Scope(ScopeKind.VENUE, VENUE), HaltKind.DENIED)
    assert words in halt.reason
    assert await scene.ledger.read_halts() == (halt,)
    [alert] = scene.alarm.alerts
    assert f"trimtab resume --venue {VENUE}" in alert.detail
    await scene.watch.look()
    assert len(scene.alarm.alerts) == 1


async def test_a_skewed_clock_closes_the_venue_and_does_not_halt_it() -> None:
    scene = scene_of(clock_skew_ms=-1_000)
    await scene.watch.look()
    assert scene.controls.halts() == ()
    assert scene.alarm.alerts == ()
    [window] = scene.controls.windows()
    assert window.window_id == f"unchecked-{VENUE}"
    assert "1000 ms ahead of the venue's" in window.note


async def test_a_skewed_clock_does_not_hide_a_key_that_may_withdraw() -> None:
    rights = replace(SOUND_KEY, may_withdraw=True)
    scene = scene_of(clock_skew_ms=5_000, key_rights=rights)
    await scene.watch.look()
    [halt] = scene.controls.halts()
    assert "may withdraw" in halt.reason


async def test_what_does_not_stop_trading_is_told_and_trading_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    scene = scene_of(policy=replace(STRICT, allow_unreadable_rights=True), key_rights=UNTOLD)
    await scene.watch.look()
    assert scene.windows == []
    assert scene.controls.halts() == ()
    assert "does not tell whether the key may trade and withdraw" in caplog.text


def test_a_long_note_ends_behind_a_sentence_or_says_that_it_was_cut() -> None:
    whole = "It did not answer. Check that it runs."
    assert shortened(whole) == whole
    assert shortened("It did not answer. " + "Check " * 50) == "It did not answer."
    cut = shortened("x" * 500)
    assert (len(cut), cut[-1]) == (NOTE_LENGTH_MAX, "…")
