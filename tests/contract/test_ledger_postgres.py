"""What only a real server can show: lost connections, rivals, and digits that come back whole."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields as fields_of
from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event, func, select, text

from rebalancer.errors import BadConfig, BadData, BooksDisagree, StoreUnavailable
from rebalancer.money import ZERO, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, CycleId, Order
from rebalancer.settlement import Accepted, LedgerReceipt, Refused, Settlement, settle
from resources.postgres_archive import PostgresArchive
from resources.postgres_connection import open_engine
from resources.postgres_ledger import PostgresLedger
from resources.tables_books import fills, order_history, orders
from tests.factories import NOW_MS, make_fill, make_order

STATEMENTS_MAX = 30
ROUNDS = 10
"""How often a race is run: losing it each time by luck is unlikely."""
# Up to 24 digits on either side of the point.
positive = st.integers(1, 10**48 - 1).map(lambda number: Decimal(f"{number}E-24"))
hundredths = st.integers(1, 10**46 - 1).map(lambda number: Decimal(f"{number}E-24"))
"""A hundred of them are the amount of an order: at most 24 digits a side, as of every number."""


def make_settlement() -> Settlement:
    order = make_order(cycle_id=uuid4().hex)
    names = (uuid4().hex, uuid4().hex)
    trades = [make_fill(order, "0.25", trade_id=name) for name in names]
    return settle(Accepted(order, "v-1", is_closed=True, filled_base=Decimal("0.5")), trades)


def count_rows(engine: Engine, order: Order) -> dict[str, int]:
    """How many fills, events, successors and settled rows the books hold of one order."""
    key = order.client_order_id
    questions = {
        "fills": select(func.count()).select_from(fills).where(fills.c.client_order_id == key),
        "ends": select(func.count())
        .select_from(order_history)
        .where(order_history.c.client_order_id == key, order_history.c.state == "partially_filled"),
        "successors": select(func.count()).select_from(orders).where(orders.c.follows == key),
        "settled": select(func.count())
        .select_from(orders)
        .where(orders.c.client_order_id == key, orders.c.settled_at.is_not(None)),
    }
    with engine.connect() as connection:
        return {name: connection.scalar(question) or 0 for name, question in questions.items()}


@contextmanager
def killed_after(engine: Engine, count: int) -> Iterator[list[str]]:
    """End the server's side of the connection after its `count`-th statement; lists them."""
    seen: list[str] = []

    def watch(*arguments: Any) -> None:
        cursor, statement = arguments[1], arguments[2]
        seen.append(statement)
        if len(seen) == count:
            pid = cursor.connection.info.backend_pid
            killer = open_engine(engine.url.render_as_string(hide_password=False))
            with killer.begin() as connection:
                # Waits until the process is gone, so the next statement surely meets nobody.
                connection.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            killer.dispose()

    event.listen(engine, "after_cursor_execute", watch)
    try:
        yield seen
    finally:
        event.remove(engine, "after_cursor_execute", watch)


@pytest.mark.parametrize("is_late", [False, True], ids=["in time", "contradicting"])
async def test_a_connection_killed_anywhere_never_leaves_half_a_settlement(
    engine: Engine, is_late: bool
) -> None:
    ledger = PostgresLedger(engine)
    nothing = {"fills": 0, "ends": 0, "successors": 0, "settled": int(is_late)}
    whole = {"fills": 2, "ends": 1, "successors": int(not is_late), "settled": 1}
    for count in range(1, STATEMENTS_MAX):
        settlement = make_settlement()
        await ledger.record_planned([settlement.order], now_ms=NOW_MS)
        if is_late:
            await ledger.record(settle(Refused(settlement.order, "no"), ()), now_ms=NOW_MS)
        with killed_after(engine, count) as seen:
            try:
                await ledger.record(settlement, now_ms=NOW_MS)
            except StoreUnavailable:
                assert count_rows(engine, settlement.order) == nothing
            else:
                assert len(seen) < count
                assert count > 3
                return
        await ledger.record(settlement, now_ms=NOW_MS)
        assert count_rows(engine, settlement.order) == whole
    pytest.fail(f"recording took {STATEMENTS_MAX} statements or more")


async def test_connections_killed_while_idle_are_replaced_unnoticed(engine: Engine) -> None:
    ledger = PostgresLedger(engine)
    await asyncio.gather(
        *(ledger.record_planned([make_order(str(number))], now_ms=NOW_MS) for number in range(4))
    )
    killer = open_engine(engine.url.render_as_string(hide_password=False))
    with killer.begin() as connection:
        query = (
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        assert connection.execute(text(query)).all()
    killer.dispose()
    assert len(await ledger.record_planned([make_order()], now_ms=NOW_MS)) == 1


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("amount_base = 1.000", None),
        ("amount_base = 1.001", BooksDisagree),
        ("expires_at = planned_at", BooksDisagree),
        ("rules_version = ''", BooksDisagree),
        ("symbol = 'BTCUSDC'", BadData),
        ("amount_base = 1e30", BadData),
    ],
)
async def test_an_order_is_settled_only_where_the_books_hold_the_same(
    engine: Engine, written: str, wrong: type[Exception] | None
) -> None:
    ledger, settlement = PostgresLedger(engine), make_settlement()
    await ledger.record_planned([settlement.order], now_ms=NOW_MS)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE orders SET {written}")
    if wrong is None:
        assert await ledger.record(settlement, now_ms=NOW_MS)
        return
    with pytest.raises(wrong, match=settlement.order.client_order_id):
        await ledger.record(settlement, now_ms=NOW_MS)
    assert set(count_rows(engine, settlement.order).values()) == {0}


