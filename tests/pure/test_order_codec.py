"""Orders as text: written plainly, read suspiciously."""

import json
from decimal import Decimal
from typing import Any

import pytest

from rebalancer.errors import BadData
from resources.order_codec import AT_MS_MAX, decode_order, encode_order, rank_head, urgency_of
from tests.factories import NOW_MS, make_order

ROW: dict[str, Any] = json.loads(encode_order(make_order()))


def test_an_order_is_one_line_of_json_with_money_in_strings() -> None:
    order = make_order(amount_base=Decimal("0.10"))
    text = encode_order(order)
    assert "\n" not in text
    assert json.loads(text)["amount_base"] == "0.10"
    assert decode_order(text, where="here") == order
    assert decode_order(text.encode(), where="here") == order


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("amount_base", "NaN", "finite"),
        ("amount_base", "-Infinity", "finite"),
        ("amount_base", "0", "more than 0"),
        ("amount_base", "-1", "more than 0"),
        ("amount_base", 1, "in a string"),
        ("amount_base", "1_000", "ASCII"),
        ("amount_base", "1e30", "digits"),
        ("limit_price_quote", "0", "more than 0"),
        ("arrival_mid_quote", "", "a number"),
        ("urgency", "1.000001", "0 to 1"),
        ("urgency", "-0.1", "0 to 1"),
        ("side", "hold", "buy or sell"),
        ("side", ["buy"], "printable name"),
        ("style", "market", "take or post"),
        ("style", None, "printable name"),
        ("worst_price_quote", "0", "more than 0"),
        ("worst_price_quote", "Infinity", "finite"),
        ("leg_rest_base", "-0.1", "0 or more"),
        ("leg_rest_base", 0, "in a string"),
        ("least_base", "0", "more than 0"),
        ("least_base", "NaN", "finite"),
        ("client_order_id", "", "printable name"),
        ("portfolio", "a\x1fb", "printable name"),
        ("cycle_id", None, "printable name"),
        ("planned_at_ms", True, "whole number"),
        ("planned_at_ms", 1.5, "whole number"),
        ("planned_at_ms", -1, "whole number"),
        ("expires_at_ms", AT_MS_MAX + 1, "whole number"),
        ("attempt", "0", "whole number"),
        ("surprise", "x", "missing or unknown: surprise"),
    ],
)
def test_a_field_that_is_wrong_is_named(field: str, value: object, why: str) -> None:
    with pytest.raises(BadData, match=f"^here: .*{field}.*{why}|^here: .*{why}") as told:
        decode_order(json.dumps({**ROW, field: value}), where="here")
    assert field in str(told.value)


@pytest.mark.parametrize("field", ROW)
def test_a_field_that_is_missing_is_named(field: str) -> None:
    row = {name: value for name, value in ROW.items() if name != field}
    with pytest.raises(BadData, match=f"missing or unknown: {field}"):
        decode_order(json.dumps(row), where="here")


@pytest.mark.parametrize("text", [None, "", b"", "[]", "null", '"x"', "{", b"\xff", "1", "NaN"])
def test_what_is_no_order_at_all_is_refused(text: str | bytes | None) -> None:
    with pytest.raises(BadData, match=r"^here: expected an order"):
        decode_order(text, where="here")


def test_a_message_never_grows_with_the_text() -> None:
    with pytest.raises(BadData) as told:
        decode_order("x" * 10_000, where="here")
    assert len(str(told.value)) < 500


def test_an_order_that_could_not_be_read_back_is_not_written() -> None:
    with pytest.raises(BadData, match="urgency"):
        encode_order(make_order(urgency=Decimal(2)))


def test_ranks_put_the_more_urgent_first_and_then_the_older() -> None:
    orders = [
        make_order(urgency=Decimal("0.9"), planned_at_ms=NOW_MS + 9),
        make_order(urgency=Decimal("0.9"), planned_at_ms=NOW_MS + 10),
        make_order(urgency=Decimal("0.1"), planned_at_ms=9),
        make_order(urgency=Decimal("0.1"), planned_at_ms=10),
    ]
    ranks = [rank_head(order) for order in orders]
    assert ranks == sorted(ranks)
    assert [urgency_of(rank) for rank in ranks] == [order.urgency for order in orders]


@pytest.mark.parametrize("rank", ["", "x", "1:2", "x" * 25])
def test_what_is_no_rank_has_no_urgency(rank: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        urgency_of(rank)
