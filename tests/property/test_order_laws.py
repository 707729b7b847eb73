"""Laws of an order's name and its worst cost."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from rebalancer.money import Asset, Symbol
from rebalancer.orders import CycleId, PortfolioName, name_order, worst_cost_quote
from rebalancer.precision import Side
from tests.property.strategies import amounts, positive

Named = tuple[str, str, str, str, Side, int, int]

words = st.text("ab|/:,0123 '\\\x1f", max_size=4)
sides: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])
named: st.SearchStrategy[Named] = st.tuples(
    words, words, words, words, sides, st.integers(0, 12), st.integers(0, 12)
)


def _name(parts: Named) -> str:
    cycle, portfolio, base, quote, side, slice_index, attempt = parts
    return name_order(
        CycleId(cycle),
        PortfolioName(portfolio),
        Symbol(Asset(base), Asset(quote)),
        side,
        slice_index=slice_index,
        attempt=attempt,
    )


@given(named, named)
@example(("a|b", "c", "BTC", "USDC", "buy", 0, 0), ("a", "b|c", "BTC", "USDC", "buy", 0, 0))
@example(("a", "b", "c|d", "e", "buy", 0, 0), ("a", "b|c", "d", "e", "buy", 0, 0))
@example(("a", "b", "c/d", "e", "buy", 0, 0), ("a", "b", "c", "d/e", "buy", 0, 0))
def test_two_orders_share_a_name_only_when_they_are_the_same(left: Named, right: Named) -> None:
    assert (_name(left) == _name(right)) == (left == right)


@given(named)
def test_a_name_is_32_hex_digits(parts: Named) -> None:
    assert len(_name(parts)) == 32
    assert set(_name(parts)) <= set("0123456789abcdef")


@given(amounts, positive, st.integers(0, 9_999))
def test_the_worst_cost_counts_the_fee_against_us_exactly(
    amount: Decimal, price: Decimal, fee_bps: int
) -> None:
    notional, fee = Fraction(amount) * Fraction(price), Fraction(fee_bps, 10_000)
    cost = worst_cost_quote("buy", amount, price, taker_fee_bps=fee_bps)
    proceeds = worst_cost_quote("sell", amount, price, taker_fee_bps=fee_bps)
    assert Fraction(cost) == notional * (1 + fee)
    assert Fraction(proceeds) == notional * (1 - fee)
