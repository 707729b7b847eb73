"""Orders worked on the paper exchange: posted first and then crossed, and sent in slices."""

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine

from rebalancer.order_states import STATES_WITH_FILLS
from rebalancer.orders import CycleId, PortfolioName
from resources.settings_file import load_settings
from resources.wiring import open_stores
from tests.assets.location import Location
from tests.plugins.paper import API_KEY, API_SECRET, PaperFactory, PaperProcess

SETTINGS = """
[venues.paper]
exchange = "binance"
rest_url = "{rest}"
ws_url = "{ws}"
latency_ms_max = 5000
orders_per_second_max = 50
post_ms = 300

[portfolios.core]
venue = "paper"
quote = "USDC"
targets_bps = {{ BTC = 4000, ETH = 3000, SOL = 1500, USDC = 1500 }}
{more}

[drain]
idle_ms = 300
"""
LocationMaker = Callable[[str], Location]


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    """A market that stands still: nobody meets an order that waits."""
    return make_paper("--tick-ms", "0")


@pytest.fixture
def location_with(
    paper: PaperProcess,
    migrated: tuple[str, Engine],
    books: Engine,
    redis_url: str,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> LocationMaker:
    """Makes a location whose portfolio has these lines more in its settings."""
    del books  # Empty by now.

    def make(more: str) -> Location:
        variables = {
            "DATABASE_URL": migrated[0],
            "DAGSTER_DATABASE_URL": migrated[0],
            "REDIS_URL": redis_url,
            "VENUES__PAPER__API_KEY": API_KEY,
            "VENUES__PAPER__API_SECRET": API_SECRET,
        }
        for name, text in variables.items():
            monkeypatch.setenv(f"TRIMTAB_{name}", text)
        file = tmp_path / "trimtab.toml"
        file.write_text(SETTINGS.format(rest=paper.url, ws=paper.ws_url, more=more))
        return Location(load_settings(file), instance, {}, config_file=file)

    return make


def test_where_the_spread_is_wide_an_order_waits_in_the_book_and_then_crosses(
    location_with: LocationMaker, paper: PaperProcess
) -> None:
    location = location_with("post_spread_bps_min = 20")
    location.sync()
    mid = Decimal(paper.state()["mids"]["SOLUSDC"])
    paper.set_quote("SOLUSDC", bidPrice=f"{mid * 998 / 1000:.2f}", askPrice=f"{mid + 1:.2f}")
    assert location.rebalance("c1").success
    paper.clear_quotes()
    assert location.drain().success
    posted, crossed = legs_of(paper)["SOLUSDC"]
    assert (posted["type"], crossed["type"]) == ("LIMIT_MAKER", "LIMIT")
    assert crossed["timeInForce"] == "IOC"
    assert crossed["newClientOrderId"] != posted["newClientOrderId"]
    assert len(paper.journal_lines(method="DELETE", path_end="/order")) == 1
    assert [sent["type"] for sent in legs_of(paper)["BTCUSDC"]] == ["LIMIT"]
    assert in_band(location, "c2")


def test_a_leg_larger_than_its_share_of_the_book_is_sent_in_slices_one_after_the_other(
    location_with: LocationMaker,
) -> None:
    location = location_with("depth_share_bps_max = 100\nslices_max = 4")
    location.sync()
    assert location.rebalance("c1").success
    assert location.drain().success
    with open_stores(location.settings) as stores:
        rows = stores.archive.read_orders(cycle_id=CycleId("c1"), limit=50)
    assert {row.state for row in rows} <= STATES_WITH_FILLS
    slices: dict[str, list[int]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.order.slice_index):
        slices[str(row.order.symbol)].append(row.order.slice_index)
    assert any(len(indexes) > 1 for indexes in slices.values()), slices
    for symbol, indexes in slices.items():
        assert indexes == list(range(len(indexes))), symbol
        assert len(indexes) <= 4, symbol


def legs_of(paper: PaperProcess) -> dict[str, list[dict[str, Any]]]:
    """What was sent, by symbol, in the order in which it arrived."""
    legs: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in paper.journal_lines(method="POST", path_end="/order"):
        legs[line["params"]["symbol"]].append(line["params"])
    return legs


def in_band(location: Location, cycle_id: str) -> bool:
    assert location.rebalance(cycle_id).success
    with open_stores(location.settings) as stores:
        drifts = stores.archive.read_drifts(CycleId(cycle_id), PortfolioName("core"))
    return max(abs(drift.drift_bps) for drift in drifts) <= Decimal(200)
