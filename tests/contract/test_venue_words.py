"""How each exchange is told to post and to cancel, and how its pages of trades are read whole."""

import json
from typing import Any

import pytest

from rebalancer.queue import SendPermit
from rebalancer.settlement import RefusalKind, Refused
from resources.ccxt_orders import cancel, submit
from tests.contract.exchanges import exchange_scene
from tests.contract.raw_server import Reply, Request
from tests.factories import NOW_MS, make_order, make_symbol

ORDER = make_order(style="post")
ID = ORDER.client_order_id
PERMIT = SendPermit(ORDER, valid_until_ms=NOW_MS + 60_000)
BTC = make_symbol()


def fields_of(request: Request) -> dict[str, Any]:
    """What a request says, in a form or in JSON; of a list its first."""
    if not request.body.startswith(("{", "[")):
        return dict(request.params)
    told = json.loads(request.body)
    fields: dict[str, Any] = told[0] if isinstance(told, list) else told
    return fields


ORDERS: dict[str, tuple[tuple[str, str], dict[str, Any]]] = {
    "okx": (
        ("POST", "/api/v5/trade/batch-orders"),
        {"ordType": "post_only", "px": "50000", "sz": "1", "clOrdId": ID},
    ),
    "kraken": (
        ("POST", "/0/private/AddOrder"),
        {"oflags": "post", "ordertype": "limit", "price": "50000", "cl_ord_id": ID},
    ),
    "bybit": (
        ("POST", "/v5/order/create"),
        {"timeInForce": "PostOnly", "orderType": "Limit", "price": "50000", "orderLinkId": ID},
    ),
    "gate": (
        ("POST", "/api/v4/spot/orders"),
        {"time_in_force": "poc", "type": "limit", "price": "50000", "text": f"t-{ID[:26]}"},
    ),
    "coinbase": (
        ("POST", "/api/v3/brokerage/orders"),
        {
            "client_order_id": ID,
            "order_configuration": {
                "limit_limit_gtc": {"base_size": "1", "limit_price": "50000", "post_only": True}
            },
        },
    ),
}


@pytest.mark.parametrize("exchange", ORDERS)
async def test_every_exchange_is_told_to_post_in_its_own_words(exchange: str) -> None:
    route, expected = ORDERS[exchange]
    async with exchange_scene(exchange, {route: [Reply("", 503)]}) as (session, server):
        await submit(session, PERMIT)
    assert [(r.method, r.path) for r in server.requests] == [route]
    sent = fields_of(server.requests[0])
    assert {name: sent.get(name) for name in expected} == expected
    assert not {"timeinforce", "postOnly"} & sent.keys()


CANCELS: dict[str, tuple[tuple[str, str], dict[str, Any], dict[str, Any]]] = {
    "okx": (("POST", "/api/v5/trade/cancel-order"), {"ordId": "v1"}, {"clOrdId": ID}),
    "kraken": (("POST", "/0/private/CancelOrder"), {"txid": "v1"}, {"cl_ord_id": ID}),
    "bybit": (("POST", "/v5/order/cancel"), {"orderId": "v1"}, {"orderLinkId": ID}),
}


@pytest.mark.parametrize("exchange", CANCELS)
@pytest.mark.parametrize("by_our_id", [True, False])
async def test_every_exchange_is_told_which_order_to_end(exchange: str, by_our_id: bool) -> None:
    route, by_theirs, by_ours = CANCELS[exchange]
    async with exchange_scene(exchange, {route: [Reply("", 503)]}) as (session, server):
        await cancel(session, ORDER, None if by_our_id else "v1")
    (request,) = server.requests
    assert (request.method, request.path) == route
    sent = fields_of(request)
    told, left_out = (by_ours, by_theirs) if by_our_id else (by_theirs, by_ours)
    assert sent.items() >= told.items()
    assert not left_out.keys() & sent.keys()


@pytest.mark.parametrize(("venue_order_id", "name"), [("v1", "v1"), (None, f"t-{ID[:26]}")])
async def test_gate_takes_our_id_in_place_of_its_own(venue_order_id: str | None, name: str) -> None:
    async with exchange_scene("gate", {}) as (session, server):
        await cancel(session, ORDER, venue_order_id)
    assert [(r.method, r.path) for r in server.requests] == [
        ("DELETE", f"/api/v4/spot/orders/{name}")
    ]


async def test_where_an_order_can_only_be_ended_by_the_venues_id_nothing_is_sent_without_it() -> (
    None
):
    route = ("POST", "/api/v3/brokerage/orders/batch_cancel")
    async with exchange_scene("coinbase", {route: [Reply("{}")]}) as (session, server):
        await cancel(session, ORDER, None)
        assert not server.requests
        await cancel(session, ORDER, "v1")
    assert json.loads(server.asked(*route)[0].body) == {"order_ids": ["v1"]}


async def test_kraken_says_in_words_that_an_order_would_take() -> None:
    body = Reply('{"error": ["EOrder:Post only order"]}')
    routes = {("POST", "/0/private/AddOrder"): [body]}
    async with exchange_scene("kraken", routes) as (session, server):
        answer = await submit(session, PERMIT)
    assert isinstance(answer, Refused)
    assert answer.kind is RefusalKind.WOULD_TAKE
    assert len(server.requests) == 1
