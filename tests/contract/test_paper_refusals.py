"""Every no of the paper exchange reaches ccxt as the class the real venue's no does."""

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import ccxt
import pytest

from services.paper_exchange.auth import sign
from tests.plugins.paper import (
    API_KEY,
    API_SECRET,
    PaperFactory,
    PaperProcess,
    client_options,
    point_at,
    running_papers,
)


def make_client(paper: PaperProcess, **options: Any) -> Any:
    client = ccxt.binance(client_options(**options))
    client.urls["api"] = point_at(client.urls["api"], paper.url)
    return client


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    """One for all tests of this file that are refused and so change nothing."""
    with running_papers(tmp_path_factory.mktemp("paper")) as make:
        yield make("--tick-ms", "0")


@pytest.fixture
def client(paper: PaperProcess) -> Iterator[Any]:
    made = make_client(paper)
    yield made
    made.session.close()


def send(paper: PaperProcess, method: str, path: str, **params: Any) -> dict[str, Any]:
    """A signed request as a stranger to ccxt would write it; answers status, headers and body."""
    query = urlencode({"timestamp": int(time.time() * 1000), **params})
    url = f"{paper.url}/api/v3/{path}?{query}&signature={sign(query, API_SECRET)}"
    request = Request(url, method=method, headers={"X-MBX-APIKEY": API_KEY})
    try:
        with urlopen(request, timeout=10) as answer:
            return {"status": 200, "headers": answer.headers, "body": json.loads(answer.read())}
    except HTTPError as error:
        with error:
            body = json.loads(error.read())
        return {"status": error.code, "headers": error.headers, "body": body}


