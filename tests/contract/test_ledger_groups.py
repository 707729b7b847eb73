"""Settlements that end together share a transaction, and one that cannot be booked fails alone."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import Engine, event, select

from rebalancer.errors import BooksDisagree, StoreUnavailable
from rebalancer.orders import Order
from rebalancer.settlement import Accepted, LedgerReceipt, Settlement, settle
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
