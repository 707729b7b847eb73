"""Every answer of the drain decision, from a view of literal numbers."""

from dataclasses import replace
from decimal import Decimal

import pytest

from rebalancer.gate import Conditions, GatePolicy
from rebalancer.money import ZERO
from rebalancer.orders import VenueName
from rebalancer.queue import QueueDepth, TenureState
from sensors.drain_decision import (
    RUN_KEY_WINDOW_MS,
    START_GRACE_MS,
    DrainRun,
    DrainView,
    Launch,
    Wait,
    judge_drain,
)
from tests.factories import NOW_MS

A, B = VenueName("a"), VenueName("b")
GATE = GatePolicy(latency_ms_max=150, urgency_override=Decimal("0.8"), hold_ms=250)
FAST, SLOW, DOWN = Conditions(20), Conditions(151), Conditions(None)
EMPTY = QueueDepth(waiting=0, in_doubt=0, urgency_max=ZERO, oldest_planned_at_ms=None)
CALM = QueueDepth(2, 0, Decimal("0.3"), NOW_MS)
URGENT = QueueDepth(2, 0, Decimal("0.8"), NOW_MS)
DOUBTFUL = QueueDepth(0, 1, ZERO, None)
BUDGET_MS, OVERLAP_MS = 480_000, 20_000
LIVE = DrainRun("0123456789abcdef", 60_000)
OLD = DrainRun("fedcba9876543210", BUDGET_MS - OVERLAP_MS)
VIEW = DrainView(
    depth=CALM,
    tenure=TenureState(7, is_held=False),
    runs=(),
    conditions={A: FAST},
    gates={A: GATE, B: GATE},
    budget_ms=BUDGET_MS,
    overlap_ms=OVERLAP_MS,
    now_ms=NOW_MS,
)
HELD = TenureState(7, is_held=True)


def test_an_empty_queue_launches_nothing() -> None:
    assert judge_drain(replace(VIEW, depth=EMPTY)) == Wait("no order waits")


def test_waiting_orders_launch_the_next_epoch_under_the_key_of_this_window() -> None:
    key = f"drain-8-{NOW_MS // RUN_KEY_WINDOW_MS}"
    assert judge_drain(VIEW) == Launch(key, "2 orders wait, 0 in doubt")


def test_a_failed_launch_may_be_tried_again_in_the_next_window() -> None:
    first, again = judge_drain(VIEW), judge_drain(replace(VIEW, now_ms=NOW_MS + RUN_KEY_WINDOW_MS))
    assert isinstance(first, Launch)
    assert isinstance(again, Launch)
    assert first.run_key != again.run_key


@pytest.mark.parametrize(
    ("conditions", "words"),
    [(SLOW, "the venue answers in 151 ms"), (DOWN, "the venue does not answer")],
)
def test_a_slow_venue_holds_calm_orders_and_says_its_limit(
    conditions: Conditions, words: str
) -> None:
    verdict = judge_drain(replace(VIEW, conditions={A: conditions}))
    assert isinstance(verdict, Wait)
    assert words in verdict.reason
    assert "limit 150 ms" in verdict.reason


@pytest.mark.parametrize("depth", [URGENT, DOUBTFUL])
def test_urgency_and_doubt_launch_whatever_the_latency(depth: QueueDepth) -> None:
    assert isinstance(judge_drain(replace(VIEW, depth=depth, conditions={A: DOWN})), Launch)


def test_one_venue_that_may_be_traded_on_is_enough() -> None:
    assert isinstance(judge_drain(replace(VIEW, conditions={A: DOWN, B: FAST})), Launch)
    verdict = judge_drain(replace(VIEW, conditions={A: DOWN, B: SLOW}))
    assert isinstance(verdict, Wait)
    assert "a: the venue does not answer" in verdict.reason
    assert "b: the venue answers in 151 ms" in verdict.reason


@pytest.mark.parametrize(
    ("runs", "tenure", "words"),
    [
        ((replace(LIVE, age_ms=START_GRACE_MS - 1),), VIEW.tenure, "is starting (run 01234567"),
        ((LIVE,), HELD, "a drain session is live (run 01234567, 60 s old)"),
        ((OLD, LIVE), HELD, "a drain session and its successor are live"),
        ((OLD, replace(LIVE, age_ms=1_000)), HELD, "is starting"),
    ],
)
@pytest.mark.parametrize("depth", [CALM, URGENT, DOUBTFUL])
def test_one_live_session_is_enough_for_any_order(
    depth: QueueDepth, runs: tuple[DrainRun, ...], tenure: TenureState, words: str
) -> None:
    verdict = judge_drain(replace(VIEW, depth=depth, runs=runs, tenure=tenure))
    assert isinstance(verdict, Wait)
    assert words in verdict.reason


def test_a_session_near_its_end_gets_its_successor() -> None:
    view = replace(VIEW, runs=(OLD,), tenure=HELD)
    assert isinstance(judge_drain(view), Launch)
    younger = replace(OLD, age_ms=OLD.age_ms - 1)
    assert isinstance(judge_drain(replace(view, runs=(younger,))), Wait)


def test_a_run_that_holds_no_slot_after_its_grace_is_dead_and_replaced() -> None:
    dead = replace(LIVE, age_ms=START_GRACE_MS)
    assert isinstance(judge_drain(replace(VIEW, runs=(dead,))), Launch)
