"""A halt of the engine and its page: wherever a crash comes in between, the next start mends it."""

import pytest

from rebalancer.controls import TradingHalt
from rebalancer.errors import StoreUnavailable
from rebalancer.halting import freeze_of, impose_halt, restore_halts
from rebalancer.ports import Alert
from tests.factories import NOW_MS, PORTFOLIO
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.clock import FakeClock
from tests.fakes.controls import FakeControls
from tests.fakes.ledger import FakeLedger

HALT = freeze_of(PORTFOLIO, "it does not add up", now_ms=NOW_MS)


class Crash(Exception):
    """The process dies here."""


class DeadlyAlarm(RecordingAlarm):
    """The process dies before anybody is told."""

    def page(self, alert: Alert) -> None:
        raise Crash(alert.title)


async def test_who_was_told_of_a_halt_is_not_told_again_at_the_next_start() -> None:
    controls, ledger, alarm = FakeControls(FakeClock()), FakeLedger(), RecordingAlarm()
    assert await impose_halt(HALT, controls=controls, ledger=ledger, alarm=alarm)
    assert await restore_halts(controls=controls, ledger=ledger, alarm=alarm) == ()
    assert len(alarm.alerts) == 1


async def test_a_page_that_a_crash_came_before_comes_at_the_next_start_and_once() -> None:
    controls, ledger, alarm = FakeControls(FakeClock()), FakeLedger(), RecordingAlarm()
    with pytest.raises(Crash):
        await impose_halt(HALT, controls=controls, ledger=ledger, alarm=DeadlyAlarm())
    for _ in range(2):
        assert await restore_halts(controls=controls, ledger=ledger, alarm=alarm) == ()
    assert [alert.fingerprint[1] for alert in alarm.alerts] == [HALT.scope.key]


async def test_a_halt_that_never_reached_the_books_does_at_the_next_start_and_is_paged() -> None:
    controls, alarm = FakeControls(FakeClock()), RecordingAlarm()
    away = FakeLedger(fails_after=0)
    with pytest.raises(StoreUnavailable):
        await impose_halt(HALT, controls=controls, ledger=away, alarm=alarm)
    assert alarm.alerts == ()
    ledger = FakeLedger()
    await restore_halts(controls=controls, ledger=ledger, alarm=alarm)
    assert await ledger.read_halts() == (HALT,)
    assert len(alarm.alerts) == 1


class LiftedMeanwhile(FakeLedger):
    """A person takes the halt out of the controls just before it is put on the books again."""

    def __init__(self, controls: FakeControls) -> None:
        super().__init__()
        self._controls = controls

    async def record_halt(self, halt: TradingHalt) -> None:
        self._controls.lift(halt.scope, halt.kind)
        await super().record_halt(halt)


async def test_a_halt_that_a_person_is_lifting_just_now_does_not_come_back() -> None:
    controls, alarm = FakeControls(FakeClock(), halts=[HALT]), RecordingAlarm()
    ledger = LiftedMeanwhile(controls)
    assert await restore_halts(controls=controls, ledger=ledger, alarm=alarm) == ()
    assert await ledger.read_halts() == ()
    assert controls.halts() == ()
    assert alarm.alerts == ()
