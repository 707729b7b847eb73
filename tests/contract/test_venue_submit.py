"""What every kind of answer to a submission means, and that it is sent once whatever happens."""

import json

import pytest

from rebalancer.queue import SendPermit
from rebalancer.settlement import Accepted, NotSent, Refused, Unanswered
from tests.contract.binance_scene import (
    ACCOUNT,
    INFO,
    LOOK_UP,
    MARKET,
    ORDER,
    ORDER_ID,
    SECRET,
    TIME,
    make_answer,
    scene,
)
from tests.contract.raw_server import Behaviour, HangUp, Reply, Routes, Silence, answer, error
from tests.factories import NOW_MS, make_order

PERMIT = SendPermit(make_order(), valid_until_ms=NOW_MS + 60_000)

NOT_SENT = {
    "429 too many orders": (error(-1015, status=429, Retry_After="7"), 7_000),
    "429 without a time": (error(-1003, status=429), 1_000),
    "418 banned": (error(-1003, status=418, retry_after="120"), 120_000),
    "our clock is off": (error(-1021), 1_000),
    "maintenance, said by the venue": (error(-1, "System is under maintenance."), 1_000),
}
REFUSED = {
    "lot size": error(-1013, "Filter failure: LOT_SIZE"),
    "notional": error(-1013, "Filter failure: NOTIONAL"),
    "too precise": error(-1111),
    "bad symbol": error(-1121),
    "no balance": error(-2010, "Account has insufficient balance for requested action."),
    "a code only the spot table knows": error(-2016),
}
DENIED = {
    "wrong key": error(-2015, status=401),
    "malformed key": error(-2014, status=401),
    "wrong signature": error(-1022),
    "not allowed": error(-1002, status=401),
}
UNANSWERED: dict[str, Behaviour] = {
    "duplicate": error(-2010, "Duplicate order sent."),
    "backend timeout": error(-1007),
    "backend timeout as 504": error(-1007, status=504),
    "unknown": error(-1000),
    "disconnected": error(-1001),
    "message bus": error(-1006),
    "overloaded": error(-1008),
    "overloaded as 503": error(-1008, status=503),
    "a limit told with a 5xx": error(-1015, status=503),
    "a code nobody lists": error(-9999),
    "408": Reply("", 408),
    "500": Reply("oops", 500),
    "502": Reply("<html>", 502),
    "503": Reply("", 503),
    "504": Reply("", 504),
    "400 that is not the venue's": Reply("<html>", 400),
    "no answer in time": Silence(),
    "closed after sending": HangUp(),
    "empty": Reply(""),
    "truncated": Reply('{"symbol": "BTCUSDC", "orderId": 2'),
    "shorter than announced": Reply('{"symbol"', announced=400),
    "not JSON": Reply("OK"),
    "an empty object": Reply("{}"),
    "a list": Reply("[]"),
    "no order id": answer(make_answer(orderId=None)),
    "someone else's order": answer(make_answer(clientOrderId="x-other")),
    "unreadable amount": answer(make_answer(executedQty="NaN")),
    "bare NaN": Reply(str(make_answer()).replace("'1.00000000'", "NaN").replace("'", '"')),
    "negative amount": answer(make_answer(executedQty="-1")),
    "unknown status": answer(make_answer(status="DREAMING")),
}


@pytest.mark.parametrize("case", NOT_SENT)
async def test_provably_not_placed_is_not_sent(case: str) -> None:
    reply, wait_ms = NOT_SENT[case]
    async with scene({ORDER: [reply]}) as (venue, server):
        result = await venue.submit(PERMIT)
    assert isinstance(result, NotSent)
    assert result.retry_after_ms == wait_ms
    assert len(server.asked(*ORDER)) == 1


@pytest.mark.parametrize("case", REFUSED)
async def test_a_no_for_good_is_refused(case: str) -> None:
    async with scene({ORDER: [REFUSED[case]]}) as (venue, server):
        result = await venue.submit(PERMIT)
    assert isinstance(result, Refused)
    assert not result.reason.startswith("denied:")
    assert len(server.asked(*ORDER)) == 1


@pytest.mark.parametrize("case", DENIED)
async def test_a_rejected_key_is_refused_as_denied_even_after_it_once_worked(case: str) -> None:
    routes: Routes = {ACCOUNT: [answer({"balances": []})], ORDER: [DENIED[case]]}
    async with scene(routes) as (venue, server):
        await venue.fetch_balances()
        result = await venue.submit(PERMIT)
    assert isinstance(result, Refused)
    assert result.reason.startswith("denied:")
    assert len(server.asked(*ORDER)) == 1


