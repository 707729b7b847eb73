"""Orders worked on the paper exchange: posted first and then crossed, and sent in slices."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from rebalancer.order_states import STATES_WITH_FILLS
from rebalancer.orders import CycleId, PortfolioName
from resources.wiring import open_stores
from tests.assets.location import Location
from tests.assets.paper_location import LocationMaker
from tests.plugins.paper import PaperProcess


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
