"""Where no question finds exactly our order, it is searched for; not finding it proves nothing."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

from rebalancer.queue import SendPermit
from rebalancer.settlement import Accepted, Unanswered
from resources.ccxt_venue import CcxtOptions, CcxtVenue
from tests.contract.binance_scene import KEY
from tests.contract.raw_server import RawServer, Reply, Routes, serving
from tests.factories import NOW_MS, VENUE, make_order, make_symbol
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

SECRET = base64.b64encode(b"secret-Vx42").decode()
ORDER = make_order()
ADD, OPEN, CLOSED, TRADES = (
    ("POST", f"/0/private/{name}")
    for name in ("AddOrder", "OpenOrders", "ClosedOrders", "TradesHistory")
)
PAIR = {
    "altname": "XBTUSDC",
    "wsname": "XBT/USDC",
    "base": "XXBT",
    "quote": "USDC",
    "pair_decimals": 2,
    "lot_decimals": 8,
    "tick_size": "0.01",
    "ordermin": "0.0001",
    "costmin": "0.5",
    "status": "online",
}


def make_kraken_order(status: str = "closed") -> dict[str, Any]:
    return {
        "cl_ord_id": ORDER.client_order_id,
        "status": status,
        "opentm": NOW_MS / 1_000,
        "descr": {"pair": "XBTUSDC", "type": "buy", "ordertype": "limit", "price": "50000"},
        "vol": "1.00000000",
        "vol_exec": "0.40000000",
        "cost": "20000",
        "fee": "1",
    }


def result(body: Any) -> Reply:
    return Reply(json.dumps({"error": [], "result": body}))


@asynccontextmanager
async def kraken(routes: Routes) -> AsyncIterator[tuple[CcxtVenue, RawServer]]:
    defaults: dict[tuple[str, str], Any] = {
        ("GET", "/0/public/AssetPairs"): [result({"XBTUSDC": PAIR})],
        ("GET", "/0/public/Assets"): [result({})],
        OPEN: [result({"open": {}})],
        CLOSED: [result({"closed": {}, "count": 0})],
        TRADES: [result({"trades": {}, "count": 0})],
    }
    async with serving(defaults | dict(routes)) as server:
        options = CcxtOptions("kraken", server.url, api_key=KEY, api_secret=SECRET)
        async with CcxtVenue(VENUE, options, FakeClock(), FakeTap(FakeClock())) as venue:
            yield venue, server


async def test_an_order_among_the_closed_ones_is_found_by_our_id() -> None:
    closed = {"closed": {"OABC-1": make_kraken_order()}, "count": 1}
    async with kraken({CLOSED: [result(closed)]}) as (venue, server):
        found = await venue.look_up(ORDER)
    assert found == Accepted(ORDER, "OABC-1", True, Decimal("0.4"))
    assert not server.asked(*ADD)


async def test_an_order_found_nowhere_stays_in_doubt() -> None:
    async with kraken({}) as (venue, server):
        assert isinstance(await venue.look_up(ORDER), Unanswered)
    assert server.asked(*OPEN)
    assert server.asked(*CLOSED)
    assert server.asked(*TRADES)


async def test_an_accepted_order_with_nothing_but_its_id_is_searched_for() -> None:
    placed = result({"descr": {"order": "buy 1 XBTUSDC @ limit 50000"}, "txid": ["OABC-1"]})
    closed = {"closed": {"OABC-1": make_kraken_order()}, "count": 1}
    async with kraken({ADD: [placed], CLOSED: [result(closed)]}) as (venue, server):
        answer = await venue.submit(SendPermit(ORDER, NOW_MS + 60_000))
    assert answer == Accepted(ORDER, "OABC-1", True, Decimal("0.4"))
    (sent,) = server.asked(*ADD)
    assert sent.params["cl_ord_id"] == ORDER.client_order_id
    assert sent.params["timeinforce"] == "IOC"


async def test_trades_are_read_since_planning_and_kept_to_the_order() -> None:
    trade = {
        "ordertxid": "OABC-1",
        "pair": "XBTUSDC",
        "time": NOW_MS / 1_000,
        "type": "buy",
        "ordertype": "limit",
        "price": "50000.1",
        "cost": "5000.01",
        "fee": "8.0",
        "vol": "0.10000000",
        "maker": False,
    }
    trades = {"T1": trade, "T2": trade | {"ordertxid": "OTHER"}}
    async with kraken({TRADES: [result({"trades": trades, "count": 2})]}) as (venue, _):
        (fill,) = await venue.fetch_fills(ORDER, "OABC-1")
    assert (fill.trade_id, str(fill.price_quote), fill.fee_asset) == ("T1", "50000.1", "USDC")


async def test_balances_and_rules_of_another_venue_are_read_as_sent() -> None:
    balance = result({"XXBT": {"balance": "0.5000000000", "hold_trade": "0.1000000000"}})
    async with kraken({("POST", "/0/private/BalanceEx"): [balance]}) as (venue, _):
        (held,) = await venue.fetch_balances()
        (rule,) = await venue.fetch_rules([make_symbol()])
    assert (held.asset, held.free, held.locked) == ("BTC", "0.4", "0.1000000000")
    assert (rule.amount_min, rule.notional_min, rule.price_step) == ("0.0001", "0.5", "0.01")
