"""Balances, signals, skips and the reports: each row leads back to what it was computed from."""

from datetime import date
from decimal import Decimal

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from rebalancer.drift import Drift, TargetWeights, measure_drift
from rebalancer.money import Asset, to_decimal
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId, PortfolioName
from rebalancer.plan import SkippedLeg, SkipReason
from rebalancer.settlement import Accepted, Expired, settle
from rebalancer.snapshot import Snapshot, take_snapshot
from resources.archive_rows import SignalLinks
from resources.postgres_archive import PostgresArchive
from resources.postgres_ledger import PostgresLedger
from tests.factories import (
    CASH,
    FRESHNESS,
    NOW_MS,
    PORTFOLIO,
    VENUE,
    make_balance,
    make_fill,
    make_order,
    make_quote,
    make_rule,
    make_symbol,
)

DAY = date(2023, 11, 14)
"""The day of NOW_MS."""
CYCLE = CycleId("c1")
BTC, ETH = make_symbol("BTC"), make_symbol("ETH")


@pytest.fixture
def archive(engine: Engine) -> PostgresArchive:
    return PostgresArchive(engine)


def make_snapshot() -> Snapshot:
    """Two markets, of which the account lists one."""
    return take_snapshot(
        {BTC: make_rule(), ETH: make_rule("ETH")},
        {BTC: make_quote(), ETH: make_quote("ETH", "2500")},
        {Asset("BTC"): make_balance("BTC", "1"), CASH: make_balance(CASH, "1000")},
        symbols=[BTC, ETH],
        cash=CASH,
        now_ms=NOW_MS,
        freshness=FRESHNESS,
    )


def measure(snapshot: Snapshot) -> tuple[Drift, ...]:
    weights = {Asset("BTC"): 5_000, Asset("ETH"): 3_000, CASH: 2_000}
    return measure_drift(snapshot, TargetWeights(weights))


def record_sources(archive: PostgresArchive, snapshot: Snapshot) -> None:
    archive.record_rules(VENUE, DAY, [(rule, "{}") for rule in snapshot.rules.values()])
    archive.record_quotes(CYCLE, VENUE, list(snapshot.quotes.values()))
    archive.record_balances(CYCLE, VENUE, list(snapshot.balances.values()))


def test_balances_come_back_and_the_first_of_a_cycle_stands(archive: PostgresArchive) -> None:
    btc, dust = make_balance("BTC", "1.500", locked="0.1"), make_balance("ETH", "1E-24")
    archive.record_balances(CYCLE, VENUE, [btc])
    archive.record_balances(CYCLE, VENUE, [make_balance("BTC", "7"), dust])
    assert archive.read_balances(CYCLE, VENUE) == {btc.asset: btc, dust.asset: dust}
    assert archive.read_balances(CycleId("c2"), VENUE) == {}


def test_signals_come_back_in_their_order_and_twice_is_once(archive: PostgresArchive) -> None:
    snapshot = make_snapshot()
    drifts = measure(snapshot)
    record_sources(archive, snapshot)
    for _ in range(2):
        archive.record_drifts(CYCLE, PORTFOLIO, drifts, venue=VENUE, snapshot=snapshot)
    assert archive.read_drifts(CYCLE, PORTFOLIO) == drifts
    assert archive.latest_cycle_id(PORTFOLIO) == CYCLE
    assert archive.latest_cycle_id(PortfolioName("other")) is None


def test_a_signal_names_the_rows_it_was_computed_from(archive: PostgresArchive) -> None:
    snapshot = make_snapshot()
    record_sources(archive, snapshot)
    archive.record_drifts(CYCLE, PORTFOLIO, measure(snapshot), venue=VENUE, snapshot=snapshot)
    version, eth_version = make_rule().version, make_rule("ETH").version
    assert archive.read_signal_links(CYCLE, PORTFOLIO) == {
        "BTC": SignalLinks(VENUE, BTC, "BTC", DAY, version),
        "ETH": SignalLinks(VENUE, ETH, None, DAY, eth_version),
        CASH: SignalLinks(VENUE, None, CASH, None, None),
    }


def test_a_signal_without_its_sources_is_refused(archive: PostgresArchive) -> None:
    snapshot = make_snapshot()
    with pytest.raises(IntegrityError, match="drift_signals_"):
        archive.record_drifts(CYCLE, PORTFOLIO, measure(snapshot), venue=VENUE, snapshot=snapshot)
    assert archive.read_drifts(CYCLE, PORTFOLIO) == ()


def test_skips_come_back_by_asset_and_twice_is_once(archive: PostgresArchive) -> None:
    snapshot = make_snapshot()
    record_sources(archive, snapshot)
    archive.record_drifts(CYCLE, PORTFOLIO, measure(snapshot), venue=VENUE, snapshot=snapshot)
    skips = tuple(
        SkippedLeg(Asset(asset), "buy", SkipReason.BELOW_BAND, "inside", Decimal("-12.50"))
        for asset in ("BTC", "ETH")
    )
    for _ in range(2):
        archive.record_skips(CYCLE, PORTFOLIO, skips[::-1])
    assert archive.read_skips(CYCLE, PORTFOLIO) == skips


async def test_orders_are_reported_by_portfolio_cycle_and_state(
    archive: PostgresArchive, engine: Engine
) -> None:
    ledger = PostgresLedger(engine)
    filled, expired = make_order("BTC"), make_order("ETH")
    other = make_order("SOL", cycle_id="c2", portfolio="other")
    await ledger.record_planned([filled, expired, other], now_ms=NOW_MS)
    fill = make_fill(filled, "1")
    accepted = Accepted(filled, "v-1", is_closed=True, filled_base=to_decimal(1))
    await ledger.record(settle(accepted, [fill]), now_ms=NOW_MS + 1)
    await ledger.record(settle(Expired(expired), ()), now_ms=NOW_MS + 2)

    def ids(**choice: object) -> set[str]:
        rows = archive.read_orders(**choice, limit=10)  # type: ignore[arg-type]
        return {row.order.client_order_id for row in rows}

    assert ids(portfolio="core") == {filled.client_order_id, expired.client_order_id}
    assert ids(cycle_id="c2") == {other.client_order_id}
    assert ids(states=[OrderState.FILLED]) == {filled.client_order_id}
    assert ids(states=[]) == set()
    assert len(archive.read_orders(limit=2)) == 2
    summary = archive.summarize()
    assert summary.orders_by_state == {
        OrderState.PLANNED: 1,
        OrderState.FILLED: 1,
        OrderState.EXPIRED: 1,
    }
    assert (summary.fills, summary.quarantined) == (1, 0)
    assert archive.summarize(portfolio=PortfolioName("other")).orders_by_state == {
        OrderState.PLANNED: 1
    }
    [row] = archive.read_fills(since_ms=NOW_MS, limit=10)
    assert (row.fill, row.symbol, row.side, row.cycle_id) == (fill, BTC, "buy", "c1")
    assert archive.read_fills(since_ms=NOW_MS + 1, limit=10) == []
    assert archive.read_fills(cycle_id=CycleId("c2"), limit=10) == []
