"""Rules, tickers and quarantine: kept digit by digit, written twice without harm."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine

from rebalancer.errors import BadData
from rebalancer.faults import DataFault, Rejected
from rebalancer.money import plain, to_decimal
from rebalancer.orders import CycleId, VenueName
from resources.postgres_archive import PostgresArchive
from tests.factories import NOW_MS, VENUE, make_quote, make_rule, make_symbol

DAY = date(2023, 11, 14)
"""The day of NOW_MS."""
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
CYCLE = CycleId("c1")


@pytest.fixture
def archive(engine: Engine) -> PostgresArchive:
    return PostgresArchive(engine)


def test_rules_come_back_as_they_were_recorded(archive: PostgresArchive) -> None:
    btc = make_rule(amount_base_step=to_decimal("0.00000100"), amount_base_max=to_decimal("9000"))
    eth = make_rule("ETH", amount_base_min=to_decimal(0), notional_quote_min=to_decimal(0))
    archive.record_rules(VENUE, DAY, [(btc, '{"a": 1}'), (eth, "")])
    symbols = [btc.symbol, eth.symbol, make_symbol("XRP")]
    rules = archive.read_rules(VENUE, symbols, on_or_before=DAY)
    assert rules == {btc.symbol: btc, eth.symbol: eth}
    assert str(rules[btc.symbol].amount_base_step) == "0.00000100"
    assert archive.read_rules(VenueName("other"), symbols, on_or_before=DAY) == {}
    assert archive.read_rules(VENUE, [], on_or_before=DAY) == {}


def test_recording_rules_twice_changes_nothing(archive: PostgresArchive) -> None:
    observed = [(make_rule(), "{}"), (make_rule(), "{}")]
    archive.record_rules(VENUE, DAY, observed)
    before = archive.read_precision_day(VENUE, DAY)
    archive.record_rules(VENUE, DAY, observed)
    assert archive.read_precision_day(VENUE, DAY) == before
    assert len(before) == 1


def test_every_version_of_a_day_is_kept_and_the_latest_seen_is_in_force(
    archive: PostgresArchive,
) -> None:
    first = make_rule()
    changed = make_rule(price_quote_step=to_decimal("0.1"), observed_at_ms=NOW_MS + 1_000)
    back = replace(first, observed_at_ms=NOW_MS + 2_000)
    for rule, payload in ((first, "one"), (changed, "two"), (back, "three")):
        archive.record_rules(VENUE, DAY, [(rule, payload)])
    rows = archive.read_precision_day(VENUE, DAY)
    assert [(row.rule, row.payload) for row in rows] == [(changed, "two"), (back, "three")]
    assert rows[1].first_observed_at_ms == NOW_MS
    assert archive.read_rules(VENUE, [first.symbol], on_or_before=DAY) == {first.symbol: back}


def test_an_older_observation_does_not_replace_a_newer_one(archive: PostgresArchive) -> None:
    newer, older = make_rule(), make_rule(observed_at_ms=NOW_MS - 1_000)
    archive.record_rules(VENUE, DAY, [(newer, "newer")])
    archive.record_rules(VENUE, DAY, [(older, "older")])
    [row] = archive.read_precision_day(VENUE, DAY)
    assert (row.rule, row.payload) == (newer, "newer")


def test_rules_of_a_later_day_are_not_known_on_an_earlier_one(archive: PostgresArchive) -> None:
    early = make_rule()
    late = make_rule(price_quote_step=to_decimal("0.5"), observed_at_ms=NOW_MS + 2 * DAY_MS)
    archive.record_rules(VENUE, DAY, [(early, "")])
    archive.record_rules(VENUE, DAY + timedelta(days=2), [(late, "")])

    def read(days: int) -> object:
        on_or_before = DAY + timedelta(days=days)
        return archive.read_rules(VENUE, [early.symbol], on_or_before=on_or_before)

    assert [read(-1), read(0), read(1), read(2)] == [
        {},
        {early.symbol: early},
        {early.symbol: early},
        {late.symbol: late},
    ]
    days = archive.observed_days(VENUE, DAY, DAY + timedelta(days=30))
    assert days == {DAY, DAY + timedelta(days=2)}


def test_todays_rules_are_refused_under_another_day(archive: PostgresArchive) -> None:
    yesterday = DAY - timedelta(days=1)
    with pytest.raises(BadData, match=r"BTC/USDC.*2023-11-14.*2023-11-13"):
        archive.record_rules(VENUE, yesterday, [(make_rule(), "{}")])
    assert archive.observed_days(VENUE, yesterday, DAY) == set()


def test_quotes_come_back_and_the_first_of_a_cycle_stands(archive: PostgresArchive) -> None:
    btc = make_quote(ask_quote=to_decimal("50000.010"))
    eth = make_quote("ETH", "2500.123456789012345678901234")
    archive.record_quotes(CYCLE, VENUE, [btc])
    archive.record_quotes(CYCLE, VENUE, [make_quote(mid="1"), eth])
    archive.record_quotes(CycleId("c2"), VENUE, [make_quote(mid="2")])
    archive.record_quotes(CYCLE, VENUE, [])
    assert archive.read_quotes(CYCLE, VENUE) == {btc.symbol: btc, eth.symbol: eth}
    assert plain(archive.read_quotes(CYCLE, VENUE)[eth.symbol].bid_quote) == plain(eth.bid_quote)
    assert archive.read_quotes(CycleId("none"), VENUE) == {}


def test_refused_rows_are_kept_with_their_reasons_once(archive: PostgresArchive) -> None:
    fields = {"bid": "NaN", "ask": None, "last": "1\0\ud800"}
    nan = Rejected("BTC/USDC", DataFault.NOT_FINITE, "bid was 'NaN'", fields)
    missing = Rejected("ETH/USDC", DataFault.MISSING_ROW, "the venue sent none", {})
    for _ in range(2):
        archive.record_quarantine("tickers", CYCLE, VENUE, [nan, missing], at_ms=NOW_MS)
    rows = archive.read_quarantine(limit=10)
    kept = replace(nan, raw={"bid": "NaN", "ask": None, "last": "1␀\\ud800"})
    assert [row.rejected for row in rows] == [kept, missing]
    assert (rows[0].source, rows[0].batch_key, rows[0].at_ms) == ("tickers", CYCLE, NOW_MS)
    assert archive.read_quarantine(source="balances", limit=10) == []


def test_a_row_that_came_twice_is_refused_twice(archive: PostgresArchive) -> None:
    twice = Rejected("BTC/USDC", DataFault.DUPLICATE_ROW, "came 2 times", {"bid": "1"})
    archive.record_quarantine("tickers", CYCLE, VENUE, [twice, twice], at_ms=NOW_MS)
    archive.record_quarantine("tickers", CycleId("c2"), VENUE, [twice], at_ms=NOW_MS + HOUR_MS)
    rows = archive.read_quarantine(limit=10)
    assert [row.batch_key for row in rows] == ["c2", "c1", "c1"]
