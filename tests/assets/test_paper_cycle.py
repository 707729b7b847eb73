"""The same jobs with nothing replaced: ccxt on the paper exchange, settings from a file."""

import time
from collections.abc import Mapping
from decimal import Decimal

import pytest

from rebalancer.account_compare import QUIET_MS
from rebalancer.controls import HaltKind
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId, PortfolioName
from resources.system_clock import SystemClock
from resources.wiring import Stores, open_stores
from tests.assets.location import INPUT_ASSETS, Location, materialized, red_checks
from tests.assets.paper_location import LocationMaker
from tests.plugins.paper import PaperProcess

BAND_BPS = 200


@pytest.fixture
def location(location_with: LocationMaker) -> Location:
    return location_with("")


def test_a_cycle_on_the_paper_exchange_ends_in_the_band_and_the_next_sends_nothing(
    location: Location, paper: PaperProcess
) -> None:
    assert location.sync().success
    first = location.rebalance("c1")
    assert first.success
    assert materialized(first) == set(INPUT_ASSETS)
    assert location.drain().success
    with open_stores(location.settings) as stores:
        rows = stores.archive.read_orders(cycle_id=CycleId("c1"), limit=20)
        assert rows
        assert {row.state for row in rows} == {OrderState.FILLED}
        planned = {row.order.client_order_id for row in rows}
        assert {row.fill.client_order_id for row in stores.archive.read_fills(limit=50)} == planned
    assert sent_ids(paper) == sorted(planned)

    assert location.rebalance("c2").success
    assert location.drain().success
    assert sent_ids(paper) == sorted(planned)
    with open_stores(location.settings) as stores:
        drifts = stores.archive.read_drifts(CycleId("c2"), PortfolioName("core"))
        assert max(abs(drift.drift_bps) for drift in drifts) <= BAND_BPS


@pytest.mark.parametrize(
    "fields",
    [{"bidPrice": "NaN"}, {"lastPrice": "Infinity"}, {"bidPrice": "9000000", "askPrice": "1"}],
)
def test_a_poisoned_ticker_of_the_exchange_never_becomes_an_order(
    fields: Mapping[str, str], location: Location, paper: PaperProcess
) -> None:
    location.sync()
    paper.set_quote("ETHUSDC", **fields)
    result = location.rebalance("c1")
    assert not result.success
    assert "tickers_are_sound" in red_checks(result)
    assert not materialized(result) & {"drift_signals", "rebalance_orders"}
    with open_stores(location.settings) as stores:
        [row] = stores.archive.read_quarantine(limit=10)
        assert row.rejected.subject == "ETH/USDC"
        assert stores.queue.depth().waiting == 0
    assert sent_ids(paper) == []
    paper.clear_quotes()
    assert location.rebalance("c2").success


def sent_ids(paper: PaperProcess) -> list[str]:
    """Every client order id that reached the exchange, as often as it did."""
    lines = paper.journal_lines(method="POST", path_end="/order")
    return sorted(str(line["params"]["newClientOrderId"]) for line in lines)


def test_prices_are_exact_from_the_exchange_to_the_books(location: Location) -> None:
    location.sync()
    location.rebalance("c1")
    with open_stores(location.settings) as stores:
        quotes = stores.archive.read_quotes(
            CycleId("c1"), location.settings.venue_names()[0]
        ).values()
        assert quotes
        assert all(isinstance(quote.bid_quote, Decimal) for quote in quotes)


def test_an_order_refused_for_changed_rules_succeeds_in_the_next_cycle_under_the_new_ones(
    location: Location, paper: PaperProcess
) -> None:
    location.sync()
    assert location.rebalance("c1").success
    paper.set_fault("rules_changed", symbol="BTCUSDC", step_size="0.01")
    assert location.drain().success
    assert location.rebalance("c2").success
    assert location.drain().success
    with open_stores(location.settings) as stores:
        rows = stores.archive.read_orders(limit=20)
        [refused, filled] = sorted(
            (row for row in rows if row.order.symbol.base == "BTC"),
            key=lambda row: row.order.planned_at_ms,
        )
        drifts = stores.archive.read_drifts(CycleId("c2"), PortfolioName("core"))
    assert (refused.state, filled.state) == (OrderState.REFUSED, OrderState.FILLED)
    assert "no longer fits" in (refused.reason or "")
    assert refused.order.rules_version != filled.order.rules_version
    assert filled.order.amount_base % Decimal("0.01") == 0
    assert {drift.asset for drift in drifts} == {"BTC", "ETH", "SOL", "USDC"}


def test_money_that_came_from_elsewhere_freezes_the_portfolio_and_nothing_is_planned(
    location: Location, paper: PaperProcess
) -> None:
    location.sync()
    assert location.rebalance("c1").success
    assert location.drain().success
    paper.set_fault("deposit", asset="BTC", amount="0.5")
    with open_stores(location.settings) as stores:
        _let_rest(stores)
        frozen = location.rebalance("c2")
        assert not frozen.success
        assert "balances moved without us: BTC" in red_checks(frozen)["account_is_ours_alone"]
        assert not materialized(frozen) & {"drift_signals", "rebalance_orders"}
        [halt] = stores.controls.halts()
        assert halt.kind is HaltKind.FREEZE


def _let_rest(stores: Stores) -> None:
    """Wait until the last trade is old enough for the account to be compared whole."""
    deadline = time.monotonic() + 10
    newest = max(row.fill.filled_at_ms for row in stores.archive.read_fills(limit=50))
    while SystemClock().now_ms() - newest < 2 * QUIET_MS:
        assert time.monotonic() < deadline
        time.sleep(0.1)
