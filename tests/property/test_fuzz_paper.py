"""What anybody sends to the paper exchange: answered with its own words, never with a traceback."""

import json
from typing import Any
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.paper_exchange.auth import sign
from services.paper_exchange.calls import Call, Reply
from services.paper_exchange.control import control
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.fault_kinds import KINDS
from services.paper_exchange.hub import Listener
from services.paper_exchange.options import PaperOptions
from services.paper_exchange.routes import ROUTES, answer
from services.paper_exchange.sockets import SHORT_BY_METHOD, respond_to_text
from tests.property.junk import NOT_JSON, changed, texts, values, written

NOW_MS = 1_700_000_000_000
FREE = 10**9
CONTROLS: dict[str, dict[str, Any]] = {
    "quote": {"symbol": "BTCUSDC", "fields": {"bidPrice": "NaN"}},
    "latency": {"ms": 5},
    "price": {"symbol": "BTCUSDC", "bps": "-20"},
    "limits/forget": {"x": 1},
    "faults": {"kind": "close_before", "count": 2, "match": {"method": "POST"}, "seed": 1},
}
SOUND_VALUES = ("BTCUSDC", "0.001", "1", 5, "BUY", "GTC", "USDC", -1001, 500, 429, 1_000, True)
fault_bodies = st.builds(
    lambda kind, given: {"kind": kind, **given},
    st.sampled_from(sorted(KINDS)),
    st.dictionaries(
        st.sampled_from(
            sorted(
                {"count", "for_ms", "probability", "seed", "match"}.union(
                    *(kind.params for kind in KINDS.values())
                )
            )
        ),
        st.sampled_from(SOUND_VALUES) | values,
        max_size=5,
    ),
)
control_bodies = st.one_of(
    st.sampled_from(sorted(CONTROLS)).flatmap(
        lambda name: st.tuples(st.just(name), changed(CONTROLS[name]).map(written))
    ),
    st.tuples(st.just("faults"), fault_bodies.map(written)),
    st.tuples(st.sampled_from(sorted(CONTROLS)), values.map(written)),
)
orders = {
    "symbol": "BTCUSDC",
    "side": "BUY",
    "type": "LIMIT",
    "timeInForce": "GTC",
    "quantity": "0.001",
    "price": "61000",
    "newClientOrderId": "a",
    "recvWindow": "5000",
}
lists = {
    "symbol": "BTCUSDC",
    "symbols": '["BTCUSDC"]',
    "limit": "5",
    "orderId": "1",
    "startTime": "1",
    "endTime": "2",
    "fromId": "1",
    "origClientOrderId": "a",
}
params = st.one_of(
    st.dictionaries(
        st.sampled_from(sorted(lists)), st.sampled_from(sorted(lists.values())) | texts
    ),
    changed(orders).map(lambda table: {key: str(value) for key, value in table.items()}),
)


def make_exchange() -> Exchange:
    options = PaperOptions(weight_per_minute_max=FREE, orders_per_10s_max=FREE)
    return Exchange(options, clock=lambda: NOW_MS)


def ask_control(exchange: Exchange, method: str, path: str, body: bytes) -> Reply:
    call = Call(method, f"/paper/{path}", {}, "", None, NOW_MS, NOW_MS)
    reply = control(exchange, call, body)
    assert reply.status in (200, 400)
    assert reply.status == 200 or reply.body["msg"]
    assert len(json.dumps(reply.body)) < 100_000
    return reply


def run_on(exchange: Exchange) -> None:
    """Whatever was done to it, it still ticks, shows itself and can be set right."""
    for tick in (exchange.tick + 1, exchange.tick + 2):
        for name in exchange.advance(tick):
            exchange.requote(name)
    exchange.unveil_due()
    for path in ("faults", "state"):
        assert ask_control(exchange, "GET", path, b"").status == 200
    for path in ("ticker/24hr", "exchangeInfo", "depth"):
        symbol = {"symbol": "BTCUSDC"}
        call = Call("GET", f"/api/v3/{path}", symbol, "", None, NOW_MS, NOW_MS)
        reply = answer(exchange, call)
        assert reply.status == 200 or exchange.faults.describe(NOW_MS)["fired"]
        assert json.dumps(reply.body)


@given(st.lists(control_bodies, max_size=6))
@settings(max_examples=50)
def test_control_bodies_of_any_shape_are_done_or_refused(asked: list[tuple[str, str]]) -> None:
    exchange = make_exchange()
    for path, body in asked:
        ask_control(exchange, "POST", path, body.encode(errors="surrogatepass"))
    run_on(exchange)


