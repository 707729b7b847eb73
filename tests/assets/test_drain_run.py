"""The drain as a Dagster run: what it shows, and how it ends when asked to or without Redis."""

import os
import signal
from dataclasses import replace

import dagster as dg
import pytest

from rebalancer.errors import BadData
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId
from rebalancer.queue import SendPermit
from rebalancer.settlement import Submission
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, open_stores
from tests.assets.location import (
    HOLDINGS,
    PRICES,
    Location,
    make_holdings,
    make_location,
    make_settings,
    make_tickers,
    make_venue,
    materialized,
)
from tests.factories import make_raw_rule, make_symbol
from tests.fakes.venue import Answer, FakeVenue

RULES = [make_raw_rule(base) for base in PRICES]


class SignallingVenue(FakeVenue):
    """Asks this very process to end while its first order is under way."""

    def __init__(self) -> None:
        holdings = make_holdings(**HOLDINGS)
        super().__init__(SystemClock(), rules=RULES, tickers=make_tickers(), balances=holdings)

    async def submit(self, permit: SendPermit) -> Submission:
        if not self.sends:
            os.kill(os.getpid(), signal.SIGTERM)
        return await super().submit(permit)


def plan(
    venue: FakeVenue, instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> Location:
    """A location whose first cycle is queued: one sell, and two buys that wait for it."""
    location = make_location(instance, settings, venue, stores=stores)
    assert location.sync().success
    assert location.rebalance("c1").success
    return location


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, str]:
    [event] = result.get_asset_materialization_events()
    return {name: str(value.value) for name, value in event.materialization.metadata.items()}


def test_the_fills_show_each_order_and_each_trade(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    shown = metadata_of(plan(make_venue(), instance, settings, stores).drain())
    assert shown["orders_settled"] == "3"
    assert shown["trades_shown"] == "3"
    assert "| filled | 3 |" in shown["states"]
    for symbol in ("BTC/USDC", "ETH/USDC", "SOL/USDC"):
        assert symbol in shown["orders"]
    assert "| left because | idle |" in shown["session"]
    assert "| epoch | 1 |" in shown["session"]


def test_asked_to_end_it_books_the_order_under_way_and_leaves_the_rest_in_the_queue(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    venue = SignallingVenue()
    location = plan(venue, instance, settings, stores)
    before = signal.getsignal(signal.SIGTERM)
    result = location.drain()
    assert signal.getsignal(signal.SIGTERM) == before
    assert result.success
    assert "| left because | asked to stop by SIGTERM |" in metadata_of(result)["session"]
    assert len(venue.sends) == 1
    booked = stores.archive.read_orders(states=[OrderState.FILLED], limit=10)
    assert [row.order for row in booked] == list(venue.sends)
    assert (stores.queue.depth().waiting, stores.queue.depth().in_doubt) == (2, 0)
    assert not stores.queue.tenure_state(0).is_held

    assert location.drain().success
    assert len(venue.sends) == 3


def test_a_refused_order_is_shown_with_its_reason(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    script = {make_symbol("SOL"): [Answer.REFUSES]}
    location = plan(make_venue(script=script), instance, settings, stores)
    shown = metadata_of(location.drain())
    assert "| refused | 1 |" in shown["states"]
    assert "refused by script" in shown["orders"]


def test_redis_that_is_away_fails_the_run_and_sends_nothing(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    venue = make_venue()
    location = plan(venue, instance, settings, stores)
    assert settings.database_url is not None
    away = make_settings(database_url=settings.database_url.get_secret_value())
    with open_stores(away) as gone:
        result = replace(location, resources={**location.resources, "stores": gone}).drain()
    assert not result.success
    assert materialized(result) == set()
    [failure, *_] = [event for event in result.all_events if event.is_step_failure]
    assert "TRIMTAB_REDIS_URL" in str(failure.step_failure_data.error)
    assert venue.sends == ()
    assert {row.state for row in stores.archive.read_orders(cycle_id=CycleId("c1"), limit=9)} == {
        OrderState.QUEUED
    }


@pytest.mark.parametrize("job", ["sync_precision", "rebalance"])
def test_an_answer_that_cannot_be_read_fails_the_run_and_writes_no_order(
    job: str, instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    venue = make_venue(reads_fail=BadData("the venue sent half an answer"))
    location = make_location(instance, settings, venue, stores=stores)
    result = location.sync() if job == "sync_precision" else location.rebalance("c1")
    assert not result.success
    assert materialized(result) == set()
    assert stores.archive.read_orders(limit=10) == []
