"""What holds for a while, and what is done at once: old views, a shut door, new rules."""

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any
from urllib.error import URLError

import aiohttp
import ccxt.async_support as ccxt
import pytest

from tests.plugins.paper import PaperFactory, PaperProcess, client_options, point_at

DEADLINE_SECONDS = 10


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    return make_paper("--tick-ms", "0")


@pytest.fixture
async def client(paper: PaperProcess) -> AsyncIterator[Any]:
    made = ccxt.binance(client_options())
    made.number = str
    made.urls["api"] = point_at(made.urls["api"], paper.url)
    await made.load_markets()
    yield made
    await made.close()


async def buy(client: Any, amount: str = "0.1") -> Any:
    return await client.create_order("BTC/USDC", "market", "buy", amount)


async def test_stale_balances_stand_as_they_stood(paper: PaperProcess, client: Any) -> None:
    before = await client.fetch_balance()
    fault = paper.set_fault("stale_balances")
    await buy(client)
    for _ in range(2):
        stale = await client.fetch_balance()
        assert (stale["BTC"], stale["USDC"]) == (before["BTC"], before["USDC"])
    paper.clear_faults(fault)
    assert (await client.fetch_balance())["BTC"]["free"] == "0.69990000"


async def test_stale_balances_end_by_themselves(paper: PaperProcess, client: Any) -> None:
    paper.set_fault("stale_balances", for_ms=1_000)
    await buy(client)
    assert (await client.fetch_balance())["BTC"]["free"] == "0.60000000"
    end = time.monotonic() + DEADLINE_SECONDS
    while (await client.fetch_balance())["BTC"]["free"] == "0.60000000":
        assert time.monotonic() < end
        await asyncio.sleep(0.05)


async def test_stale_quotes_stand_as_they_stood_and_tell_their_age(
    paper: PaperProcess, client: Any
) -> None:
    before = await client.fetch_ticker("BTC/USDC")
    paper.set_fault("stale_quotes")
    paper.move_price("BTCUSDC", 500)
    for read in (client.fetch_ticker, client.fetch_bids_asks):
        stale = await read("BTC/USDC") if read == client.fetch_ticker else await read()
        stale = stale.get("BTC/USDC", stale)
        assert (stale["bid"], stale["ask"]) == (before["bid"], before["ask"])
    first, second = [await client.fetch_ticker("BTC/USDC") for _ in range(2)]
    assert first["timestamp"] == second["timestamp"]
    paper.clear_faults()
    assert Decimal((await client.fetch_ticker("BTC/USDC"))["bid"]) > Decimal(before["ask"])


async def test_maintenance_shuts_trading_and_says_so(paper: PaperProcess, client: Any) -> None:
    paper.set_fault("maintenance")
    assert (await client.fetch_status())["status"] == "maintenance"
    for act in (buy(client), client.fetch_balance(), client.fetch_open_orders("BTC/USDC")):
        with pytest.raises(ccxt.OnMaintenance):
            await act
    assert Decimal((await client.fetch_ticker("BTC/USDC"))["bid"]) > 0
    (line,) = paper.journal_lines(method="POST", path_end="/order")
    assert (line["fault"], line["acted"], line["status"]) == ("maintenance", False, 503)
    paper.clear_faults()
    assert (await client.fetch_status())["status"] == "ok"
    assert (await buy(client))["status"] == "closed"


@pytest.mark.parametrize("skew_ms", [-30_000, 30_000])
async def test_a_skewed_clock_is_shown_and_judged_by(
    paper: PaperProcess, client: Any, skew_ms: int
) -> None:
    paper.set_fault("clock_skew", skew_ms=skew_ms)
    now_ms = int(time.time() * 1000)
    assert abs(await client.fetch_time() - now_ms - skew_ms) < 5_000
    with pytest.raises(ccxt.InvalidNonce):
        await buy(client)
    await client.load_time_difference()
    assert (await buy(client))["status"] == "closed"
    line = paper.journal_lines(method="POST", path_end="/order")[-1]
    assert abs(line["acted_at_ms"] - now_ms) < 5_000