@pytest.mark.parametrize("case", UNANSWERED)
async def test_whatever_is_not_understood_is_unanswered_and_sent_once(case: str) -> None:
    routes: Routes = {ORDER: [UNANSWERED[case]], LOOK_UP: [error(-2013)]}
    async with scene(routes, timeout_ms=300) as (venue, server):
        result = await venue.submit(PERMIT)
    assert isinstance(result, Unanswered)
    assert result.reason
    assert SECRET not in result.reason
    assert "signature" not in result.reason
    assert len(server.asked(*ORDER)) == 1


async def test_a_refused_connection_is_not_sent() -> None:
    # A kept line would be found closed only after sending on it: that is silence, not refusal.
    markets = Reply(json.dumps({"symbols": [MARKET]}), headers={"Connection": "close"})
    async with scene({INFO: [markets], ORDER: [answer(make_answer())]}) as (venue, server):
        await venue.fetch_rules([PERMIT.order.symbol])
        await server.stop()
        result = await venue.submit(PERMIT)
        assert isinstance(result, NotSent)
        assert venue.conditions.latency_ms is None
    assert not server.asked(*ORDER)


@pytest.mark.parametrize("reply", [Silence(), Reply("", 503), Reply("{"), error(-1003, status=429)])
async def test_without_the_venues_markets_nothing_is_sent(reply: Behaviour) -> None:
    async with scene({INFO: [reply]}, timeout_ms=200) as (venue, server):
        result = await venue.submit(PERMIT)
    assert isinstance(result, NotSent)
    assert not server.asked(*ORDER)


async def test_an_order_goes_out_as_text_with_our_id_immediate_or_cancel() -> None:
    async with scene({ORDER: [answer(make_answer())]}) as (venue, server):
        result = await venue.submit(PERMIT)
    assert result == Accepted(PERMIT.order, "28", True, PERMIT.order.amount_base)
    sent = server.asked(*ORDER)[0].params
    names = ("symbol", "side", "type", "timeInForce", "quantity", "price", "newClientOrderId")
    assert [sent[name] for name in names] == [
        "BTCUSDC", "BUY", "LIMIT", "IOC", "1", "50000", ORDER_ID,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("status", "executed", "is_closed"),
    [("NEW", "0", False), ("PARTIALLY_FILLED", "0.4", False), ("EXPIRED", "0.4", True),
     ("CANCELED", "0", True), ("REJECTED", "0", True), ("FILLED", "1.00000000", True)],
)  # fmt: skip
async def test_an_accepted_order_is_closed_when_nothing_more_can_fill(
    status: str, executed: str, is_closed: bool
) -> None:
    reply = answer(make_answer(status=status, executedQty=executed))
    async with scene({ORDER: [reply]}) as (venue, _):
        result = await venue.submit(PERMIT)
    assert isinstance(result, Accepted)
    assert (result.is_closed, str(result.filled_base)) == (is_closed, executed)


async def test_an_answer_with_the_id_only_is_completed_by_a_look_up() -> None:
    bare = {key: make_answer()[key] for key in ("symbol", "orderId", "clientOrderId")}
    routes = {ORDER: [answer(bare)], LOOK_UP: [answer(make_answer(time=NOW_MS))]}
    async with scene(routes) as (venue, server):
        result = await venue.submit(PERMIT)
    assert isinstance(result, Accepted)
    assert (len(server.asked(*ORDER)), len(server.asked(*LOOK_UP))) == (1, 1)


async def test_after_a_complaint_about_the_clock_requests_carry_the_difference() -> None:
    routes = {ORDER: [error(-1021), answer(make_answer())]}
    async with scene(routes) as (venue, server):
        assert isinstance(await venue.submit(PERMIT), NotSent)
        assert isinstance(await venue.submit(PERMIT), Accepted)
    assert len(server.asked(*TIME)) == 1
    sent_at_ms = int(server.asked(*ORDER)[1].params["timestamp"])
    assert 0 <= sent_at_ms - NOW_MS < 60_000


async def test_an_order_that_no_longer_fits_the_market_is_refused_unsent() -> None:
    order = make_order(amount_base=PERMIT.order.amount_base / 3_000_000)
    async with scene({ORDER: [answer(make_answer())]}) as (venue, server):
        result = await venue.submit(SendPermit(order, PERMIT.valid_until_ms))
    assert isinstance(result, Refused)
    assert not server.asked(*ORDER)


async def test_silence_shows_as_no_latency_until_the_next_answer() -> None:
    routes = {ORDER: [Silence()]}
    async with scene(routes, timeout_ms=200) as (venue, _):
        await venue.probe()
        assert venue.conditions.latency_ms is not None
        await venue.submit(PERMIT)
        assert venue.conditions.latency_ms is None
        await venue.probe()
        assert venue.conditions.latency_ms is not None
