"""However a venue cuts its trades into pages, all of them are read, or it is an error."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.account import AccountTrade
from rebalancer.errors import BadData
from resources.ccxt_session import CcxtSession
from resources.ccxt_trades import ACCOUNT_PAGES_MAX, fetch_account_trades
from tests.factories import NOW_MS, VENUE, make_symbol
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

BTC = make_symbol()
DAY_MS = 86_400_000
PAGE_LENGTH = 5
Row = dict[str, Any]


def make_row(number: int, at_ms: int, symbol: str = "BTC/USDC") -> Row:
    return {
        "id": f"t{number}",
        "order": "v1",
        "symbol": symbol,
        "side": "buy",
        "timestamp": at_ms,
        "amount": "0.1",
        "price": "50000",
        "takerOrMaker": "taker",
        "fee": None,
    }


class Paged:
    """A client whose venue answers a page of at most five trades, in whole seconds if told so."""

    timeout = 1_000

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        newest_first: bool = False,
        by_second: bool = False,
        until_days: int | None = 7,
    ) -> None:
        self._rows = sorted(rows, key=lambda row: row["timestamp"], reverse=newest_first)
        self._by_second = by_second
        self._until_days = until_days
        self.asked: list[tuple[int, int | None]] = []

    @property
    def features(self) -> Mapping[str, Any]:
        told = {"limit": PAGE_LENGTH, "untilDays": self._until_days}
        return {"spot": {"fetchMyTrades": told}}

    async def fetch_my_trades(
        self, symbol: str | None, since_ms: int, limit: int, params: Mapping[str, int]
    ) -> list[Row]:
        await asyncio.sleep(0)
        until_ms = params.get("until")
        self.asked.append((since_ms, until_ms))
        if until_ms is not None and self._until_days is not None:
            assert until_ms - since_ms <= self._until_days * DAY_MS
        unit = 1_000 if self._by_second else 1
        found = [
            row
            for row in self._rows
            if row["timestamp"] // unit >= since_ms // unit
            and (until_ms is None or row["timestamp"] // unit <= until_ms // unit)
            and symbol in (None, row["symbol"])
        ]
        skipped = params.get("ofs", 0)
        return sorted(found[skipped : skipped + limit], key=lambda row: int(row["timestamp"]))


class kraken(Paged):  # dialects go by the client's class
    """One that lists every market, the newest first, and skips as many as it is told."""


def read(client: Paged, since_ms: int) -> tuple[AccountTrade, ...]:
    session = CcxtSession(
        client, name=VENUE, clock=FakeClock(), tap=FakeTap(FakeClock()), secrets=()
    )
    return asyncio.run(fetch_account_trades(session, BTC, since_ms=since_ms))


AGES_MS = st.lists(st.integers(0, 20 * DAY_MS), max_size=40, unique_by=lambda age: age // 1_000)


@given(ages_ms=AGES_MS, newest_first=st.booleans(), by_second=st.booleans())
def test_every_trade_is_read_once_whichever_end_a_page_begins_with(
    ages_ms: list[int], newest_first: bool, by_second: bool
) -> None:
    rows = [make_row(number, NOW_MS - age) for number, age in enumerate(ages_ms)]
    client = Paged(rows, newest_first=newest_first, by_second=by_second)
    since_ms = NOW_MS - 15 * DAY_MS
    expected = sorted((row["timestamp"], row["id"]) for row in rows if row["timestamp"] >= since_ms)
    found = read(client, since_ms)
    assert [(trade.filled_at_ms, trade.trade_id) for trade in found] == expected
    assert len(client.asked) <= ACCOUNT_PAGES_MAX


@given(ages_ms=AGES_MS)
def test_a_venue_that_skips_trades_of_all_markets_is_read_whole(ages_ms: list[int]) -> None:
    symbols = ("BTC/USDC", "ETH/USDC", "SOL/USDC")
    rows = [
        make_row(number, NOW_MS - age, symbols[number % 3]) for number, age in enumerate(ages_ms)
    ]
    found = read(kraken(rows, newest_first=True, until_days=None), NOW_MS - 21 * DAY_MS)
    assert {trade.trade_id for trade in found} == {row["id"] for row in rows[::3]}


def test_a_venue_that_knows_no_end_is_read_forwards() -> None:
    rows = [make_row(number, NOW_MS - number * 60_000) for number in range(23)]
    assert len(read(Paged(rows, until_days=None), NOW_MS - DAY_MS)) == 23


@pytest.mark.parametrize("newest_first", [True, False])
def test_more_trades_at_one_moment_than_a_page_holds_is_an_error_not_a_part(
    newest_first: bool,
) -> None:
    rows = [make_row(number, NOW_MS) for number in range(PAGE_LENGTH + 1)]
    with pytest.raises(BadData, match="more trades at one time"):
        read(Paged(rows, newest_first=newest_first), NOW_MS - DAY_MS)


def test_a_history_too_long_to_be_read_in_bounds_is_an_error() -> None:
    with pytest.raises(BadData, match="too long ago"):
        read(Paged([]), NOW_MS - 1_000 * DAY_MS)
    rows = [make_row(number, NOW_MS - number * 1_000) for number in range(500)]
    with pytest.raises(BadData, match="more than 60 pages"):
        read(Paged(rows), NOW_MS - DAY_MS)
