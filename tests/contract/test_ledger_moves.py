"""Who moves an order first has decided: the fake and PostgreSQL sit the same tests."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from resources.postgres_ledger import PostgresLedger
from tests.contract.books import Books
from tests.factories import NOW_MS, make_order

LATER_MS = NOW_MS + 1_000
AWAITING, QUEUED, REJECTED = (
    OrderState.AWAITING_APPROVAL,
    OrderState.QUEUED,
    OrderState.REJECTED,
)
ORDERS = tuple(make_order(base) for base in ("BTC", "ETH", "SOL"))


async def _await_approval(books: Books) -> None:
    await books.ledger.record_planned(ORDERS, now_ms=NOW_MS)
    moved = await books.ledger.move(
        ORDERS, before=OrderState.PLANNED, after=AWAITING, detail=None, now_ms=NOW_MS
    )
    assert moved == ORDERS


async def test_of_two_who_judge_an_order_the_first_decides_and_the_second_is_told(
    books: Books,
) -> None:
    await _await_approval(books)
    first, *others = ORDERS
    approved = await books.ledger.move(
        [first], before=AWAITING, after=QUEUED, detail="approved", now_ms=LATER_MS
    )
    rejected = await books.ledger.move(
        ORDERS, before=AWAITING, after=REJECTED, detail="too much", now_ms=LATER_MS
    )
    assert (approved, rejected) == ((first,), tuple(others))
    standings = books.standings()
    assert [standings[order.client_order_id].state for order in ORDERS] == [
        QUEUED,
        REJECTED,
        REJECTED,
    ]
    assert books.events(first)[-1] == (LATER_MS, QUEUED, "approved")
    ended = standings[others[0].client_order_id]
    assert (ended.reason, ended.settled_at_ms) == ("too much", LATER_MS)
    assert standings[first.client_order_id].settled_at_ms is None


async def test_a_move_made_twice_is_one_event(books: Books) -> None:
    await _await_approval(books)
    for _ in range(2):
        await books.ledger.move(
            ORDERS, before=AWAITING, after=REJECTED, detail="no", now_ms=LATER_MS
        )
    assert [state for _, state, _ in books.events(ORDERS[0])] == [
        OrderState.PLANNED,
        AWAITING,
        REJECTED,
    ]


@pytest.mark.parametrize("orders", [(), ORDERS])
async def test_orders_the_books_never_saw_are_not_moved(
    books: Books, orders: tuple[Order, ...]
) -> None:
    moved = await books.ledger.move(
        orders, before=AWAITING, after=QUEUED, detail=None, now_ms=NOW_MS
    )
    assert moved == ()
    assert books.standings() == {}


async def test_the_same_order_twice_in_one_move_is_moved_once(books: Books) -> None:
    await _await_approval(books)
    twice = [ORDERS[0], ORDERS[0]]
    moved = await books.ledger.move(
        twice, before=AWAITING, after=QUEUED, detail=None, now_ms=LATER_MS
    )
    assert moved == ORDERS[:1]


def test_people_who_judge_the_same_orders_at_once_share_them_out(engine: Engine) -> None:
    ledger = PostgresLedger(engine)
    orders = tuple(make_order(f"S{number}") for number in range(20))

    async def plan() -> None:
        await ledger.record_planned(orders, now_ms=NOW_MS)

    def judge(number: int) -> tuple[str, ...]:
        after = (QUEUED, REJECTED)[number % 2]
        asked = orders if number % 3 else tuple(reversed(orders))
        moved = asyncio.run(
            ledger.move(
                asked, before=OrderState.PLANNED, after=after, detail=str(number), now_ms=NOW_MS
            )
        )
        return tuple(order.client_order_id for order in moved)

    asyncio.run(plan())
    with ThreadPoolExecutor(6) as pool:
        decided = [name for part in pool.map(judge, range(6)) for name in part]
    assert sorted(decided) == sorted(order.client_order_id for order in orders)
