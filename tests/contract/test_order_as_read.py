"""An order as the client reads it: what we read of it is what ccxt itself makes of it."""

from typing import Any

import ccxt.async_support
import pytest

from resources.ccxt_client import exact_class

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
READ = (
    "id", "clientOrderId", "status", "filled", "amount", "timestamp", "symbol", "side", "trades",
)  # fmt: skip


def make_client(*, is_finished: bool) -> Any:
    exact = exact_class(ccxt.async_support.binance)
    changes = {"safe_order": ccxt.async_support.binance.safe_order} if is_finished else {}
    client = type("binance", (exact,), changes)()
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
