"""Settlements that end together share a transaction, and one that cannot be booked fails alone."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, select

from rebalancer.errors import BooksDisagree, StoreUnavailable
from rebalancer.orders import Order
from rebalancer.settlement import (
    Accepted,
    LedgerReceipt,
    NotFound,
    Refused,
    Settlement,
    settle,
)
from resources.postgres_archive import PostgresArchive
from resources.postgres_connection import open_engine
from resources.postgres_ledger import PostgresLedger
from resources.tables_books import orders
from tests.factories import NOW_MS, make_fill, make_order

TOGETHER = 50


def make_settlement(order: Order, *, venue_order_id: str = "v") -> Settlement:
    fill = make_fill(order, "1", trade_id=uuid4().hex)
    return settle(
        Accepted(order, venue_order_id, is_closed=True, filled_base=fill.amount_base), [fill]
    )


def make_settlements(count: int) -> Sequence[Settlement]:
    cycle = uuid4().hex
    return [make_settlement(make_order(f"A{n}", cycle_id=cycle)) for n in range(count)]


@contextmanager
def counted_commits(engine: Engine) -> Iterator[list[object]]:
    commits: list[object] = []

    def note(connection: object) -> None:
        commits.append(connection)

    event.listen(engine, "commit", note)
    try:
        yield commits
    finally:
        event.remove(engine, "commit", note)


def states(engine: Engine, settlements: Sequence[Settlement]) -> dict[str, str]:
    ids = [settlement.order.client_order_id for settlement in settlements]
    query = select(orders.c.client_order_id, orders.c.state)
    with engine.connect() as connection:
        rows = connection.execute(query.where(orders.c.client_order_id.in_(ids)))
        return {row.client_order_id: row.state for row in rows}


async def test_settlements_that_end_together_are_committed_together(engine: Engine) -> None:
    ledger, settlements = PostgresLedger(engine), make_settlements(TOGETHER)
    await ledger.record_planned([one.order for one in settlements], now_ms=NOW_MS)
    with counted_commits(engine) as commits:
        receipts = await asyncio.gather(
            *(ledger.record(settlement, now_ms=NOW_MS) for settlement in settlements)
        )
    assert [receipt.client_order_id for receipt in receipts] == [
        settlement.order.client_order_id for settlement in settlements
    ]
    assert set(states(engine, settlements).values()) == {"filled"}
    assert len(commits) < TOGETHER / 5


async def test_ends_of_every_kind_share_a_group(engine: Engine) -> None:
    ledger, (filled,), cycle = PostgresLedger(engine), make_settlements(1), uuid4().hex
    refused, absent, unpaid = (make_order(base, cycle_id=cycle) for base in ("A", "B", "C"))
    trade = replace(make_fill(unpaid, "1", trade_id=uuid4().hex), fee_asset=None)
    brought = [
        filled,
        settle(Refused(refused, "a 'reason' of 100 % \\ {\0}"), ()),
        settle(NotFound(absent), ()),
        settle(Accepted(unpaid, "v", is_closed=True, filled_base=trade.amount_base), [trade]),
    ]
    await asyncio.gather(*(ledger.record(one, now_ms=NOW_MS) for one in brought))
    archive = PostgresArchive(engine)
    rows = {row.order.client_order_id: row for row in archive.read_orders(limit=len(brought))}
    for one in brought:
        row = rows[one.order.client_order_id]
        assert (row.order, row.state, row.slippage_bps) == (one.order, one.state, one.slippage_bps)
    assert rows[refused.client_order_id].reason == "a 'reason' of 100 % \\ {␀}"
    assert {row.fill for row in archive.read_fills(limit=2)} == {*filled.fills, trade}


async def test_what_follows_the_orders_of_a_group_is_planned_with_them(engine: Engine) -> None:
    ledger, cycle = PostgresLedger(engine), uuid4().hex
    ended = [make_order(f"A{n}", cycle_id=cycle, amount_base=Decimal(2)) for n in range(TOGETHER)]
    brought = [make_settlement(order) for order in ended]
    receipts = await asyncio.gather(*(ledger.record(one, now_ms=NOW_MS) for one in brought))
    assert [receipt.successor for receipt in receipts] == [one.successor for one in brought]
    archive = PostgresArchive(engine)
    follows = {row.order: row.follows for row in archive.read_orders(limit=2 * TOGETHER)}
    for order, receipt in zip(ended, receipts, strict=True):
        assert receipt.successor is not None
        assert follows[receipt.successor] == order.client_order_id
        (event,) = archive.read_history(receipt.successor.client_order_id)
        assert (event.state, event.at_ms) == ("planned", NOW_MS)


async def test_one_that_disagrees_with_the_books_fails_alone(engine: Engine) -> None:
    ledger, settlements = PostgresLedger(engine), make_settlements(5)
    await ledger.record(settlements[2], now_ms=NOW_MS)
    other = make_settlement(settlements[2].order, venue_order_id="another")
    brought = [*settlements[:2], other, *settlements[3:]]
    told = await asyncio.gather(
        *(ledger.record(settlement, now_ms=NOW_MS) for settlement in brought),
        return_exceptions=True,
    )
    assert isinstance(told[2], BooksDisagree)
    assert all(isinstance(one, LedgerReceipt) for n, one in enumerate(told) if n != 2)
    assert set(states(engine, settlements).values()) == {"filled"}


async def test_a_trade_told_for_two_orders_is_booked_for_one_of_them(engine: Engine) -> None:
    ledger = PostgresLedger(engine)
    first, second = make_order(cycle_id=uuid4().hex), make_order(cycle_id=uuid4().hex)
    name = uuid4().hex
    brought = [
        settle(
            Accepted(order, "v", is_closed=True, filled_base=order.amount_base),
            [make_fill(order, str(order.amount_base), trade_id=name)],
        )
        for order in (first, second)
    ]
    told = await asyncio.gather(
        *(ledger.record(settlement, now_ms=NOW_MS) for settlement in brought),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [LedgerReceipt, BooksDisagree]


async def test_one_settlement_brought_twice_at_once_is_booked_once(engine: Engine) -> None:
    ledger, (settlement,) = PostgresLedger(engine), make_settlements(1)
    first, again = await asyncio.gather(
        ledger.record(settlement, now_ms=NOW_MS),
        ledger.record(replace(settlement), now_ms=NOW_MS + 1_000),
    )
    assert first == again


async def test_whoever_leaves_while_it_waits_takes_nobody_along(engine: Engine) -> None:
    ledger, settlements = PostgresLedger(engine), make_settlements(3)
    waiting = [asyncio.create_task(ledger.record(one, now_ms=NOW_MS)) for one in settlements]
    await asyncio.sleep(0)
    waiting[0].cancel()
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(told[0], asyncio.CancelledError)
    assert [type(one) for one in told[1:]] == [LedgerReceipt, LedgerReceipt]
    assert set(states(engine, settlements).values()) == {"filled"}


async def test_all_of_them_hear_that_the_server_is_gone() -> None:
    ledger = PostgresLedger(open_engine("postgresql://nobody@127.0.0.1:1/none"))
    told = await asyncio.gather(
        *(ledger.record(settlement, now_ms=NOW_MS) for settlement in make_settlements(3)),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [StoreUnavailable] * 3


def test_a_ledger_serves_one_event_loop_after_another(engine: Engine) -> None:
    ledger, (first, second) = PostgresLedger(engine), make_settlements(2)
    for settlement in (first, second):
        assert asyncio.run(ledger.record(settlement, now_ms=NOW_MS))
    with pytest.raises(BooksDisagree):
        asyncio.run(
            ledger.record(make_settlement(first.order, venue_order_id="another"), now_ms=NOW_MS)
        )
