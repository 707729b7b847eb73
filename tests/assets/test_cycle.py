"""The whole walk as Dagster runs it: rules, quotes, balances, drift, orders, drain, fills."""

import dagster as dg
import pytest

from rebalancer.money import Asset
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId, PortfolioName
from resources.settings import Settings
from resources.wiring import Stores
from tests.assets.location import (
    INPUT_ASSETS,
    Location,
    green_checks,
    make_location,
    make_venue,
    materialized,
    red_checks,
)
from tests.fakes.venue import FakeVenue

CORE = PortfolioName("core")


@pytest.fixture
def venue() -> FakeVenue:
    return make_venue()


@pytest.fixture
def location(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores, venue: FakeVenue
) -> Location:
    return make_location(instance, settings, venue, stores=stores)


def test_one_cycle_brings_the_portfolio_back_and_the_next_sends_nothing(
    location: Location, stores: Stores, venue: FakeVenue
) -> None:
    assert location.sync().success
    first = location.rebalance("c1")
    assert first.success
    assert materialized(first) == set(INPUT_ASSETS)
    assert green_checks(first) == {
        "account_is_ours_alone",
        "tickers_are_sound",
        "balances_are_readable",
        "inputs_are_fresh_and_whole",
    }
    drained = location.drain()
    assert drained.success
    assert materialized(drained) == {"fills"}
    rows = stores.archive.read_orders(cycle_id=CycleId("c1"), limit=10)
    assert {row.order.symbol.base: row.order.side for row in rows} == {
        "BTC": "sell",
        "ETH": "buy",
        "SOL": "buy",
    }
    assert {row.state for row in rows} == {OrderState.FILLED}
    assert venue.sends[0].side == "sell"
    recorded = {row.fill for row in stores.archive.read_fills(limit=10)}
    assert recorded == set(venue.fills)

    assert location.rebalance("c2").success
    assert location.drain().success
    assert stores.archive.read_orders(cycle_id=CycleId("c2"), limit=10) == []
    assert len(venue.sends) == len(rows)


def test_every_signal_names_the_rows_it_was_computed_from(
    location: Location, stores: Stores
) -> None:
    location.sync()
    location.rebalance("c1")
    links = stores.archive.read_signal_links(CycleId("c1"), CORE)
    tickers = {asset: str(link.ticker) for asset, link in links.items()}
    assert tickers == {"BTC": "BTC/USDC", "ETH": "ETH/USDC", "SOL": "SOL/USDC", "USDC": "None"}
    assert links[Asset("BTC")].balance_asset == "BTC"
    assert links[Asset("BTC")].rules_version
    assert links[Asset("BTC")].precision_day


def test_a_retried_cycle_names_the_same_orders_and_sends_none_twice(
    location: Location, stores: Stores, venue: FakeVenue
) -> None:
    location.sync()
    assert location.rebalance("c1").success
    planned = {r.order.client_order_id for r in stores.archive.read_orders(limit=10)}
    again = location.rebalance("c1")
    assert again.success
    location.drain()
    once_more = location.rebalance("c1")
    assert once_more.success
    location.drain()
    assert {r.order.client_order_id for r in stores.archive.read_orders(limit=10)} == planned
    sent = [order.client_order_id for order in venue.sends]
    assert sorted(sent) == sorted(planned)


def test_a_dagster_retry_without_a_tag_keeps_the_cycle_of_its_first_run(
    location: Location, stores: Stores, venue: FakeVenue
) -> None:
    location.sync()
    first = location.run("rebalance", partition="core")
    location.drain()
    retried = location.retry("rebalance", first.run_id, partition="core")
    assert retried.success
    assert retried.run_id != first.run_id
    location.drain()
    assert stores.archive.latest_cycle_id(CORE) == first.run_id
    told = retried.asset_materializations_for_node("rebalance_orders")[0].metadata
    assert told["cycle_id"].value == first.run_id
    assert len(venue.sends) == len(set(venue.sends)) == 3


def test_a_drain_with_an_empty_queue_leaves_by_itself(location: Location, venue: FakeVenue) -> None:
    assert location.drain().success
    assert venue.sends == ()


def test_a_red_check_is_named_when_the_market_rules_were_never_observed(
    location: Location, venue: FakeVenue
) -> None:
    result = location.rebalance("c1")
    assert not result.success
    assert "inputs_are_fresh_and_whole" in red_checks(result)
    assert venue.sends == ()
