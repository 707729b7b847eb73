"""Rules read within a day: beside those the day began with, and never replaced by older ones."""

from datetime import date

import pytest
from sqlalchemy import Engine

from rebalancer.money import to_decimal
from resources.postgres_archive import PostgresArchive
from resources.postgres_ledger import PostgresLedger
from tests.contract.books import Books
from tests.factories import NOW_MS, VENUE, make_rule

DAY = date(2023, 11, 14)
"""The day of NOW_MS."""
LATER_MS = NOW_MS + 1_000
MORNING = make_rule()
CHANGED = make_rule(amount_base_step=to_decimal("0.01"), observed_at_ms=LATER_MS)
BTC = MORNING.symbol


@pytest.fixture
def archive(engine: Engine) -> PostgresArchive:
    return PostgresArchive(engine)


@pytest.fixture
def ledger(engine: Engine) -> PostgresLedger:
    return PostgresLedger(engine)


async def test_the_newest_rules_are_in_force_whatever_comes_last(books: Books) -> None:
    for rule in (MORNING, CHANGED, MORNING):
        await books.ledger.record_rules(VENUE, [rule], now_ms=LATER_MS)
    assert books.rules(VENUE, BTC) == CHANGED


async def test_rules_of_several_markets_are_kept_at_once_and_none_is_none(books: Books) -> None:
    eth = make_rule("ETH")
    await books.ledger.record_rules(VENUE, [CHANGED, eth, MORNING], now_ms=LATER_MS)
    await books.ledger.record_rules(VENUE, [], now_ms=LATER_MS)
    assert (books.rules(VENUE, BTC), books.rules(VENUE, eth.symbol)) == (CHANGED, eth)


async def test_rules_read_within_the_day_stand_beside_the_first(
    archive: PostgresArchive, ledger: PostgresLedger
) -> None:
    archive.record_rules(VENUE, DAY, [(MORNING, "morning")])
    await ledger.record_rules(VENUE, [CHANGED], now_ms=LATER_MS)
    rows = archive.read_precision_day(VENUE, DAY)
    assert [(row.rule, row.payload) for row in rows] == [(MORNING, "morning"), (CHANGED, "")]


async def test_the_daily_sync_does_not_put_older_rules_in_force(
    archive: PostgresArchive, ledger: PostgresLedger
) -> None:
    await ledger.record_rules(VENUE, [CHANGED], now_ms=LATER_MS)
    archive.record_rules(VENUE, DAY, [(MORNING, "read before, written after")])
    assert archive.read_rules(VENUE, [BTC], on_or_before=DAY) == {BTC: CHANGED}


async def test_the_venues_own_words_outlive_rules_that_bring_none(
    archive: PostgresArchive, ledger: PostgresLedger
) -> None:
    archive.record_rules(VENUE, DAY, [(MORNING, "words")])
    again = make_rule(observed_at_ms=LATER_MS)
    await ledger.record_rules(VENUE, [again], now_ms=LATER_MS)
    [row] = archive.read_precision_day(VENUE, DAY)
    assert (row.rule, row.payload, row.first_observed_at_ms) == (again, "words", NOW_MS)
    newer = make_rule(observed_at_ms=LATER_MS + 1)
    archive.record_rules(VENUE, DAY, [(newer, "new words")])
    [row] = archive.read_precision_day(VENUE, DAY)
    assert (row.rule, row.payload) == (newer, "new words")


async def test_rules_read_just_before_midnight_stand_under_the_day_they_were_read(
    archive: PostgresArchive, ledger: PostgresLedger
) -> None:
    midnight_ms = NOW_MS // 86_400_000 * 86_400_000 + 86_400_000
    await ledger.record_rules(
        VENUE, [make_rule(observed_at_ms=midnight_ms - 1)], now_ms=midnight_ms
    )
    assert archive.observed_days(VENUE, DAY, DAY) == {DAY}
