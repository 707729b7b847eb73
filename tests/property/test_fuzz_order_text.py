"""Whatever lies in the store, the reader of orders gives back an order that says so, or BadData.

The law: an accepted text, read, written and read again is the same order; every digit it holds was
in the text; a text that says one thing twice, or something this program never says, is no order.
"""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rebalancer.errors import BadData
from rebalancer.money import ONE, ZERO, to_decimal
from rebalancer.orders import Order
from resources.order_codec import decode_order, encode_order, urgency_of
from tests.factories import make_order
from tests.property.junk import DEEP, NOT_JSON, ODD_NUMBERS, changed, texts, values, written

SOUND: dict[str, Any] = json.loads(encode_order(make_order()))
NUMBERS = ("amount_base", "limit_price_quote", "arrival_mid_quote", "drift_bps", "urgency")
MESSAGE_LENGTH_MAX = 1_000


def accepted(text: str | bytes) -> dict[str, Any] | None:
    """What the reader made of a text, as its own text says it; None when it refused."""
    try:
        order = decode_order(text, where="here")
    except BadData as refusal:
        said = str(refusal)
    else:
        return said_again(order)
    assert said.startswith("here: expected an order")
    assert len(said) <= MESSAGE_LENGTH_MAX
    return None


def said_again(order: Order) -> dict[str, Any]:
    """An order as its own text says it, which is read as the same order."""
    again = encode_order(order)
    assert decode_order(again, where="here") == order
    return dict(json.loads(again))


@given(changed(SOUND))
def test_an_accepted_order_says_what_its_text_said(row: dict[str, Any]) -> None:
    read = accepted(written(row))
    if read is None:
        return
    assert read.keys() == row.keys()
    for name, value in row.items():
        if name in NUMBERS:
            assert to_decimal(read[name]) == to_decimal(value)
        else:
            assert (type(read[name]), read[name]) == (type(value), value)


@given(values.map(written) | st.binary(max_size=40) | st.sampled_from(NOT_JSON))
@example(DEEP)
def test_anything_else_is_bad_data_and_nothing_worse(text: str | bytes) -> None:
    assert accepted(text) is None


@given(st.sampled_from(sorted(SOUND)), values)
def test_a_field_said_twice_is_refused(name: str, other: object) -> None:
    twice = f"{written(SOUND)[:-1]}, {json.dumps(name)}: {written(other)}}}"
    assert accepted(twice) is None


@given(st.sampled_from(sorted(SOUND)), st.booleans() | st.floats() | st.none())
def test_a_field_that_is_a_bool_a_float_or_nothing_is_refused(name: str, value: object) -> None:
    assert accepted(written(SOUND | {name: value})) is None


@given(st.sampled_from(NUMBERS), st.sampled_from(ODD_NUMBERS))
def test_an_odd_number_is_refused_or_read_exactly(name: str, text: str) -> None:
    read = accepted(written(SOUND | {name: text}))
    if read is not None:
        assert to_decimal(read[name]) == to_decimal(text)
        assert text.isascii()


@given(texts | st.text("0123456789+-_. ٣", min_size=25, max_size=25), texts)
def test_a_rank_is_an_urgency_or_refused(head: str, tail: str) -> None:
    try:
        urgency = urgency_of(f"{head}:{tail}")
    except ValueError:
        return
    assert ZERO <= urgency <= ONE
    assert head.isascii()
    assert head.isdecimal()


def test_a_rank_below_nothing_is_refused() -> None:
    for head in ("-" + "0" * 23 + "1", "+" + "0" * 24, "9" * 25, "٣" * 25, "0_" * 12 + "0"):
        with pytest.raises(ValueError, match="rank"):
            urgency_of(head)
