"""Drift is refused when an input is stale, missing, or worth nothing."""

import dagster as dg
import pytest

from rebalancer.precision import RawRule
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores
from tests.assets.location import (
    make_holdings,
    make_location,
    make_venue,
    materialized,
    red_checks,
)
from tests.factories import make_raw_rule
from tests.fakes.clock import FakeClock
from tests.fakes.venue import FakeVenue

CHECK = "inputs_are_fresh_and_whole"
UNLISTED: list[RawRule] = [make_raw_rule("BTC"), make_raw_rule("SOL")]


def _venue_of(case: str) -> FakeVenue:
    now_ms = SystemClock().now_ms()
    match case:
        case "quotes a minute old":
            return make_venue(FakeClock(now_ms - 61_000))
        case "quotes from the future":
            return make_venue(FakeClock(now_ms + 3_600_000))
        case "an account worth nothing":
            return make_venue(balances=make_holdings(DOGE="5"))
        case _:
            return make_venue(rules=UNLISTED)


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("quotes a minute old", "ms old, more than 60000 ms"),
        ("quotes from the future", "ms in the future; check the clock"),
        ("an account worth nothing", "the account holds none of BTC, ETH, SOL, USDC"),
        ("a market that is not listed", "ETH/USDC"),
    ],
)
def test_a_cycle_is_refused_with_a_red_check_and_its_reason(
    case: str, words: str, instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    seeded = make_venue(rules=UNLISTED if case == "a market that is not listed" else ALL_RULES)
    make_location(instance, settings, seeded, stores=stores).sync()
    venue = _venue_of(case)
    result = make_location(instance, settings, venue, stores=stores).rebalance("c1")
    assert not result.success
    assert set(red_checks(result)) == {CHECK}
    assert words in red_checks(result)[CHECK]
    assert materialized(result) == {"sanitized_tickers", "balances"}
    assert stores.archive.read_orders(limit=10) == []
    assert venue.sends == ()


ALL_RULES = [make_raw_rule(base) for base in ("BTC", "ETH", "SOL")]


def test_a_refused_cycle_is_told_as_a_failure_with_its_reason(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    result = make_location(instance, settings, make_venue(), stores=stores).rebalance("c1")
    [failure] = [event for event in result.all_events if event.is_step_failure]
    told = failure.step_failure_data.user_failure_data
    assert told is not None
    assert told.description == (
        "cycle skipped: no market rules of venue 'paper' are on record; "
        "run the job sync_precision first"
    )
