"""What is asked for is a pure function of the seed, and stays within its bounds."""

import json
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from services.paper_exchange.fault_kinds import KINDS as PANEL
from services.paper_exchange.fault_reading import read_fault
from tests.chaos.faults import (
    FREEZING,
    KINDS,
    MAY_BE_REFUSED,
    MAY_HAVE_ACTED,
    STALL_MS_MAX,
    draw_fault,
)
from tests.chaos.scenarios import SCENARIOS
from tests.chaos.schedule import LEVEL_BPS_MAX, LONG, ROUND_MS, SERVERS, SHORT, Schedule
from tests.chaos.world import BASES, CASH, LEASE_MS, TIMEOUT_MS


def make_schedule(seed: int, drains: int = 3) -> Schedule:
    return Schedule(seed, BASES, drains, KINDS, tuple(SCENARIOS), LONG)


seeds = st.integers(0, 10**6)
indices = st.integers(0, 10**5)


@given(seeds, indices)
def test_the_same_seed_asks_for_the_same(seed: int, index: int) -> None:
    one, two = make_schedule(seed), make_schedule(seed)
    assert one.round(index) == two.round(index)
    assert one.targets_bps(index, CASH) == two.targets_bps(index, CASH)
    assert one.ticket(index) == two.ticket(index)


def test_another_seed_asks_for_something_else() -> None:
    assert make_schedule(1).round(5) != make_schedule(2).round(5)


def test_a_run_is_known_before_it_begins_and_stays_as_it_is() -> None:
    """Written down: a run that someone reports must be the same run on another machine."""
    round_ = Schedule(7, ("BTC",), 2, (), (), LONG).round(3)
    assert (round_.levels_bps, round_.latency_ms) == ({"BTC": -743}, 150)


@given(seeds, indices, st.integers(1, 3))
def test_every_round_stays_within_its_bounds(seed: int, index: int, drains: int) -> None:
    round_ = make_schedule(seed, drains).round(index)
    assert all(abs(level) <= LEVEL_BPS_MAX for level in round_.levels_bps.values())
    assert all(0 <= kill.after_ms < ROUND_MS for kill in round_.kills)
    assert all(0 <= kill.victim <= drains for kill in round_.kills)
    assert round_.crash in (None, *SERVERS)
    assert round_.cut in (None, *SERVERS)
    assert round_.scenario in (None, *SCENARIOS)
    json.dumps(round_.faults)


@given(seeds, indices)
def test_targets_sum_to_one_whole_and_leave_cash(seed: int, cycle: int) -> None:
    targets = make_schedule(seed).targets_bps(cycle, CASH)
    assert sum(targets.values()) == 10_000
    assert set(targets) == {*BASES, CASH}
    assert min(targets.values()) > 0
    assert targets[CASH] >= 1_500


def test_every_fault_server_scenario_and_worker_gets_its_turn() -> None:
    schedule = make_schedule(7)
    rounds = [schedule.round(index) for index in range(2_000)]
    assert {fault["kind"] for round_ in rounds for fault in round_.faults} == set(KINDS)
    assert {round_.crash for round_ in rounds} == {None, *SERVERS}
    assert {round_.cut for round_ in rounds} == {None, *SERVERS}
    assert {round_.scenario for round_ in rounds} == {None, *SCENARIOS}
    assert {kill.victim for round_ in rounds for kill in round_.kills} == {0, 1, 2, 3}


def test_nothing_crashes_in_the_first_round() -> None:
    assert not [seed for seed in range(300) if make_schedule(seed).round(0).crash]


@given(seeds)
def test_the_short_form_kills_and_cuts_both_servers_and_asks_for_nearly_every_kind(
    seed: int,
) -> None:
    short = Schedule(seed, BASES, 2, KINDS, tuple(SCENARIOS), SHORT)
    rounds = [short.round(index) for index in range(SHORT.rounds_max or 0)]
    assert {round_.crash for round_ in rounds} == {None, *SERVERS}
    assert {round_.cut for round_ in rounds} == {None, *SERVERS}
    kinds = [fault["kind"] for round_ in rounds for fault in round_.faults]
    assert set(kinds) >= set(KINDS) - FREEZING
    assert sum(kind in FREEZING for kind in kinds) == 1
    assert len([round_ for round_ in rounds if round_.scenario]) >= 2


def test_a_stalled_request_is_over_before_a_lease_is() -> None:
    assert 2 * TIMEOUT_MS <= LEASE_MS
    assert 2 * STALL_MS_MAX <= LEASE_MS


@given(seeds)
def test_only_a_code_that_leaves_it_open_may_have_acted(seed: int) -> None:
    faults = Schedule(seed, BASES, 1, ("code",), (), LONG).round(1).faults
    assert all(not fault["acted"] or fault["code"] in MAY_HAVE_ACTED for fault in faults)


@given(seeds, st.sampled_from(KINDS))
def test_every_fault_is_one_that_the_fault_panel_takes(seed: int, kind: str) -> None:
    body = draw_fault(Random(seed), kind, BASES)
    assert read_fault(json.loads(json.dumps(body)), [base + CASH for base in BASES])


def test_every_kind_of_fault_there_is_can_be_drawn() -> None:
    assert set(KINDS) == set(PANEL)


def test_the_faults_that_are_treated_apart_are_faults_there_are() -> None:
    assert set(KINDS) >= FREEZING | MAY_BE_REFUSED


def test_faults_that_call_for_a_person_are_rarer_than_others() -> None:
    rounds = [make_schedule(7).round(index) for index in range(2_000)]
    kinds = [fault["kind"] for round_ in rounds for fault in round_.faults]
    assert 0 < sum(kind in FREEZING for kind in kinds) / len(kinds) < len(FREEZING) / len(KINDS)
