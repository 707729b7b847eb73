"""The three unmodified ccxt clients trade on the paper exchange."""

import inspect
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro
import pytest

from tests.plugins.paper import PaperFactory, PaperProcess, client_options, point_at

CLIENTS = {
    "ccxt": ccxt.binance,
    "ccxt.async_support": ccxt.async_support.binance,
    "ccxt.pro": ccxt.pro.binance,
}


async def settled(value: Any) -> Any:
    """What a client's method answers, whether it must be awaited or not."""
    return await value if isinstance(value, Awaitable) else value


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    """A market that holds still, so that prices can be compared."""
    return make_paper("--tick-ms", "0")


@pytest.fixture(params=CLIENTS)
async def client(request: pytest.FixtureRequest, paper: PaperProcess) -> AsyncIterator[Any]:
    made = CLIENTS[request.param](client_options())
    made.number = str
    made.urls["api"] = point_at(made.urls["api"], paper.url)
    await settled(made.load_markets())
    yield made
    if inspect.iscoroutinefunction(made.close):
        await made.close()
    else:
        made.session.close()


async def test_markets_tickers_books_and_balances_are_read(client: Any) -> None:
    market = client.market("BTC/USDC")
    assert (market["precision"]["amount"], market["limits"]["cost"]["min"]) == (
        "0.00001000",
        "10.00000000",
    )
    tickers = await settled(client.fetch_tickers(["BTC/USDC", "ETH/USDT"]))
    assert set(tickers) == {"BTC/USDC", "ETH/USDT"}
    one = await settled(client.fetch_ticker("BTC/USDC"))
    assert float(one["bid"]) < float(one["last"]) < float(one["ask"])
    book = await settled(client.fetch_order_book("BTC/USDC", 5))
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert book["bids"][0][0] == float(one["bid"])
    balance = await settled(client.fetch_balance())
    assert balance["BTC"] == {"free": "0.60000000", "used": "0.00000000", "total": "0.6"}
    assert len(await settled(client.fetch_tickers())) == 23


async def test_an_ioc_limit_order_takes_what_is_there_and_no_more(client: Any) -> None:
    book = await settled(client.fetch_order_book("BTC/USDC", 5))
    price, there = book["bids"][0]
    order = await settled(
        client.create_order("BTC/USDC", "limit", "sell", "0.6", str(price), {"timeInForce": "IOC"})
    )
    assert (order["status"], float(order["filled"])) == ("expired", there)
    assert float(order["average"]) == price


@pytest.mark.parametrize(("kind", "params"), [("base", {}), ("quote", {"cost": "600"})])
async def test_a_market_order_fills_by_either_amount(
    client: Any, kind: str, params: dict[str, str]
) -> None:
    amount = "4" if kind == "base" else None
    order = await settled(client.create_order("SOL/USDC", "market", "buy", amount, None, params))
    assert order["status"] == "closed"
    assert 590 < float(order["cost"]) <= 600
    (fee,) = order["fees"]
    assert fee["currency"] == "SOL"
    assert float(fee["cost"]) == pytest.approx(float(order["filled"]) / 1000)


async def test_a_resting_order_locks_money_until_it_is_cancelled(client: Any) -> None:
    order = await settled(client.create_order("BTC/USDC", "limit", "buy", "0.1", "50000"))
    assert order["status"] == "open"
    balance = await settled(client.fetch_balance())
    assert (balance["USDC"]["free"], balance["USDC"]["used"]) == (
        "15000.00000000",
        "5000.00000000",
    )
    assert [o["id"] for o in await settled(client.fetch_open_orders("BTC/USDC"))] == [order["id"]]
    cancelled = await settled(client.cancel_order(order["id"], "BTC/USDC"))
    assert cancelled["status"] == "canceled"
    balance = await settled(client.fetch_balance())
    assert balance["USDC"]["used"] == "0.00000000"


async def test_an_order_is_found_and_cancelled_by_its_client_id(client: Any) -> None:
    made = {"clientOrderId": "mine-1"}
    placed = await settled(client.create_order("ETH/USDC", "limit", "sell", "1", "4000", made))
    by_client_id = {"origClientOrderId": "mine-1"}
    found = await settled(client.fetch_order(None, "ETH/USDC", by_client_id))
    assert (found["id"], found["clientOrderId"]) == (placed["id"], "mine-1")
    await settled(client.cancel_order(None, "ETH/USDC", by_client_id))
    found = await settled(client.fetch_order(placed["id"], "ETH/USDC"))
    assert found["status"] == "canceled"


