"""What stands in for methods of ccxt says what they say."""

from typing import Any

import ccxt.async_support
from hypothesis import example, given
from hypothesis import strategies as st

from resources.ccxt_client import exact_class

OURS: Any = exact_class(ccxt.async_support.binance)
WORDS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = WORDS | st.integers() | st.booleans() | st.none() | st.decimals(allow_nan=False)


@given(st.dictionaries(WORDS, VALUES, max_size=6), st.booleans())
@example({"symbol": "BTCUSDC", "quantity": "0.00100", "timestamp": 1700000000000}, False)
@example({"a": "b&c=d", "e": "f g", "h/i": "%", "": ""}, False)
@example({}, False)
def test_a_request_is_written_as_ccxt_writes_it(params: dict[str, Any], doseq: bool) -> None:
    told = OURS.__new__(OURS).urlencode(params, doseq)
    assert told == ccxt.async_support.binance.urlencode(params, doseq)


@given(st.dictionaries(WORDS, st.lists(WORDS, max_size=3), max_size=4))
def test_lists_in_a_request_are_written_as_ccxt_writes_them(params: dict[str, Any]) -> None:
    told = OURS.__new__(OURS).urlencode(params, True)
    assert told == ccxt.async_support.binance.urlencode(params, True)