async def test_rivals_that_book_the_same_order_get_the_same_proof(engine: Engine) -> None:
    settlement = make_settlement()
    ledgers = [PostgresLedger(engine) for _ in range(4)]
    receipts = await asyncio.gather(
        *(ledger.record(settlement, now_ms=NOW_MS + n) for n, ledger in enumerate(ledgers))
    )
    assert len(set(receipts)) == 1
    assert count_rows(engine, settlement.order)["ends"] == 1


async def test_of_rivals_that_disagree_one_is_told(engine: Engine) -> None:
    ledger = PostgresLedger(engine)
    for _ in range(ROUNDS):
        settlement = make_settlement()
        other = settle(Refused(settlement.order, "no"), ())
        await ledger.record_planned([settlement.order], now_ms=NOW_MS)
        results = await asyncio.gather(
            ledger.record(settlement, now_ms=NOW_MS),
            ledger.record(other, now_ms=NOW_MS),
            return_exceptions=True,
        )
        # Whoever comes second is told: the refused one in an error, the filled one in its proof.
        errors = [result for result in results if isinstance(result, BooksDisagree)]
        proofs = [result for result in results if isinstance(result, LedgerReceipt)]
        assert len(errors) + len(proofs) == 2
        assert len(errors) + sum(proof.contradiction is not None for proof in proofs) == 1
        assert count_rows(engine, settlement.order)["fills"] == 2


async def test_plans_that_share_orders_do_not_lock_each_other_out(engine: Engine) -> None:
    ledger = PostgresLedger(engine)
    for cycle in range(ROUNDS):
        shared = [make_order(f"A{n}", cycle_id=f"c{cycle}") for n in range(200)]
        plans = [shared, shared[::-1]]
        answers = await asyncio.gather(*(ledger.record_planned(p, now_ms=NOW_MS) for p in plans))
        assert [list(answer) for answer in answers] == plans


async def test_a_bulk_plan_is_a_handful_of_statements(engine: Engine) -> None:
    plan = [make_order(f"A{number}") for number in range(500)]
    with killed_after(engine, 0) as seen:
        assert len(await PostgresLedger(engine).record_planned(plan, now_ms=NOW_MS)) == 500
    assert len(seen) <= 4


async def test_what_a_venue_says_is_kept_even_where_postgresql_has_no_letter(
    engine: Engine,
) -> None:
    order = make_order()
    await PostgresLedger(engine).record(settle(Refused(order, "bad \0 \ud800"), ()), now_ms=NOW_MS)
    [row] = PostgresArchive(engine).read_orders(states=[OrderState.REFUSED], limit=10)
    assert row.reason == "bad ␀ \\ud800"


def test_a_database_without_tables_is_named_with_the_cure(database_url: str) -> None:
    engine = open_engine(database_url)
    with pytest.raises(BadConfig, match=r"127\.0\.0\.1.*upgrade the database"):
        asyncio.run(PostgresLedger(engine).record_planned([make_order()], now_ms=NOW_MS))
    engine.dispose()


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(amount=hundredths, price=positive, fee=positive, share=st.integers(1, 99))
def test_every_digit_comes_back(
    engine: Engine, amount: Decimal, price: Decimal, fee: Decimal, share: int
) -> None:
    with exact():
        whole = amount * 100
        parts = (amount * share, amount * (100 - share))
    order = make_order(
        cycle_id=CycleId(uuid4().hex),
        amount_base=whole,
        limit_price_quote=price,
        worst_price_quote=price,
        leg_rest_base=amount,
        least_base=fee,
    )
    trades = [
        replace(
            make_fill(order, "1", trade_id=uuid4().hex),
            amount_base=part,
            price_quote=price,
            fee_amount=fee,
        )
        for part in parts
    ]
    settlement = settle(Accepted(order, "v", is_closed=True, filled_base=whole), trades)
    asyncio.run(PostgresLedger(engine).record(settlement, now_ms=NOW_MS))
    archive = PostgresArchive(engine)
    # The rest of its leg may follow as an order of the same cycle.
    booked = archive.read_orders(cycle_id=order.cycle_id, limit=10)
    [row] = [row for row in booked if row.order.client_order_id == order.client_order_id]
    assert digits_of(row.order) == digits_of(order)
    assert str(row.paid_quote) == str(settlement.paid_quote)
    assert {r.fill for r in archive.read_fills(cycle_id=order.cycle_id, limit=10)} == set(trades)
    assert sum_in_database(engine, order.client_order_id) == (whole, settlement.paid_quote)


def digits_of(order: Order) -> tuple[str, ...]:
    values = [getattr(order, field.name) for field in fields_of(order)]
    return tuple(f"{value:f}" for value in values if isinstance(value, Decimal))


def sum_in_database(engine: Engine, key: ClientOrderId) -> tuple[Decimal, Decimal]:
    total = select(
        func.sum(fills.c.amount_base), func.sum(fills.c.amount_base * fills.c.price_quote)
    ).where(fills.c.client_order_id == key)
    with engine.connect() as connection:
        filled, paid = connection.execute(total).one()
    return filled or ZERO, paid or ZERO
