"""The whole adapter against a server that answers anything: a value, or an error of our own tree.

The law of writes: `submit` and `look_up` never raise, and nothing is accepted but an answer that
names an order, its state and its fill. The law of reads: what comes back says what the body said;
everything else is BadData, VenueUnavailable, VenueDenied or BadConfig, without a secret in it.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from rebalancer.errors import BadConfig, BadData, VenueDenied, VenueUnavailable
from rebalancer.money import to_decimal
from rebalancer.queue import SendPermit
from rebalancer.settlement import Absent, Accepted, NotSent, Refused, Unanswered
from resources.ccxt_venue import CcxtVenue
from tests.contract.binance_scene import (
    ACCOUNT,
    INFO,
    KEY,
    LOOK_UP,
    MARKET,
    ORDER,
    SECRET,
    TICKERS,
    TRADES,
    make_answer,
    make_trade,
    scene,
)
from tests.contract.raw_server import Reply, Route
from tests.factories import NOW_MS, make_order, make_symbol
from tests.property.junk import NOT_JSON, changed, values

ALLOWED = (BadData, VenueUnavailable, VenueDenied, BadConfig)
ASKED = make_order()
SYMBOLS = [make_symbol("BTC")]
TICKER = {
    "symbol": "BTCUSDC",
    "bidPrice": "50000.00",
    "askPrice": "50001.00",
    "lastPrice": "50000.50",
    "closeTime": NOW_MS,
}
HELD = {"asset": "BTC", "free": "1.50000000", "locked": "0.00000000"}
STATUSES = (200, 200, 200, 201, 302, 400, 401, 403, 404, 408, 418, 429, 500, 503)
PAUSES = st.sampled_from(["", "0", "1", "99999999999", "9" * 5_000, "٣", "-1", "1.5"])

# Each example starts a server: what fails is shown as it came, not made smaller.
bounded = settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
errors = st.fixed_dictionaries(
    {"code": st.sampled_from([-2015, -1021, -2010, -1003, 0, "x", None, 10**400]), "msg": values}
)


def bodies(sound: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Sound ones bent a little, errors, any JSON, and no JSON at all."""
    return (
        sound.map(json.dumps)
        | sound.map(json.dumps)
        | (errors | values).map(json.dumps)
        | st.sampled_from(NOT_JSON).filter(lambda text: "\x00" not in text)
    )


def replies(sound: st.SearchStrategy[Any]) -> st.SearchStrategy[Reply]:
    return st.builds(
        lambda body, status, pause: Reply(body, status, {"Retry-After": pause} if pause else {}),
        bodies(sound).map(lambda body: body.encode(errors="replace").decode()),
        st.sampled_from(STATUSES),
        PAUSES.filter(str.isascii),
    )


def ask(route: Route, reply: Reply, question: Callable[[CcxtVenue], Awaitable[Any]]) -> Any:
    """What the venue makes of one answer; an allowed refusal is None."""

    async def run() -> Any:
        async with scene({route: [reply]}, timeout_ms=1_000) as (venue, _):
            return await question(venue)

    try:
        return asyncio.run(run())
    except ALLOWED as refusal:
        said = str(refusal)
        is_alone = refusal.__cause__ is None and refusal.__context__ is None
    assert SECRET not in said
    assert KEY not in said
    assert "signature" not in said.replace("signature=***", "")
    assert is_alone, "a chain would carry the signed address along"
    return None


@bounded
@given(replies(changed(make_answer())))
@example(Reply(json.dumps(make_answer(status=["FILLED"]))))
@example(Reply(json.dumps(make_answer(orderId={"a": 1}))))
@example(Reply(json.dumps(make_answer(executedQty="1e400"))))
@example(Reply(json.dumps(make_answer(orderId="2\x008"))))
@example(Reply("[" * 100_000))
@example(Reply("9" * 5_000))
def test_a_submission_never_raises_and_accepts_only_an_order(reply: Reply) -> None:
    permit = SendPermit(ASKED, NOW_MS + 60_000)
    answer = ask(ORDER, reply, lambda venue: venue.submit(permit))
    assert isinstance(answer, Accepted | Refused | NotSent | Unanswered)
    if isinstance(answer, Accepted):
        assert_as_told(answer, reply)
    else:
        assert SECRET not in answer.reason
        assert KEY not in answer.reason
    if isinstance(answer, NotSent):
        assert reply.status != 200 or "code" in reply.body
        assert 0 <= answer.retry_after_ms <= 3 * 86_400_000


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_an_order_is_never_carried_on_to_another_address(status: int) -> None:
    elsewhere = Reply("{}", status, {"Location": "/elsewhere"})
    there = [Reply(json.dumps(make_answer()))]
    routes = {ORDER: [elsewhere], ("POST", "/elsewhere"): there, ("GET", "/elsewhere"): there}
    async with scene(routes) as (venue, server):
        answer = await venue.submit(SendPermit(ASKED, NOW_MS + 60_000))
        assert isinstance(answer, Unanswered)
        assert "/elsewhere" not in [request.path for request in server.requests]


