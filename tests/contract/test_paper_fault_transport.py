"""What a client sees when a request goes wrong on its way, and what really became of it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import aiohttp
import ccxt.async_support as ccxt
import pytest

from tests.plugins.paper import PaperProcess, client_options, point_at, running_papers

DEADLINE_SECONDS = 10
TIMEOUT_MS = 400
STATUSES = {
    500: ccxt.ExchangeNotAvailable,
    502: ccxt.ExchangeNotAvailable,
    503: ccxt.ExchangeNotAvailable,
    504: ccxt.RequestTimeout,
    408: ccxt.RequestTimeout,
}
CODES = {
    -1000: ccxt.OperationFailed,
    -1001: ccxt.OperationFailed,
    -1003: ccxt.DDoSProtection,
    -1006: ccxt.OperationFailed,
    -1007: ccxt.RequestTimeout,
    -1008: ccxt.ExchangeError,  # OperationFailed at the venue: ccxt looks at the host's name.
    -1015: ccxt.DDoSProtection,
    -1021: ccxt.InvalidNonce,
    -2010: ccxt.InsufficientFunds,
    -2015: ccxt.AuthenticationError,
}
# fault, what ccxt raises, whether the order was acted on, how much of an answer left
SEEN: list[tuple[dict[str, Any], type[Exception], bool, str]] = [
    ({"kind": "accept_then_timeout"}, ccxt.RequestTimeout, True, "none"),
    ({"kind": "accept_then_close"}, ccxt.ExchangeNotAvailable, True, "none"),
    ({"kind": "reject_then_timeout"}, ccxt.RequestTimeout, False, "none"),
    ({"kind": "close_before"}, ccxt.ExchangeNotAvailable, False, "none"),
    *(
        ({"kind": kind, "status": status}, raised, kind == "status_after", "error")
        for kind in ("status_before", "status_after")
        for status, raised in STATUSES.items()
    ),
    *(({"kind": "code", "code": code}, raised, False, "error") for code, raised in CODES.items()),
    ({"kind": "code", "code": -1007, "acted": True}, ccxt.RequestTimeout, True, "error"),
    ({"kind": "rate_limited"}, ccxt.DDoSProtection, False, "error"),
    ({"kind": "rate_limited", "status": 418}, ccxt.DDoSProtection, False, "error"),
]


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    with running_papers(tmp_path_factory.mktemp("paper")) as make:
        yield make("--tick-ms", "0")


@pytest.fixture
async def client(paper: PaperProcess) -> AsyncIterator[Any]:
    paper.clear_faults()
    made = ccxt.binance(client_options(timeout=DEADLINE_SECONDS * 1000))
    made.number = str
    made.urls["api"] = point_at(made.urls["api"], paper.url)
    await made.load_markets()
    yield made
    await made.close()


async def buy(client: Any, name: str) -> Any:
    params = {"timeInForce": "IOC", "clientOrderId": name}
    return await client.create_order("BTC/USDC", "limit", "buy", "0.001", "61300", params)


def line_of(paper: PaperProcess, name: str) -> dict[str, Any]:
    """The one line of the journal about the request for this order."""
    lines = paper.journal_lines(method="POST", path_end="/order")
    (line,) = [line for line in lines if line["client_order_id"] == name]
    return line


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        await asyncio.sleep(0.02)


async def exists(client: Any, name: str) -> bool:
    try:
        found = await client.fetch_order(None, "BTC/USDC", {"origClientOrderId": name})
    except ccxt.OrderNotFound:
        return False
    assert found["status"] == "closed"
    return True


@pytest.mark.parametrize(("fault", "raised", "acted", "answered"), SEEN, ids=str)
async def test_a_fault_is_seen_as_its_error_and_the_journal_tells_the_truth(
    paper: PaperProcess,
    client: Any,
    fault: dict[str, Any],
    raised: type[Exception],
    acted: bool,
    answered: str,
) -> None:
    before = paper.totals()
    name = f"n{paper.set_fault(**fault)}"
    if raised is ccxt.RequestTimeout and answered == "none":
        client.timeout = TIMEOUT_MS
    with pytest.raises(raised):
        await buy(client, name)
    client.timeout = DEADLINE_SECONDS * 1000
    line = line_of(paper, name)
    assert (line["fault"], line["acted"], line["answered"]) == (fault["kind"], acted, answered)
    assert (line["order_id"] is not None) is acted
    assert await exists(client, name) is acted
    trades = [t for t in paper.journal_events("trade") if t["client_order_id"] == name]
    ends = [e["status"] for e in paper.journal_events("end") if e["client_order_id"] == name]
    assert (bool(trades), ends) == (acted, ["FILLED"] if acted else [])
    assert paper.totals() == before
    assert (await buy(client, name + "-next"))["status"] == "closed"


@pytest.mark.parametrize("kind", ["truncated_200", "empty_200"])
async def test_a_200_without_its_body_carries_no_order_id(
    paper: PaperProcess, client: Any, kind: str
) -> None:
    paper.set_fault(kind)
    answered = await buy(client, kind)
    assert answered["id"] is None
    line = line_of(paper, kind)
    assert (line["status"], line["acted"], line["answered"]) == (200, True, "partial")
    assert await exists(client, kind)


async def test_a_slow_body_arrives_whole(paper: PaperProcess, client: Any) -> None:
    paper.set_fault("slow_body", slow_ms=300)
    started = time.monotonic()
    assert (await buy(client, "slow"))["status"] == "closed"
    assert time.monotonic() - started >= 0.3
    assert line_of(paper, "slow")["answered"] == "full"


async def test_a_stalled_request_is_acted_on_after_its_client_gave_up(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("stall_before", hold_ms=900)
    client.timeout = TIMEOUT_MS
    with pytest.raises(ccxt.RequestTimeout):
        await buy(client, "stalled")
    client.timeout = DEADLINE_SECONDS * 1000
    assert not await exists(client, "stalled")
    await until(lambda: bool(paper.journal_events("end")[-1]["client_order_id"] == "stalled"))
    assert await exists(client, "stalled")
    line = line_of(paper, "stalled")
    assert line["acted"]
    assert line["acted_at_ms"] - line["received_at_ms"] >= 900


async def test_a_stalled_request_is_refused_when_its_window_has_passed_meanwhile(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("stall_before", hold_ms=500)
    client.options["recvWindow"] = 200
    with pytest.raises(ccxt.InvalidNonce):
        await buy(client, "outdated")
    line = line_of(paper, "outdated")
    assert (line["acted"], line["code"], line["answered"]) == (False, -1021, "error")


async def test_a_withheld_answer_ends_when_its_time_is_over(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("accept_then_timeout", hold_ms=200)
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await buy(client, "held")
    assert await exists(client, "held")


async def test_an_order_the_engine_refuses_is_not_acted_on_by_any_fault(
    paper: PaperProcess, client: Any
) -> None:
    paper.set_fault("accept_then_close")
    params = {"timeInForce": "IOC", "clientOrderId": "too-much"}
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await client.create_order("BTC/USDC", "limit", "buy", "9", "61300", params)
    line = line_of(paper, "too-much")
    assert (line["acted"], line["answered"], line["code"]) == (False, "none", -2010)


async def test_a_client_that_hangs_up_at_once_does_not_undo_its_order(
    paper: PaperProcess, client: Any
) -> None:
    """The request is on the wire whole; its connection is cut before anything is done."""
    paper.set_latency_ms(400)
    client.timeout = 100
    with pytest.raises(ccxt.RequestTimeout):
        await buy(client, "gone")
    paper.set_latency_ms(0)
    await until(lambda: bool(paper.journal_events("end")[-1]["client_order_id"] == "gone"))
    assert line_of(paper, "gone")["acted"]


async def test_retry_after_is_told(paper: PaperProcess) -> None:
    paper.clear_faults()
    paper.set_fault("rate_limited", retry_after_s=7, match={"path": "/api/v3/time"})
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{paper.url}/api/v3/time") as refused:
            assert (refused.status, refused.headers["Retry-After"]) == (429, "7")
            assert (await refused.json())["code"] == -1003
        async with session.get(f"{paper.url}/api/v3/time") as answered:
            assert answered.status == 200


async def test_a_fault_may_meet_a_read(paper: PaperProcess, client: Any) -> None:
    paper.set_fault("status_before", status=502, match={"path": "/api/v3/account"})
    assert (await buy(client, "read"))["status"] == "closed"
    with pytest.raises(ccxt.ExchangeNotAvailable):
        await client.fetch_balance()
    assert (await client.fetch_balance())["BTC"]["used"] == "0.00000000"


async def test_a_fault_may_meet_a_cancel(paper: PaperProcess, client: Any) -> None:
    order = await client.create_order("BTC/USDC", "limit", "buy", "0.01", "60000")
    paper.set_fault("status_after", status=504, match={"method": "DELETE"})
    with pytest.raises(ccxt.RequestTimeout):
        await client.cancel_order(order["id"], "BTC/USDC")
    (line,) = paper.journal_lines(method="DELETE", path_end="/order")
    assert (line["acted"], line["order_id"]) == (True, int(order["id"]))
    assert (await client.fetch_order(order["id"], "BTC/USDC"))["status"] == "canceled"
