"""Whatever a venue says of a key is read as a right, as no right, or as not told."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.credentials import UNTOLD, KeyRights
from resources.ccxt_rights import (
    read_binance,
    read_bybit,
    read_coinbase,
    read_kraken,
    read_okx,
)

READERS: list[Callable[[Mapping[str, Any]], KeyRights]] = [
    read_binance, read_bybit, read_coinbase, read_kraken, read_okx
]  # fmt: skip
FIELDS = st.sampled_from(
    [
        "data",
        "result",
        "perm",
        "ip",
        "permissions",
        "Spot",
        "Wallet",
        "readOnly",
        "ips",
        "can_trade",
    ]
)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("read", READERS)
def test_an_empty_answer_tells_nothing(read: Callable[[Mapping[str, Any]], KeyRights]) -> None:
    assert read({}) == UNTOLD


@given(st.sampled_from(READERS), st.dictionaries(FIELDS, JUNK))
def test_no_answer_breaks_a_reader(
    read: Callable[[Mapping[str, Any]], KeyRights], answer: dict[str, Any]
) -> None:
    rights = read(answer)
    told = (rights.may_read, rights.may_trade, rights.may_withdraw, rights.is_ip_bound)
    assert set(told) <= {True, False, None}


@pytest.mark.parametrize(
    ("answer", "may_withdraw"),
    [
        ({"enableWithdrawals": False}, False),
        ({"enableWithdrawals": False, "permitsUniversalTransfer": True}, True),
        ({"enableWithdrawals": False, "enableNewWithdrawWay": True}, True),
        ({"enableWithdrawals": False, "enableInternalTransfer": 1}, None),
        ({"permitsUniversalTransfer": False}, None),
        ({"enableWithdrawals": None, "enableInternalTransfer": True}, True),
    ],
)
def test_binance_moves_money_by_many_names(
    answer: dict[str, Any], may_withdraw: bool | None
) -> None:
    assert read_binance(answer).may_withdraw is may_withdraw


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"perm": "read_only", "ip": ""}, KeyRights(True, False, False, False)),
        ({"perm": "read_only, trade ,withdraw"}, KeyRights(True, True, True, None)),
        ({"perm": None, "ip": 7}, UNTOLD),
    ],
)
def test_okx_lists_rights_with_commas(row: dict[str, Any], expected: KeyRights) -> None:
    assert read_okx({"data": [row]}) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            {"permissions": ["query-funds", "modify-trades"], "ipAllowlist": ["1.2.3.4"]},
            KeyRights(True, True, False, True),
        ),
        ({"permissions": ["Withdraw-Funds"]}, KeyRights(False, False, True, None)),
        ({"permissions": ["query-funds", 7], "ipAllowlist": None}, UNTOLD),
    ],
)
def test_kraken_lists_rights_by_name(result: dict[str, Any], expected: KeyRights) -> None:
    assert read_kraken({"result": result}) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            {"readOnly": 1, "permissions": {"Spot": ["SpotTrade"]}, "ips": ["1.2.3.4"]},
            KeyRights(True, False, False, True),
        ),
        (
            {"readOnly": 0, "permissions": {"Spot": [], "Wallet": ["AccountTransfer"]}, "ips": []},
            KeyRights(True, False, True, False),
        ),
        (
            {"readOnly": "0", "permissions": {"Spot": ["SpotTrade"], "New": ["WithdrawFast"]}},
            KeyRights(True, True, True, None),
        ),
        ({"permissions": {"Spot": ["SpotTrade"], "Wallet": "all"}}, UNTOLD),
    ],
)
def test_bybit_groups_rights(result: dict[str, Any], expected: KeyRights) -> None:
    assert read_bybit({"result": result}) == expected
