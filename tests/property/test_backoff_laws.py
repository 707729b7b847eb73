"""Laws of waiting before an order that was provably not placed is tried again."""

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.booking import BACKOFF_MS, backoff_ms
from rebalancer.orders import Order
from tests.factories import make_order

tries = st.integers(0, 50)
orders = st.integers(0, 10_000).map(lambda number: make_order(cycle_id=f"c{number}"))


@given(orders, tries)
def test_a_wait_is_never_longer_than_its_step(order: Order, count: int) -> None:
    assert 0 <= backoff_ms(order, count) <= BACKOFF_MS[min(count, len(BACKOFF_MS) - 1)]


@given(orders, tries)
def test_the_same_try_waits_equally_long(order: Order, count: int) -> None:
    assert backoff_ms(order, count) == backoff_ms(order, count)


def test_the_waits_of_many_orders_are_spread_over_the_whole_step() -> None:
    waits = [backoff_ms(make_order(cycle_id=f"c{number}"), 3) for number in range(1_000)]
    quarter = BACKOFF_MS[3] // 4
    shares = [sum(quarter * n <= wait < quarter * (n + 1) for wait in waits) for n in range(4)]
    assert all(150 <= share <= 350 for share in shares), shares