async def test_a_client_id_may_be_used_again_once_its_order_is_closed(client: Any) -> None:
    params = {"clientOrderId": "again"}
    first = await settled(client.create_order("ETH/USDC", "limit", "sell", "1", "4000", params))
    with pytest.raises(ccxt.InvalidOrder, match=r"Duplicate order sent\."):
        await settled(client.create_order("ETH/USDC", "limit", "sell", "1", "4000", params))
    await settled(client.cancel_order(first["id"], "ETH/USDC"))
    second = await settled(client.create_order("ETH/USDC", "limit", "sell", "1", "4000", params))
    assert second["id"] != first["id"]
    found = await settled(client.fetch_order(None, "ETH/USDC", {"origClientOrderId": "again"}))
    assert found["id"] == second["id"]


async def test_trades_name_their_order_and_their_fee(client: Any) -> None:
    bought = await settled(client.create_order("BTC/USDC", "market", "buy", "0.01"))
    sold = await settled(client.create_order("BTC/USDC", "market", "sell", "0.02"))
    trades = await settled(client.fetch_my_trades("BTC/USDC"))
    assert [(t["order"], t["side"], t["takerOrMaker"]) for t in trades] == [
        (bought["id"], "buy", "taker"),
        (sold["id"], "sell", "taker"),
    ]
    assert [t["fee"]["currency"] for t in trades] == ["BTC", "USDC"]
    of_one = await settled(client.fetch_order_trades(sold["id"], "BTC/USDC"))
    assert [t["amount"] for t in of_one] == ["0.02000000"]
    from_id = {"fromId": trades[1]["id"]}
    later = await settled(client.fetch_my_trades("BTC/USDC", None, 10, from_id))
    assert [t["id"] for t in later] == [trades[1]["id"]]


async def test_all_orders_are_listed_oldest_first(client: Any) -> None:
    for amount in ("0.01", "0.02", "0.03"):
        await settled(client.create_order("BTC/USDC", "market", "buy", amount))
    orders = await settled(client.fetch_orders("BTC/USDC"))
    assert [order["amount"] for order in orders] == ["0.01000000", "0.02000000", "0.03000000"]
    assert len(await settled(client.fetch_orders("BTC/USDC", None, 2))) == 2


async def test_post_only_rests_and_fill_or_kill_does_not(client: Any) -> None:
    rested = await settled(
        client.create_order("BTC/USDC", "limit", "buy", "0.01", "60000", {"postOnly": True})
    )
    killed = await settled(
        client.create_order("BTC/USDT", "limit", "buy", "0.3", "61000", {"timeInForce": "FOK"})
    )
    assert rested["id"] in [o["id"] for o in await settled(client.fetch_open_orders("BTC/USDC"))]
    assert (killed["status"], killed["filled"]) == ("expired", "0.00000000")
    await settled(client.cancel_all_orders("BTC/USDC"))
    assert await settled(client.fetch_open_orders("BTC/USDC")) == []


async def test_the_rights_of_the_key_and_the_venue_s_status_are_read(client: Any) -> None:
    rights = await settled(client.sapi_get_account_apirestrictions())
    assert (rights["enableSpotAndMarginTrading"], rights["enableWithdrawals"]) == (True, False)
    assert (await settled(client.fetch_status()))["status"] == "ok"
    fees = await settled(client.fetch_trading_fees())
    assert fees["BTC/USDC"]["taker"] == "0.00100000"


async def test_a_test_order_is_judged_and_not_placed(client: Any) -> None:
    test = {"test": True}
    await settled(client.create_order("BTC/USDC", "limit", "buy", "0.01", "60000", test))
    assert await settled(client.fetch_open_orders("BTC/USDC")) == []
    with pytest.raises(ccxt.InsufficientFunds):
        await settled(client.create_order("BTC/USDC", "limit", "buy", "1", "60000", test))


async def test_an_order_never_trades_with_its_own_owner(client: Any, paper: PaperProcess) -> None:
    best = await settled(client.fetch_ticker("BTC/USDC"))
    inside = str(float(best["ask"]) - 0.01)
    resting = await settled(client.create_order("BTC/USDC", "limit", "sell", "0.1", inside))
    meeting = await settled(client.create_order("BTC/USDC", "limit", "buy", "0.1", inside))
    assert (meeting["status"], meeting["filled"]) == ("expired", "0.00000000")
    assert meeting["info"]["status"] == "EXPIRED_IN_MATCH"
    assert (await settled(client.fetch_order(resting["id"], "BTC/USDC")))["status"] == "open"
    assert paper.state()["accounts"]["user"]["USDC"]["locked"] == "0.00000000"
