"""Whatever an order holds, its text gives back exactly that, and its rank sorts as it should."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.errors import BadData
from rebalancer.money import Asset, Symbol
from rebalancer.orders import Order
from resources.order_codec import AT_MS_MAX, decode_order, encode_order, rank_head, urgency_of
from tests.factories import make_order

letters = st.characters(codec="utf-8", categories=("L", "N", "P", "S"), include_characters=" ")
names = st.text(letters, min_size=1, max_size=8)
counts = st.integers(0, AT_MS_MAX)
amounts = st.builds(
    lambda digits, exponent: Decimal(digits).scaleb(exponent),
    st.integers(1, 10**20),
    st.integers(-24, 3),
)
drifts = st.builds(lambda amount, sign: amount * sign, amounts, st.sampled_from([1, -1, 0]))
urgencies = st.decimals(0, 1, places=6) | st.decimals(0, 1, places=24)
orders = st.builds(
    Order,
    client_order_id=names,
    cycle_id=names,
    portfolio=names,
    venue=names,
    symbol=st.builds(Symbol, names.map(Asset), names.map(Asset)),
    side=st.sampled_from(["buy", "sell"]),
    amount_base=amounts,
    limit_price_quote=amounts,
    arrival_mid_quote=amounts,
    drift_bps=drifts,
    urgency=urgencies,
    rules_version=names,
    planned_at_ms=counts,
    expires_at_ms=counts,
    slice_index=counts,
    attempt=counts,
    style=st.sampled_from(["take", "post"]),
    worst_price_quote=amounts,
    leg_rest_base=amounts | st.just(Decimal(0)),
    least_base=amounts,
)


@given(orders)
def test_an_order_comes_back_from_its_text_digit_by_digit(order: Order) -> None:
    back = decode_order(encode_order(order), where="here")
    assert back == order
    assert repr(back) == repr(order)


@given(orders, st.data())
def test_a_text_cut_short_is_never_an_order(order: Order, data: st.DataObject) -> None:
    text = encode_order(order).encode()
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(BadData):
        decode_order(cut, where="here")


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_no_text_at_all_makes_the_reader_fail_in_another_way(text: str | bytes) -> None:
    with pytest.raises(BadData, match=r"^here: expected an order"):
        decode_order(text, where="here")


ranked = st.builds(
    lambda urgency, planned_at_ms: make_order(urgency=urgency, planned_at_ms=planned_at_ms),
    urgencies,
    counts,
)


@given(ranked, ranked)
def test_ranks_compare_as_urgency_and_then_age(one: Order, other: Order) -> None:
    by_rule = (-one.urgency, one.planned_at_ms) < (-other.urgency, other.planned_at_ms)
    assert (rank_head(one) < rank_head(other)) == by_rule


@given(ranked)
def test_a_rank_gives_its_urgency_back(order: Order) -> None:
    assert urgency_of(rank_head(order)) == order.urgency
