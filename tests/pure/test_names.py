"""Symbols as they are written, and errors that name what was wrong."""

import pytest

from rebalancer.money import Asset, Symbol, parse_symbol


def test_a_symbol_reads_back_as_it_is_written() -> None:
    symbol = Symbol(Asset("BTC"), Asset("USDC"))
    assert parse_symbol(str(symbol)) == symbol == parse_symbol("BTC/USDC")


@pytest.mark.parametrize(
    "text", ["", "/", "BTC", "BTC/", "/USDC", "BTC/USDC/", "BTC//USDC", "A/B/C"]
)
def test_what_does_not_name_two_assets_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(ValueError, match="expected a symbol such as BTC/USDC, was") as error:
        parse_symbol(text)
    assert repr(text) in str(error.value)
