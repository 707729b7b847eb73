"""Whatever must not be sent, and was, is found."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.cases import (
    BOUGHT,
    SOLD,
    START_MS,
    make_booked,
    make_evidence,
    make_send,
    with_more,
    with_order,
)
from tests.chaos.facts import Caps, End, Evidence, Period, TurnoverCap
from tests.chaos.judge_limits import DAY_MS, judge_caps, judge_rate, judge_silence

SOUND = make_evidence()


def judged_silent(evidence: Evidence, *periods: Period) -> list[str]:
    verdict = judge_silence(evidence, periods, check="nothing during a halt", grace_ms=1_000)
    return [violation.order_id for violation in verdict.violations]


def judged_rate(evidence: Evidence, rate: int) -> int:
    verdict = judge_rate(evidence, orders_per_second=rate, windows_ms=(1_000,))
    return len(verdict.violations)


def run_of(instants_ms: list[int]) -> Evidence:
    sends = tuple(make_send(f"order-{at_ms}-{i}", i, at_ms) for i, at_ms in enumerate(instants_ms))
    return replace(SOUND, sent=sends)


def test_an_order_within_a_second_of_a_halt_is_forgiven_and_a_later_one_is_not() -> None:
    halt = Period(START_MS - 600, START_MS + 2_000, "halt")
    assert judged_silent(SOUND, halt) == [BOUGHT, "dropped"]
    assert not judged_silent(SOUND, Period(START_MS, START_MS + 2_000))


def test_orders_before_and_after_a_halt_are_no_violation() -> None:
    assert not judged_silent(
        SOUND, Period(START_MS - 9_000, START_MS), Period(START_MS + 950, None)
    )


def test_a_halt_that_never_ends_forbids_everything_after_it() -> None:
    assert len(judged_silent(SOUND, Period(START_MS - 1_000, None))) == 3


def test_a_foreign_order_is_not_ours_to_stop() -> None:
    foreign = with_more(SOUND, "sent", make_send("theirs", 9, 5_000, is_foreign=True))
    assert not judged_silent(foreign, Period(START_MS + 3_000, None))


def test_four_orders_in_a_second_pass_a_rate_of_three() -> None:
    assert judged_rate(run_of([0, 400, 800, 999]), 3) == 1
    assert judged_rate(run_of([0, 400, 800, 1_000]), 3) == 0


def test_a_window_that_begins_between_two_whole_seconds_is_looked_at() -> None:
    assert judged_rate(run_of([900, 950, 1_000, 1_050]), 3) == 1


def test_long_windows_are_judged_by_the_same_rate() -> None:
    spread = run_of([300 * i for i in range(40)])
    verdict = judge_rate(spread, orders_per_second=3, windows_ms=(10_000,))
    assert verdict.violations


@given(st.lists(st.integers(0, 5_000), max_size=40), st.integers(1, 6))
def test_the_rate_agrees_with_counting_every_window(instants: list[int], rate: int) -> None:
    over = any(sum(0 <= at - start < 1_000 for at in instants) > rate for start in instants)
    assert (judged_rate(run_of(instants), rate) > 0) == over


@pytest.mark.parametrize(
    ("caps", "culprits"),
    [
        (Caps(order_quote_max=Decimal(50)), [BOUGHT, "dropped"]),
        (Caps(collar_bps_max=Decimal("49.9")), [SOLD, BOUGHT, "dropped"]),
        (Caps(orders_per_cycle_max=2), ["cycle-1"]),
        (Caps(turnover=(TurnoverCap(START_MS + 400, Decimal("99.99")),)), ["turnover"]),
        (Caps(cycle_share_bps_max=4_999), ["cycle-1"]),
    ],
)
def test_an_order_beyond_a_cap_is_found(caps: Caps, culprits: list[str]) -> None:
    assert [violation.order_id for violation in judge_caps(SOUND, caps).violations] == culprits


def test_orders_exactly_at_their_caps_are_no_violation() -> None:
    caps = Caps(
        orders_per_cycle_max=3,
        collar_bps_max=Decimal(50),
        order_quote_max=Decimal("50.25"),
        turnover=(TurnoverCap(START_MS + 400, Decimal(100)),),
        cycle_share_bps_max=5_000,
        open_orders_max=1,
    )
    assert not judge_caps(SOUND, caps).violations


def test_a_follower_does_not_count_as_an_order_of_the_cycle() -> None:
    rest = with_order(SOUND, BOUGHT, follows=SOLD)
    assert not judge_caps(rest, Caps(orders_per_cycle_max=2)).violations


def test_what_is_traded_after_a_cap_is_lifted_is_none_of_its_business() -> None:
    first_only = Caps(turnover=(TurnoverCap(START_MS + 399, Decimal(50)),))
    assert not judge_caps(SOUND, first_only).violations


def test_what_was_traded_the_day_before_counts_in_no_cap_of_today() -> None:
    of_tomorrow = Caps(turnover=(TurnoverCap(START_MS + DAY_MS, Decimal(0)),))
    assert not judge_caps(SOUND, of_tomorrow).violations


def test_too_many_open_orders_are_found() -> None:
    open_late = replace(SOUND, ends=(End(9, SOLD, Decimal("0.5")), End(9, BOUGHT, Decimal("0.5"))))
    found = judge_caps(open_late, Caps(open_orders_max=1)).violations
    assert [violation.order_id for violation in found] == [BOUGHT]


def test_an_order_that_was_never_sent_is_beyond_no_cap() -> None:
    large = make_booked("idle", None, state="planned", amount_base=Decimal(9))
    planned = with_more(SOUND, "orders", large)
    assert not judge_caps(planned, Caps(order_quote_max=Decimal(60))).violations