LIMIT_BUY = {"symbol": "BTCUSDC", "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
MARKET_BUY = {"symbol": "BTCUSDC", "side": "BUY", "type": "MARKET"}

REFUSED: list[tuple[dict[str, Any], int, str, type[Exception]]] = [
    (
        LIMIT_BUY | {"quantity": "0.1", "price": "60000.001"},
        -1013,
        "PRICE_FILTER",
        ccxt.InvalidOrder,
    ),
    (LIMIT_BUY | {"quantity": "0.1", "price": "9999999"}, -1013, "PRICE_FILTER", ccxt.InvalidOrder),
    (LIMIT_BUY | {"quantity": "0.1", "price": "0"}, -1013, "Invalid price", ccxt.BadRequest),
    (LIMIT_BUY | {"quantity": "0.100001", "price": "60000"}, -1013, "LOT_SIZE", ccxt.InvalidOrder),
    (LIMIT_BUY | {"quantity": "9001", "price": "60000"}, -1013, "LOT_SIZE", ccxt.InvalidOrder),
    (LIMIT_BUY | {"quantity": "0", "price": "60000"}, -1013, "Invalid quantity", ccxt.BadRequest),
    (LIMIT_BUY | {"quantity": "0.0001", "price": "60000"}, -1013, "NOTIONAL", ccxt.BadRequest),
    (LIMIT_BUY | {"quantity": "0.1", "price": "999"}, -1013, "PERCENT_PRICE", ccxt.InvalidOrder),
    (MARKET_BUY | {"quantity": "0.0001"}, -1013, "NOTIONAL", ccxt.BadRequest),
    (MARKET_BUY | {"quoteOrderQty": "9.99"}, -1013, "NOTIONAL", ccxt.BadRequest),
    (MARKET_BUY | {"quoteOrderQty": "900000000"}, -1013, "MARKET_LOT_SIZE", ccxt.InvalidOrder),
    (
        LIMIT_BUY | {"quantity": "0.123456789", "price": "60000"},
        -1111,
        "precision",
        ccxt.BadRequest,
    ),
    (MARKET_BUY | {"quantity": "0.1", "symbol": "NOSUCH"}, -1121, "symbol", ccxt.BadSymbol),
    (LIMIT_BUY | {"quantity": "0.1"}, -1102, "price", ccxt.BadRequest),
    (MARKET_BUY, -1102, "quoteOrderQty", ccxt.BadRequest),
    (MARKET_BUY | {"quantity": "1e-1"}, -1100, "quantity", ccxt.BadRequest),
    (MARKET_BUY | {"quantity": "0.1", "price": "1"}, -1106, "price", ccxt.BadRequest),
    (
        MARKET_BUY | {"quantity": "0.1", "newClientOrderId": "a b"},
        -1100,
        "newClient",
        ccxt.BadRequest,
    ),
    (MARKET_BUY | {"quantity": "0.1", "side": "HOLD"}, -1117, "side", ccxt.BadRequest),
    (MARKET_BUY | {"quantity": "0.1", "type": "OCO"}, -1116, "orderType", ccxt.BadRequest),
    (MARKET_BUY | {"quantity": "5"}, -2010, "insufficient", ccxt.InsufficientFunds),
    (LIMIT_BUY | {"quantity": "1", "price": "60000"}, -2010, "insuff", ccxt.InsufficientFunds),
]


@pytest.mark.parametrize(
    ("order", "code", "words", "raised"),
    REFUSED,
    ids=[f"{words}{code}-{index}" for index, (_, code, words, _) in enumerate(REFUSED)],
)
def test_an_order_that_breaks_a_rule_is_refused_in_the_venue_s_words(
    paper: PaperProcess,
    client: Any,
    order: dict[str, Any],
    code: int,
    words: str,
    raised: type[Exception],
) -> None:
    before = paper.state()["accounts"]
    answer = send(paper, "POST", "order", **order)
    assert (answer["status"], answer["body"]["code"]) == (400, code)
    assert words in answer["body"]["msg"]
    with pytest.raises(raised):
        client.private_post_order(order)
    assert paper.state()["accounts"] == before


def test_a_maker_order_that_would_take_is_refused(paper: PaperProcess) -> None:
    order = {**LIMIT_BUY, "type": "LIMIT_MAKER", "quantity": "0.01", "price": "70000"}
    answer = send(paper, "POST", "order", **order)
    assert answer["body"] == {"code": -2010, "msg": "Order would immediately match and take."}


def test_more_open_orders_than_the_market_allows_are_refused(make_paper: PaperFactory) -> None:
    paper = make_paper("--tick-ms", "0", "--orders-per-10s-max", "1000")
    order = {**LIMIT_BUY, "quantity": "0.001", "price": "50000"}
    for _ in range(200):
        assert send(paper, "POST", "order", **order)["status"] == 200
    answer = send(paper, "POST", "order", **order)
    assert answer["body"] == {"code": -1013, "msg": "Filter failure: MAX_NUM_ORDERS"}


def test_unknown_orders_are_told_apart_by_what_was_asked(client: Any) -> None:
    client.load_markets()
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        client.fetch_order("404", "BTC/USDC")
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        client.cancel_order("404", "BTC/USDC")
    with pytest.raises(ccxt.BadRequest, match="-1102"):
        client.private_get_order({"symbol": "BTCUSDC"})


def test_a_wrong_key_a_wrong_secret_and_no_key_are_refused(paper: PaperProcess) -> None:
    wrong_key = make_client(paper, apiKey="somebody")
    wrong_secret = make_client(paper, secret="guess")
    with pytest.raises(ccxt.AuthenticationError, match="-2015"):
        wrong_key.private_get_account()
    with pytest.raises(ccxt.AuthenticationError, match="-1022"):
        wrong_secret.private_get_account()
    with pytest.raises(HTTPError, match="401") as refused:
        urlopen(f"{paper.url}/api/v3/account", timeout=10)
    with refused.value as error:
        assert json.loads(error.read())["code"] == -2014
    for client in (wrong_key, wrong_secret):
        client.session.close()


def test_a_clock_that_is_wrong_is_refused(paper: PaperProcess, client: Any) -> None:
    now_ms = int(time.time() * 1000)
    early = send(paper, "GET", "account", timestamp=now_ms + 5_000)
    late = send(paper, "GET", "account", timestamp=now_ms - 6_000)
    wide = send(paper, "GET", "account", timestamp=now_ms - 6_000, recvWindow=60_000)
    too_wide = send(paper, "GET", "account", recvWindow=60_001)
    assert "ahead of the server's time" in early["body"]["msg"]
    assert "outside of the recvWindow" in late["body"]["msg"]
    assert (early["body"]["code"], late["body"]["code"], wide["status"]) == (-1021, -1021, 200)
    assert too_wide["body"]["code"] == -1131
    client.nonce = lambda: now_ms - 60_000
    with pytest.raises(ccxt.InvalidNonce):
        client.private_get_account()


def test_too_much_weight_is_429_and_insisting_is_418(make_paper: PaperFactory) -> None:
    paper = make_paper("--weight-per-minute-max", "200", "--abuse-max", "3", "--ban-ms", "30000")
    client = make_client(paper)
    statuses: list[int] = []
    # A minute may turn while this runs: then another ten are answered before the limit.
    while 418 not in statuses and len(statuses) < 40:
        answer = send(paper, "GET", "account")
        statuses.append(answer["status"])
    assert statuses[:10] == [200] * 10
    assert statuses[-5:] == [429, 429, 429, 429, 418]
    assert answer["body"]["code"] == -1003
    assert 0 < int(answer["headers"]["Retry-After"]) <= 30
    with pytest.raises(ccxt.DDoSProtection):
        client.private_get_account()
    paper.forget_limits()
    assert client.private_get_account()["canTrade"] is True
    client.session.close()


def test_too_many_orders_are_1015_with_429(make_paper: PaperFactory) -> None:
    paper = make_paper("--orders-per-day-max", "3")
    client = make_client(paper)
    order = {**MARKET_BUY, "quantity": "0.001"}
    answers = [send(paper, "POST", "order", **order) for _ in range(4)]
    assert [answer["status"] for answer in answers] == [200, 200, 200, 429]
    assert answers[2]["headers"]["X-MBX-ORDER-COUNT-1D"] == "3"
    assert "X-MBX-ORDER-COUNT-10S" in answers[2]["headers"]
    assert int(answers[2]["headers"]["X-MBX-USED-WEIGHT-1M"]) >= 1
    assert answers[3]["body"]["code"] == -1015
    assert int(answers[3]["headers"]["Retry-After"]) >= 1
    with pytest.raises(ccxt.DDoSProtection):
        client.private_post_order(order)
    client.session.close()


def test_an_unknown_path_is_not_found(paper: PaperProcess) -> None:
    assert send(paper, "GET", "nowhere")["status"] == 404


def test_a_client_id_with_signs_is_signed_as_it_was_sent(paper: PaperProcess) -> None:
    order = {**LIMIT_BUY, "quantity": "0.01", "price": "50000", "newClientOrderId": "a:b/c_d-e.f"}
    placed = send(paper, "POST", "order", **order)
    found = send(paper, "GET", "order", symbol="BTCUSDC", origClientOrderId="a:b/c_d-e.f")
    assert found["body"]["orderId"] == placed["body"]["orderId"]
