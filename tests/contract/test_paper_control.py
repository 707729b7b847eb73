"""Control requests bend the market, and the journal is the witness of what was done."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import ccxt
import ccxt.async_support
import pytest

from tests.plugins.paper import PaperFactory, PaperProcess, client_options, point_at


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    return make_paper("--tick-ms", "0")


@pytest.fixture
def client(paper: PaperProcess) -> Iterator[Any]:
    made = ccxt.binance(client_options())
    made.number = str
    made.urls["api"] = point_at(made.urls["api"], paper.url)
    made.load_markets()
    yield made
    made.session.close()


@pytest.fixture
async def concurrent_client(paper: PaperProcess) -> AsyncIterator[Any]:
    made = ccxt.async_support.binance(client_options())
    made.number = str
    made.urls["api"] = point_at(made.urls["api"], paper.url)
    await made.load_markets()
    yield made
    await made.close()


def test_an_overlay_bends_every_view_of_a_ticker_and_is_cleared(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_quote("BTCUSDC", bidPrice="NaN", askPrice="Infinity", lastPrice=None)
    for path in ("24hr", "bookTicker"):
        raw = paper.ask("GET", f"/api/v3/ticker/{path}?symbol=BTCUSDC")
        assert (raw["bidPrice"], raw["askPrice"]) == ("NaN", "Infinity")
        assert "lastPrice" not in raw
    assert client.fetch_ticker("ETH/USDC")["bid"] != "NaN"
    paper.clear_quotes()
    assert float(client.fetch_ticker("BTC/USDC")["bid"]) > 0


def test_a_crossed_book_can_be_shown(paper: PaperProcess, client: Any) -> None:
    paper.set_quote("BTCUSDC", bidPrice="61300.00000000", askPrice="61200.00000000")
    ticker = client.fetch_ticker("BTC/USDC")
    assert float(ticker["bid"]) > float(ticker["ask"])


def test_a_resting_order_fills_as_maker_when_the_price_crosses_it(
    paper: PaperProcess, client: Any
) -> None:
    order = client.create_order("BTC/USDC", "limit", "buy", "0.1", "61000")
    paper.move_price("BTCUSDC", -100)
    filled = client.fetch_order(order["id"], "BTC/USDC")
    assert (filled["status"], filled["average"]) == ("closed", "61000")
    (trade,) = client.fetch_my_trades("BTC/USDC")
    assert (trade["takerOrMaker"], trade["price"]) == ("maker", "61000.00000000")


def test_latency_delays_every_answer(paper: PaperProcess, client: Any) -> None:
    paper.set_latency_ms(300)
    started = time.monotonic()
    client.fetch_time()
    assert time.monotonic() - started >= 0.3
    paper.set_latency_ms(0)


def test_a_wrong_control_request_says_what_was_expected(paper: PaperProcess) -> None:
    for path, body in (
        ("/paper/quote", {"symbol": "NOSUCH", "fields": {"bidPrice": "1"}}),
        ("/paper/quote", {"symbol": "BTCUSDC", "fields": {"bidPrice": 1.5}}),
        ("/paper/latency", {"ms": -1}),
        ("/paper/price", {"symbol": "BTCUSDC", "bps": "many"}),
        ("/paper/nothing", {}),
    ):
        with pytest.raises(HTTPError, match="400") as refused:
            paper.ask("POST", path, body)
        refused.value.close()


def test_the_journal_holds_every_request_in_order_and_no_secret(
    paper: PaperProcess, client: Any
) -> None:
    params = {"clientOrderId": "kept"}
    order = client.create_order("BTC/USDC", "market", "buy", "0.01", None, params)
    with pytest.raises(ccxt.InsufficientFunds):
        client.create_order("BTC/USDC", "market", "buy", "5")
    lines = paper.journal_lines()
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    placed, refused = paper.journal_lines(method="POST", path_end="/order")
    assert (placed["orderId"], placed["clientOrderId"]) == (int(order["id"]), "kept")
    assert (placed["orderStatus"], placed["executed"]) == ("FILLED", "0.01000000")
    assert (refused["status"], refused["code"]) == (400, -2010)
    assert placed["params"]["quantity"] == "0.01"
    text = paper.journal.read_text()
    assert "signature" not in text
    assert "paper-secret" not in text


def test_money_is_conserved_by_an_order_that_eats_the_whole_book(
    make_paper: PaperFactory,
) -> None:
    paper = make_paper("--tick-ms", "0", "--balance", "BTC=1000", "--balance", "USDC=500")
    client = ccxt.binance(client_options())
    client.urls["api"] = point_at(client.urls["api"], paper.url)
    before = paper.totals()
    order = client.create_order("BTC/USDC", "market", "sell", 1000)
    assert order["status"] == "expired"
    assert 0 < order["filled"] < 1000
    assert client.fetch_bids_asks(["BTC/USDC"])["BTC/USDC"]["bid"] in (0, None)
    assert client.create_order("BTC/USDC", "market", "sell", 1)["filled"] == 0
    paper.move_price("BTCUSDC", 0)
    assert client.fetch_ticker("BTC/USDC")["bid"] > 0
    assert paper.totals() == before
    client.session.close()


async def test_concurrent_orders_conserve_money_and_never_share_an_id(
    paper: PaperProcess, concurrent_client: Any
) -> None:
    before = paper.totals()
    sides = ("buy", "sell")
    symbols = ("BTC/USDC", "ETH/USDC", "SOL/USDC", "SOL/USDT")
    orders = await asyncio.gather(
        *(
            concurrent_client.create_order(
                symbols[index % 4],
                "market",
                sides[index // 4 % 2],
                "0.02" if index % 4 < 2 else "1",
            )
            for index in range(80)
        )
    )
    assert len({order["id"] for order in orders}) == 80
    assert all(order["status"] == "closed" for order in orders)
    assert paper.totals() == before
    lines = paper.journal_lines(method="POST", path_end="/order")
    assert [line["orderId"] for line in lines] == sorted(line["orderId"] for line in lines)


def test_money_is_conserved_while_the_market_moves(make_paper: PaperFactory) -> None:
    paper = make_paper("--tick-ms", "20")
    client = ccxt.binance(client_options())
    client.urls["api"] = point_at(client.urls["api"], paper.url)
    before = paper.totals()
    for price in ("61200", "61240", "61250"):
        client.create_order("BTC/USDC", "limit", "buy", "0.05", price)
    for _ in range(20):
        client.create_order("ETH/USDC", "market", "sell", "0.01")
        client.create_market_buy_order_with_cost("XRP/USDT", "33.33")
    assert paper.totals() == before
    state = paper.state()
    user = state["accounts"]["user"]
    needed = sum(
        Decimal(str(order["price"])) * Decimal(str(order["remaining"]))
        for order in client.fetch_open_orders("BTC/USDC")
    )
    assert state["tick"] > 0
    assert Decimal(user["USDC"]["locked"]) >= needed
    client.session.close()


def test_control_requests_are_written_down_too(paper: PaperProcess) -> None:
    paper.set_latency_ms(0)
    (line,) = paper.journal_lines(path_end="/paper/latency")
    assert line["status"] == 200


def test_the_state_names_every_account(paper: PaperProcess) -> None:
    accounts = paper.state()["accounts"]
    assert set(accounts) == {"user", "house", "fees"}
    with urlopen(f"{paper.url}/paper/state", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("application/json")


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def test_numbers_carry_at_least_the_venue_s_eight_decimals(paper: PaperProcess) -> None:
    best = paper.ask("GET", "/api/v3/ticker/bookTicker?symbol=DOGEUSDT")
    assert all(_decimals(best[key]) == 8 for key in ("bidPrice", "bidQty", "askPrice", "askQty"))