@given(st.sampled_from(["quote", "faults"]), changed({"symbol": "BTCUSDC", "id": "1"}))
def test_what_is_to_be_cleared_is_named_or_refused(path: str, body: dict[str, Any]) -> None:
    ask_control(make_exchange(), "DELETE", path, written(body).encode(errors="surrogatepass"))


@pytest.mark.parametrize("text", [t for t in NOT_JSON if t], ids=range(len(NOT_JSON) - 1))
def test_a_control_body_that_is_no_json_is_refused(text: str) -> None:
    exchange = make_exchange()
    for path in CONTROLS:
        assert ask_control(exchange, "POST", path, text.encode()).status == 400


def test_prices_cannot_be_moved_out_of_all_bounds() -> None:
    exchange = make_exchange()
    body = b'{"symbol": "BTCUSDC", "bps": "%d"}'
    for bps in (100_000, -9_900):
        said = {ask_control(exchange, "POST", "price", body % bps).status for _ in range(300)}
        assert said == {200, 400}
        run_on(exchange)


@pytest.mark.parametrize("status", [500.0, "500", True, None])
def test_a_status_that_is_no_whole_number_is_refused(status: Any) -> None:
    body = json.dumps({"kind": "status_before", "status": status}).encode()
    assert ask_control(make_exchange(), "POST", "faults", body).status == 400


@given(st.sampled_from(sorted(ROUTES)), params, st.text(max_size=5), st.booleans())
@settings(max_examples=100)
def test_requests_with_any_parameter_are_answered_or_refused(
    route: tuple[str, str], given: dict[str, str], signature: str, is_signed: bool
) -> None:
    exchange = make_exchange()
    query = "&".join(f"{key}={quote(value, errors='replace')}" for key, value in given.items())
    query += f"&timestamp={NOW_MS}"
    secret = exchange.options.api_secret
    told = {"signature": sign(query, secret) if is_signed else signature}
    sent = dict(parse_qsl(query, keep_blank_values=True)) | told
    method, path = route
    key = exchange.options.api_key
    call = Call(method, f"/api/v3/{path}", sent, query, key, NOW_MS, NOW_MS)
    reply = answer(exchange, call)
    assert reply.status == 200 or reply.body["msg"]
    assert json.dumps(reply.body)


@pytest.mark.parametrize("name", ["limit", "symbols"])
@pytest.mark.parametrize("text", ["9" * 5_000, "[" * 8_000, "[[]]", "[{}]", "１２", "[null]"])
def test_an_endless_or_nested_parameter_is_refused(name: str, text: str) -> None:
    exchange = make_exchange()
    for path in ("depth", "ticker/price"):
        given = {"symbol": "BTCUSDC", "limit": text} if name == "limit" else {"symbols": text}
        call = Call("GET", f"/api/v3/{path}", given, "", None, NOW_MS, NOW_MS)
        assert answer(exchange, call).status in ((400,) if name == "symbols" else (200, 400))


@pytest.mark.parametrize("text", ["é", "\udc80"])
def test_a_key_or_signature_in_other_letters_is_refused(text: str) -> None:
    exchange = make_exchange()
    stamp = {"timestamp": str(NOW_MS)}
    for key, signature in ((text, "a"), (exchange.options.api_key, text)):
        given = stamp | {"signature": signature, "x": text}
        call = Call("GET", "/api/v3/account", given, f"x={text}", key, NOW_MS, NOW_MS)
        assert answer(exchange, call).status in (400, 401)


@given(
    st.builds(
        lambda method, given, more: {"id": 1, "method": method, "params": given} | more,
        st.sampled_from([*sorted(SHORT_BY_METHOD), "SUBSCRIBE", "LIST_SUBSCRIPTIONS"]) | values,
        params | values,
        st.dictionaries(st.sampled_from(["id", "method", "params"]), values, max_size=1),
    )
)
@settings(max_examples=100)
def test_a_socket_answers_any_message(message: dict[str, Any]) -> None:
    told = respond_to_text(make_exchange(), Listener(combined=False), written(message), "/ws")
    assert json.dumps(told)


@pytest.mark.parametrize("text", NOT_JSON, ids=range(len(NOT_JSON)))
def test_a_socket_answers_text_that_is_no_json(text: str) -> None:
    told = respond_to_text(make_exchange(), Listener(combined=False), text, "/ws")
    assert "error" in told