@bounded
@given(replies(changed(make_answer())))
@example(Reply(json.dumps({"code": -2013, "msg": "Order does not exist."}), 400))
@example(Reply(json.dumps({"code": -2013, "msg": "Order does not exist."}), 503))
def test_a_look_up_never_raises_and_finds_only_the_order(reply: Reply) -> None:
    answer = ask(LOOK_UP, reply, lambda venue: venue.look_up(ASKED))
    assert isinstance(answer, Accepted | Refused | Unanswered | Absent)
    if isinstance(answer, Accepted):
        assert_as_told(answer, reply)
    if isinstance(answer, Absent):
        assert reply.status < 500
        assert "-2013" in reply.body


def assert_as_told(answer: Accepted, reply: Reply) -> None:
    told = json.loads(reply.body, parse_float=str, parse_constant=str)
    assert reply.status < 300
    # Some venues do not repeat our id, and ccxt reads a table as none; another's id is no answer.
    repeated = told.get("clientOrderId")
    assert type(repeated) not in (str, int) or repeated in ("", ASKED.client_order_id)
    assert answer.venue_order_id == str(told["orderId"])
    # Without a readable fill ccxt reckons one from the rest of the answer; the trades decide then.
    filled = told.get("executedQty")
    if type(filled) in (str, int) and filled != "":
        assert answer.filled_base == to_decimal(filled)
    assert answer.filled_base >= 0


@bounded
@given(replies(st.lists(changed(make_trade(1)), max_size=2)))
@example(Reply(json.dumps([make_trade(1, time=10**400)])))
@example(Reply(json.dumps([make_trade(1, qty="1e400")])))
@example(Reply(json.dumps([make_trade(1, commission="NaN")])))
@example(Reply(json.dumps([make_trade(1, commissionAsset=None)])))
def test_fills_say_what_the_trades_said(reply: Reply) -> None:
    fills = ask(TRADES, reply, lambda venue: venue.fetch_fills(ASKED, "28"))
    told = (
        {str(row["id"]): row for row in json.loads(reply.body, parse_float=str, parse_constant=str)}
        if fills
        else {}
    )
    for fill in fills or ():
        row = told[fill.trade_id]
        assert str(row["orderId"]) == "28"
        assert fill.amount_base == to_decimal(str(row["qty"]))
        assert fill.price_quote == to_decimal(str(row["price"]))
        assert fill.filled_at_ms == row["time"]


@bounded
@given(replies(st.lists(changed(TICKER), min_size=1, max_size=2)))
def test_tickers_keep_the_digits_they_came_with(reply: Reply) -> None:
    tickers = ask(TICKERS, reply, lambda venue: venue.fetch_tickers(SYMBOLS))
    told = json.loads(reply.body, parse_float=str, parse_constant=str) if tickers else []
    for ticker in tickers or ():
        assert ticker.symbol in SYMBOLS
        assert ticker.bid in [None, *(_text(row.get("bidPrice")) for row in told)]
        assert ticker.ask in [None, *(_text(row.get("askPrice")) for row in told)]


@bounded
@given(replies(st.fixed_dictionaries({"balances": st.lists(changed(HELD), max_size=3)})))
@example(Reply("{}"))
@example(Reply('{"balances": null}'))
@example(Reply('{"balances": [{"asset": "BTC", "free": 1e400, "locked": NaN}]}'))
def test_balances_keep_the_digits_they_came_with(reply: Reply) -> None:
    balances = ask(ACCOUNT, reply, lambda venue: venue.fetch_balances())
    told = json.loads(reply.body, parse_float=str)["balances"] if balances else []
    for balance in balances or ():
        rows = [row for row in told if row["asset"] == balance.asset]
        assert balance.free in [None, *(_text(row.get("free")) for row in rows)]
    if balances is not None:
        assert "balances" in reply.body, "an account nobody could read is not an empty account"


@bounded
@given(replies(st.fixed_dictionaries({"symbols": st.lists(changed(MARKET), max_size=2)})))
@example(Reply('{"symbols": [5]}'))
@example(Reply('{"symbols": null}'))
@example(Reply(json.dumps({"symbols": [MARKET | {"filters": {"a": 1}}]})))
@example(Reply(json.dumps({"symbols": [MARKET | {"filters": [{"filterType": "LOT_SIZE"}]}]})))
def test_market_rules_are_those_of_the_body(reply: Reply) -> None:
    rules = ask(INFO, reply, lambda venue: venue.fetch_rules(SYMBOLS))
    for rule in rules or ():
        for step in (rule.amount_step, rule.price_step, rule.notional_min):
            assert step is None or step == "0" or step.rstrip("0") in reply.body


def _text(value: object) -> str | None:
    """A field as its own text. What ccxt cannot read is None, which the domain refuses."""
    return None if value is None else str(value)