async def test_a_shut_door_refuses_everybody_and_opens_on_the_same_port(
    paper: PaperProcess, client: Any
) -> None:
    await client.fetch_time()
    paper.set_fault("refuse_connections", for_ms=700)
    refused: BaseException | None = None
    end = time.monotonic() + DEADLINE_SECONDS
    while not isinstance(refused, aiohttp.ClientConnectorError):
        assert time.monotonic() < end, f"never refused, last was {refused!r}"
        try:
            await buy(client, "0.01")
        except ccxt.ExchangeNotAvailable as error:
            refused = error.__cause__
    with pytest.raises(URLError):
        paper.state()
    while True:
        try:
            assert (await buy(client, "0.02"))["status"] == "closed"
            break
        except ccxt.ExchangeNotAvailable:
            assert time.monotonic() < end, "never opened again"
            await asyncio.sleep(0.05)
    lines = paper.journal_lines(method="POST", path_end="/order")
    ends = paper.journal_events("end")
    assert [line["order_id"] for line in lines if line["acted"]] == [e["order_id"] for e in ends]


async def test_silent_sockets_stay_open_and_say_nothing(paper: PaperProcess) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{paper.ws_url}/ws/btcusdc@bookTicker", autoping=False) as stream,
        session.ws_connect(f"{paper.ws_url}/ws-api/v3") as calls,
    ):
        await asyncio.wait_for(stream.receive(), DEADLINE_SECONDS)
        fault = paper.set_fault("silent_sockets")
        paper.move_price("BTCUSDC", 50)
        await stream.ping()
        await calls.send_json({"method": "ping", "id": 1})
        for socket in (stream, calls):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.receive(), 0.4)
            assert not socket.closed
        (line,) = paper.journal_lines(path_end="/ping")
        assert line["answered"] == "none"
        paper.clear_faults(fault)
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{paper.ws_url}/ws/btcusdc@bookTicker", autoping=False) as stream,
    ):
        await stream.ping()
        kinds = {(await asyncio.wait_for(stream.receive(), DEADLINE_SECONDS)).type}
        kinds.add((await asyncio.wait_for(stream.receive(), DEADLINE_SECONDS)).type)
        assert kinds == {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PONG}


async def test_changed_rules_are_listed_and_judged_by(paper: PaperProcess, client: Any) -> None:
    before = paper.totals()
    paper.set_fault(
        "rules_changed", symbol="BTCUSDC", step_size="0.01", tick_size="0.5", min_notional="1000"
    )
    for amount, price, words in (
        ("0.015", "60000", "LOT_SIZE"),
        ("0.02", "60000.1", "PRICE_FILTER"),
        ("0.01", "60000", "NOTIONAL"),
    ):
        with pytest.raises((ccxt.InvalidOrder, ccxt.BadRequest), match=words):
            await client.create_order("BTC/USDC", "limit", "buy", amount, price)
    await client.load_markets(reload=True)
    market = client.market("BTC/USDC")
    assert Decimal(market["precision"]["amount"]) == Decimal("0.01")
    assert Decimal(market["precision"]["price"]) == Decimal("0.5")
    assert Decimal(market["limits"]["cost"]["min"]) == 1000
    best = (await client.fetch_bids_asks(["BTC/USDC"]))["BTC/USDC"]
    assert Decimal(best["bid"]) % Decimal("0.5") == Decimal(best["ask"]) % Decimal("0.5") == 0
    assert (await buy(client, "0.02"))["status"] == "closed"
    assert paper.totals() == before


async def test_a_foreign_order_is_on_the_account_and_marked_in_the_journal(
    paper: PaperProcess, client: Any
) -> None:
    before = paper.totals()
    fields = {"symbol": "BTCUSDC", "side": "SELL", "quantity": "0.1"}
    paper.set_fault("foreign_order", **fields, price="70000", client_order_id="stranger")
    (order,) = await client.fetch_open_orders("BTC/USDC")
    assert (order["clientOrderId"], order["amount"]) == ("stranger", "0.10000000")
    (line,) = paper.journal_events("order")
    assert (line["foreign"], line["order_id"]) == (True, int(order["id"]))
    assert paper.journal_lines(method="POST", path_end="/order") == []
    paper.set_fault("foreign_order", **fields, price="61000", tif="IOC")
    (trade,) = paper.journal_events("trade")
    assert trade["order_id"] == paper.journal_events("order")[1]["order_id"]
    assert paper.totals() == before


@pytest.mark.parametrize("amount", ["0.25", "-0.25"])
async def test_a_deposit_changes_a_balance_and_nothing_else(
    paper: PaperProcess, client: Any, amount: str
) -> None:
    before = paper.totals()
    paper.set_fault("deposit", asset="BTC", amount=amount)
    free = Decimal((await client.fetch_balance())["BTC"]["free"])
    assert free == Decimal("0.6") + Decimal(amount)
    after = paper.totals()
    assert after.pop("BTC") - before.pop("BTC") == Decimal(amount)
    assert after == before
    (line,) = paper.journal_events("deposit")
    assert Decimal(line["amount"]) == Decimal(amount)
