"""Orders that fill in part, late, after their cancel, or twice in the list; and what is true."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import ccxt.async_support
import ccxt.pro
import pytest

from tests.plugins.paper import PaperFactory, PaperProcess, client_options, point_at

DEADLINE_SECONDS = 10
LATE_MS = 700


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    return make_paper("--tick-ms", "0", "--balance", "BTC=0.6", "--balance", "USDC=200000")


@pytest.fixture
async def client(paper: PaperProcess) -> AsyncIterator[Any]:
    made = ccxt.async_support.binance(client_options())
    made.number = str
    made.urls["api"] = point_at(made.urls["api"], paper.url)
    await made.load_markets()
    yield made
    await made.close()


async def buy(client: Any, amount: str, price: str = "61300", tif: str = "IOC") -> Any:
    params = {"timeInForce": tif}
    return await client.create_order("BTC/USDC", "limit", "buy", amount, price, params)


async def look_up(client: Any, order: Any) -> tuple[str, str]:
    found = await client.fetch_order(order["id"], "BTC/USDC")
    return found["status"], found["filled"]


async def until(reads: Callable[[], Any], expected: Any) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while (was := await reads()) != expected:
        assert time.monotonic() < end, f"expected {expected}, was {was}"
        await asyncio.sleep(0.05)


async def test_a_late_fill_is_new_until_its_time(paper: PaperProcess, client: Any) -> None:
    before = paper.totals()
    paper.set_fault("late_fill", late_ms=LATE_MS)
    order = await buy(client, "0.1")
    assert (order["status"], order["filled"]) == ("open", "0.00000000")
    assert await look_up(client, order) == ("open", "0.00000000")
    assert [o["id"] for o in await client.fetch_open_orders("BTC/USDC")] == [order["id"]]
    assert await client.fetch_my_trades("BTC/USDC") == []
    (trade,) = paper.journal_events("trade")
    assert (trade["order_id"], trade["qty"]) == (int(order["id"]), "0.10000000")
    await until(lambda: look_up(client, order), ("closed", "0.10000000"))
    (shown,) = await client.fetch_my_trades("BTC/USDC")
    assert (int(shown["id"]), shown["price"]) == (trade["trade_id"], trade["price"])
    assert await client.fetch_open_orders("BTC/USDC") == []
    assert paper.totals() == before


async def test_an_order_whose_fill_is_late_cannot_be_cancelled_and_keeps_its_client_id(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("late_fill", late_ms=60_000)
    order = await buy(client, "0.1")
    with pytest.raises(ccxt.OrderNotFound):
        await client.cancel_order(order["id"], "BTC/USDC")
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate"):
        await client.create_order(
            *("BTC/USDC", "market", "buy", "0.1"), None, {"clientOrderId": order["clientOrderId"]}
        )


async def test_a_cancel_of_a_resting_order_whose_fills_are_late_tells_all(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("late_fill", late_ms=60_000)
    order = await buy(client, "0.6", "61252.46", "GTC")
    assert await look_up(client, order) == ("open", "0.00000000")
    cancelled = await client.cancel_order(order["id"], "BTC/USDC")
    assert cancelled["status"] == "canceled"
    assert Decimal(cancelled["filled"]) > 0
    assert paper.journal_events("end")[-1]["executed_qty"] == cancelled["info"]["executedQty"]


async def test_an_ioc_order_said_to_have_expired_fills_after_all(
    paper: PaperProcess, client: Any
) -> None:
    before = paper.totals()
    paper.set_fault("fill_after_cancel", late_ms=LATE_MS, share="0.25")
    order = await buy(client, "0.1")
    assert (order["status"], order["filled"]) == ("expired", "0.02500000")
    assert await look_up(client, order) == ("expired", "0.02500000")
    assert [t["amount"] for t in await client.fetch_my_trades("BTC/USDC")] == ["0.02500000"]
    await until(lambda: look_up(client, order), ("closed", "0.10000000"))
    shown = await client.fetch_my_trades("BTC/USDC")
    assert [t["amount"] for t in shown] == ["0.02500000", "0.07500000"]
    (end,) = paper.journal_events("end")
    assert (end["status"], end["executed_qty"]) == ("FILLED", "0.10000000")
    assert paper.totals() == before


async def test_a_resting_order_fills_after_its_cancel(paper: PaperProcess, client: Any) -> None:
    before = paper.totals()
    paper.set_fault("fill_after_cancel", late_ms=LATE_MS, match={"method": "DELETE"})
    order = await buy(client, "0.1", "60000", "GTC")
    assert order["status"] == "open"
    cancelled = await client.cancel_order(order["id"], "BTC/USDC")
    assert (cancelled["status"], cancelled["filled"]) == ("canceled", "0.00000000")
    assert await client.fetch_open_orders("BTC/USDC") == []
    (line,) = paper.journal_lines(method="DELETE", path_end="/order")
    assert (line["fault"], line["acted"]) == ("fill_after_cancel", True)
    await until(lambda: look_up(client, order), ("closed", "0.10000000"))
    (trade,) = await client.fetch_my_trades("BTC/USDC")
    assert (trade["price"], trade["takerOrMaker"]) == ("60000.00000000", "maker")
    assert paper.totals() == before


async def test_an_order_that_would_rest_is_said_to_be_cancelled_and_fills(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("fill_after_cancel", late_ms=LATE_MS)
    order = await buy(client, "0.1", "60000", "GTC")
    assert (order["status"], order["filled"]) == ("canceled", "0.00000000")
    await until(lambda: look_up(client, order), ("closed", "0.10000000"))


async def test_a_stream_too_tells_of_a_late_fill_late(paper: PaperProcess) -> None:
    client = ccxt.pro.binance(client_options())
    client.urls["api"] = point_at(client.urls["api"], paper.url)
    await client.load_markets()
    paper.set_fault("late_fill", late_ms=LATE_MS)
    told = asyncio.ensure_future(client.watch_orders("BTC/USDC"))
    await until(lambda: _subscribed(paper), True)
    started = time.monotonic()
    await client.create_order("BTC/USDC", "market", "buy", "0.01")
    assert (await asyncio.wait_for(told, DEADLINE_SECONDS))[-1]["status"] == "open"
    assert time.monotonic() - started < LATE_MS / 1000
    later = await asyncio.wait_for(client.watch_orders("BTC/USDC"), DEADLINE_SECONDS)
    assert later[-1]["status"] == "closed"
    assert time.monotonic() - started >= LATE_MS / 1000
    await client.close()


async def _subscribed(paper: PaperProcess) -> bool:
    return bool(paper.journal_lines(path_end="#userDataStream.subscribe.signature"))


@pytest.mark.parametrize(
    ("share", "filled"), [("0.5", "0.05061"), ("0.00001", "0"), ("0", "0"), ("1", "0.10123")]
)
async def test_a_partial_fill_is_rounded_down_to_the_step_and_the_rest_expires(
    paper: PaperProcess, client: Any, share: str, filled: str
) -> None:
    before = paper.totals()
    paper.set_fault("partial_fill", share=share)
    order = await buy(client, "0.10123")
    assert Decimal(order["filled"]) == Decimal(filled)
    assert order["status"] == ("closed" if share == "1" else "expired")
    assert paper.totals() == before


async def test_a_resting_order_kept_from_filling_waits_and_crosses_nothing(
    paper: PaperProcess, client: Any
) -> None:
    before = paper.totals()
    paper.set_fault("partial_fill", share="0.5")
    order = await buy(client, "0.1", tif="GTC")
    assert (order["status"], order["filled"]) == ("open", "0.05000000")
    best = await client.fetch_bids_asks(["BTC/USDC"])
    assert Decimal(best["BTC/USDC"]["bid"]) < Decimal(best["BTC/USDC"]["ask"])
    paper.move_price("BTCUSDC", 0)
    assert await look_up(client, order) == ("closed", "0.10000000")
    assert paper.totals() == before


async def test_an_order_by_its_cost_fills_in_part(paper: PaperProcess, client: Any) -> None:
    paper.set_fault("partial_fill", share="0.1")
    order = await client.create_market_buy_order_with_cost("BTC/USDC", "6000")
    assert order["status"] == "expired"
    assert 590 < Decimal(order["cost"]) <= 600


async def test_a_fault_is_not_spent_on_an_order_that_is_refused(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("partial_fill", share="0.5")
    with pytest.raises(ccxt.InsufficientFunds):
        await buy(client, "5")
    assert paper.faults()["fired"] == {}
    assert (await buy(client, "0.1"))["filled"] == "0.05000000"
    assert paper.faults()["fired"] == {"partial_fill": 1}


async def test_faults_of_an_order_and_of_its_way_go_together(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("partial_fill", share="0.5")
    paper.set_fault("accept_then_close")
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await buy(client, "0.1")
    (line,) = paper.journal_lines(method="POST", path_end="/order")
    assert line["faults"] == ["accept_then_close", "partial_fill"]
    (end,) = paper.journal_events("end")
    assert (end["status"], end["executed_qty"]) == ("EXPIRED", "0.05000000")


async def test_a_duplicate_fill_lists_each_trade_twice(paper: PaperProcess, client: Any) -> None:
    order = await buy(client, "0.1")
    paper.set_fault("duplicate_fill")
    twice = await client.fetch_my_trades("BTC/USDC")
    assert [int(trade["order"]) for trade in twice] == [int(order["id"])] * 2
    assert twice[0]["id"] == twice[1]["id"]
    assert len(await client.fetch_my_trades("BTC/USDC")) == 1
    assert len(paper.journal_events("trade")) == 1


async def test_the_journal_alone_adds_up_to_the_account(paper: PaperProcess, client: Any) -> None:
    for amount in ("0.5", "0.02"):
        await buy(client, amount)
    bought = sum(
        Decimal(t["qty"]) - Decimal(t["commission"]) for t in paper.journal_events("trade")
    )
    balance = paper.state()["accounts"]["user"]["BTC"]["free"]
    assert Decimal(balance) == Decimal("0.6") + bought
    text = paper.journal.read_text()
    assert [json.loads(line)["seq"] for line in text.splitlines()] == list(
        range(1, text.count("\n") + 1)
    )
