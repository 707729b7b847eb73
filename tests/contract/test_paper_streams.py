"""What ccxt.pro hears from the paper exchange."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import ccxt.pro
import pytest

from tests.plugins.paper import API_KEY, PaperFactory, PaperProcess, client_options, point_at

HEAR_SECONDS = 10


async def heard(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, HEAR_SECONDS)


@pytest.fixture
async def client(paper: PaperProcess) -> AsyncIterator[Any]:
    made = ccxt.pro.binance(client_options())
    made.number = str
    made.urls["api"] = point_at(made.urls["api"], paper.url)
    await made.load_markets()
    yield made
    await made.close()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as opened:
        yield opened


async def until_subscribed(client: Any, paper: PaperProcess) -> None:
    """Until the exchange has said that it sends the account's events, and the client has heard."""
    end = asyncio.get_running_loop().time() + HEAR_SECONDS
    while not paper.journal_lines(path_end="#userDataStream.subscribe.signature"):
        assert asyncio.get_running_loop().time() < end, "no subscription arrived"
        await asyncio.sleep(0.02)
    await client.fetch_time()  # Its answer comes after the subscription's.
    await client.fetch_time()


async def test_best_prices_and_tickers_arrive(client: Any) -> None:
    seen: dict[str, Any] = {}
    while len(seen) < 2:
        seen |= await heard(client.watch_bids_asks(["BTC/USDC", "ETH/USDT"]))
    assert all(float(quote["bid"]) < float(quote["ask"]) for quote in seen.values())
    ticker = await heard(client.watch_ticker("SOL/USDC"))
    assert float(ticker["last"]) > 0


async def test_the_streamed_book_follows_the_real_one(client: Any, paper: PaperProcess) -> None:
    nonces = [(await heard(client.watch_order_book("BTC/USDC")))["nonce"] for _ in range(4)]
    assert nonces == sorted(set(nonces))
    paper.move_price("BTC/USDC".replace("/", ""), 200)
    moved = paper.state()["mids"]["BTCUSDC"]
    while True:
        book = await heard(client.watch_order_book("BTC/USDC"))
        assert book["bids"][0][0] < book["asks"][0][0]
        if book["bids"][0][0] > float(moved) * 0.99:
            return


async def test_a_fill_reaches_balance_orders_and_trades(client: Any, paper: PaperProcess) -> None:
    watched = asyncio.gather(
        heard(client.watch_balance()),
        heard(client.watch_orders("BTC/USDC")),
        heard(client.watch_my_trades("BTC/USDC")),
    )
    await until_subscribed(client, paper)
    placed = await client.create_order("BTC/USDC", "market", "buy", "0.01")
    balance, orders, trades = await watched
    assert orders[-1]["id"] == placed["id"]
    assert trades[0]["order"] == placed["id"]
    assert trades[0]["fee"]["currency"] == "BTC"
    assert float(balance["BTC"]["total"]) > 0.6


async def test_an_order_s_life_is_told_in_order(client: Any, paper: PaperProcess) -> None:
    first = asyncio.ensure_future(heard(client.watch_orders("BTC/USDC")))
    await until_subscribed(client, paper)
    placed = await client.create_order("BTC/USDC", "limit", "buy", "0.01", "60000")
    assert (await first)[-1]["status"] == "open"
    cancelled = asyncio.ensure_future(heard(client.watch_orders("BTC/USDC")))
    await asyncio.sleep(0)
    await client.cancel_order(placed["id"], "BTC/USDC")
    assert (await cancelled)[-1]["status"] == "canceled"


async def test_orders_can_be_placed_over_the_socket(client: Any) -> None:
    placed = await heard(client.create_order_ws("BTC/USDC", "market", "buy", "0.01"))
    assert placed["status"] == "closed"


async def test_a_wrong_signature_opens_no_account_stream(
    paper: PaperProcess, session: aiohttp.ClientSession
) -> None:
    params = {"apiKey": API_KEY, "timestamp": int(time.time() * 1000), "signature": "0" * 64}
    message = {"id": 7, "method": "userDataStream.subscribe.signature", "params": params}
    async with session.ws_connect(f"{paper.ws_url}/ws-api/v3") as socket:
        await socket.send_json(message)
        refused = await heard(socket.receive_json())
    assert (refused["id"], refused["status"], refused["error"]["code"]) == (7, 400, -1022)


async def test_depth_updates_join_onto_the_snapshot_without_a_gap(
    paper: PaperProcess, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect(f"{paper.ws_url}/ws/solusdc@depth@100ms") as socket:
        first = await heard(socket.receive_json())
        async with session.get(f"{paper.url}/api/v3/depth?symbol=SOLUSDC") as answer:
            snapshot = await answer.json()
        last_id = first["u"]
        assert first["U"] <= snapshot["lastUpdateId"] + 1
        while last_id < snapshot["lastUpdateId"] + 1:
            update = await heard(socket.receive_json())
            assert update["U"] == last_id + 1
            last_id = update["u"]


async def test_combined_streams_say_which_one_speaks(
    paper: PaperProcess, session: aiohttp.ClientSession
) -> None:
    address = f"{paper.ws_url}/stream?streams=btcusdc@bookTicker/ethusdc@ticker"
    async with session.ws_connect(address) as socket:
        spoken = {(await heard(socket.receive_json()))["stream"] for _ in range(2)}
        assert spoken == {"btcusdc@bookTicker", "ethusdc@ticker"}


async def test_a_listener_may_leave_a_stream_and_nonsense_is_answered(
    paper: PaperProcess, session: aiohttp.ClientSession
) -> None:
    async with session.ws_connect(f"{paper.ws_url}/ws") as socket:
        await socket.send_str("nonsense")
        assert "error" in await heard(socket.receive_json())
        await socket.send_json({"method": "SUBSCRIBE", "params": ["btcusdc@trade"], "id": 1})
        assert await heard(socket.receive_json()) == {"result": None, "id": 1}
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        assert (await heard(socket.receive_json()))["result"] == ["btcusdc@trade"]
        await socket.send_json({"method": "UNSUBSCRIBE", "params": ["btcusdc@trade"], "id": 3})
        await heard(socket.receive_json())
        await socket.send_json({"method": "ping", "id": 4, "params": {}})
        assert (await heard(socket.receive_json()))["status"] == 200


async def test_an_overlaid_quote_reaches_the_stream(
    make_paper: PaperFactory, session: aiohttp.ClientSession
) -> None:
    paper = make_paper("--tick-ms", "0")
    async with session.ws_connect(f"{paper.ws_url}/ws/btcusdc@bookTicker") as socket:
        before = await heard(socket.receive_json())
        paper.set_quote("BTCUSDC", bidPrice="NaN")
        bent = json.loads((await heard(socket.receive())).data)
        assert (bent["b"], bent["a"]) == ("NaN", before["a"])
