"""An order as the client reads it: what we read of it is what ccxt itself makes of it."""

from typing import Any

import ccxt.async_support
import pytest

from resources.ccxt_client import exact_class
from resources.ccxt_reading import TradeTerms, read_trade_terms

MARKET = {
    "id": "BTCUSDC", "symbol": "BTC/USDC", "base": "BTC", "quote": "USDC", "type": "spot",
    "spot": True, "contract": False, "option": False, "inverse": False, "linear": False,
    "contractSize": None,
}  # fmt: skip
TRADE = {
    "price": "60000.00", "qty": "0.25", "commission": "0.00010", "commissionAsset": "BNB",
    "tradeId": 56,
}  # fmt: skip
WHOLE = {
    "symbol": "BTCUSDC", "orderId": 28, "clientOrderId": "6gCrw2kRUAF9CvJDGP16IP",
    "transactTime": 1507725176595, "price": "60000.00", "origQty": "1.00000000",
    "executedQty": "0.50000000", "cummulativeQuoteQty": "30000.0", "status": "EXPIRED",
    "timeInForce": "IOC", "type": "LIMIT", "side": "BUY", "fills": [TRADE, TRADE | {"tradeId": 57}],
}  # fmt: skip
READ = ("id", "clientOrderId", "status", "filled", "amount", "timestamp", "symbol", "side")


def make_client(*, is_finished: bool) -> Any:
    exact = exact_class(ccxt.async_support.binance)
    binance = ccxt.async_support.binance
    own = {"safe_order": binance.safe_order, "safe_trade": binance.safe_trade}
    client = type("binance", (exact,), own if is_finished else {})()
    client.markets, client.markets_by_id = {"BTC/USDC": MARKET}, {"BTCUSDC": [MARKET]}
    return client


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"executedQty": "0.00000000", "cummulativeQuoteQty": "0.0", "fills": []},
        {"status": "FILLED", "executedQty": "1.00000000"},
        {"executedQty": None},
        {"origQty": None},
        {"fills": None},
    ],
    ids=["part", "nothing", "all", "untold filled", "untold amount", "untold trades"],
)
def test_what_is_read_of_an_order_is_what_ccxt_makes_of_it(changes: dict[str, Any]) -> None:
    told = {name: value for name, value in (WHOLE | changes).items() if value is not None}
    ours, theirs = (
        make_client(is_finished=is_finished).parse_order(dict(told), MARKET)
        for is_finished in (False, True)
    )
    assert {name: ours.get(name) for name in READ} == {name: theirs.get(name) for name in READ}
    assert read_terms(ours) == read_terms(theirs)


FEES = ({"commission": None}, {"commission": "0"}, {"commissionAsset": "USDC"}, {"qty": "0.3"})


@pytest.mark.parametrize("changes", [{}, *FEES], ids=str)
def test_what_is_read_of_a_trade_is_what_ccxt_makes_of_it(changes: dict[str, Any]) -> None:
    asked = {"id": 56, "time": 1507725176595, "isMaker": True, "isBuyer": True, "orderId": 28}
    ours, theirs = (
        make_client(is_finished=is_finished).parse_trade(TRADE | asked | changes, MARKET)
        for is_finished in (False, True)
    )
    assert read_trade_terms(ours, "ours") == read_trade_terms(theirs, "theirs")


def read_terms(order: dict[str, Any]) -> list[TradeTerms]:
    """Its trades as they are read. Without times of their own, they have that of the order."""
    dated = [trade | {"timestamp": order["timestamp"]} for trade in order["trades"]]
    return [read_trade_terms(trade, "a trade") for trade in dated]
