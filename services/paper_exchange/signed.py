"""The endpoints of one account: balances, orders, trades.

Belongs here: one function per signed endpoint, called only after the signature was checked.
Does not belong here: what an order does (`engine`).
"""

from itertools import islice
from typing import Any

from services.paper_exchange import wire
from services.paper_exchange.calls import Call, read_market, read_order
from services.paper_exchange.exchange import USER, Exchange
from services.paper_exchange.fault_orders import feigned_until_ms, twist_arrival
from services.paper_exchange.orders import Order
from services.paper_exchange.refusals import (
    Refusal,
    no_such_order,
    unknown_to_cancel,
)

LIST_DEFAULT = 500
LIST_MAX = 1_000
BPS_WHOLE = 10_000
RESPONSE_TYPES = ("ACK", "RESULT", "FULL")


def account(exchange: Exchange, call: Call) -> Any:
    ledger = exchange.ledger
    options = exchange.options
    balances = [wire.balance(ledger, USER, asset) for asset in ledger.assets(USER)]
    if call.params.get("omitZeroBalances") == "true":
        zero = wire.number(ledger.free(USER, ""))
        balances = [b for b in balances if (b["free"], b["locked"]) != (zero, zero)]
    rates = {
        "maker": wire.number(options.maker_fee_bps / BPS_WHOLE),
        "taker": wire.number(options.taker_fee_bps / BPS_WHOLE),
        "buyer": "0.00000000",
        "seller": "0.00000000",
    }
    return {
        "makerCommission": int(options.maker_fee_bps),
        "takerCommission": int(options.taker_fee_bps),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": rates,
        "canTrade": True,
        "canWithdraw": options.key_may_withdraw,
        "canDeposit": False,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": call.now_ms,
        "accountType": "SPOT",
        "balances": balances,
        "permissions": ["SPOT"],
        "uid": 1,
    }


def place_order(exchange: Exchange, call: Call) -> Any:
    exchange.limits.spend_order(call.now_ms)
    shape = _shape(call)
    asked = read_order(call, USER, exchange.markets, exchange.next_client_id())
    order = exchange.engine.place(asked, call.now_ms, twist_arrival(exchange, call, asked))
    return wire.placed(order.shown(), shape)


def check_order(exchange: Exchange, call: Call) -> Any:
    """Judge an order as if it were placed; place nothing."""
    _shape(call)
    exchange.engine.judge(read_order(call, USER, exchange.markets, "test"))
    return {}


def look_up_order(exchange: Exchange, call: Call) -> Any:
    order = _find(exchange, call)
    if order is None:
        raise no_such_order()
    return wire.looked_up(order.shown())


def cancel_order(exchange: Exchange, call: Call) -> Any:
    order = _find(exchange, call)
    if order is None or not order.is_open:
        raise unknown_to_cancel()
    return _cancel(exchange, call, order)


def open_orders(exchange: Exchange, call: Call) -> Any:
    names = (
        [read_market(call, exchange.markets).name] if "symbol" in call.params else exchange.markets
    )
    archive = exchange.engine.archive
    found = [order for name in names for order in archive.seemingly_open_orders(USER, name)]
    shown = sorted(found, key=lambda order: order.order_id)
    return [wire.looked_up(order.shown()) for order in shown]


def cancel_open_orders(exchange: Exchange, call: Call) -> Any:
    market = read_market(call, exchange.markets)
    found = exchange.engine.archive.open_orders(USER, market.name)
    if not found:
        raise unknown_to_cancel()
    return [_cancel(exchange, call, order) for order in found]


def all_orders(exchange: Exchange, call: Call) -> Any:
    """With orderId or startTime: the oldest from there on. Without: the latest."""
    market = read_market(call, exchange.markets)
    first_id, start_ms, end_ms = (call.whole(n) for n in ("orderId", "startTime", "endTime"))
    found = [
        order
        for order in exchange.engine.archive.orders(USER, market.name)
        if (first_id is None or order.order_id >= first_id)
        and (start_ms is None or order.created_at_ms >= start_ms)
        and (end_ms is None or order.created_at_ms <= end_ms)
    ]
    limit = call.limit(LIST_DEFAULT, LIST_MAX)
    is_forward = first_id is not None or start_ms is not None
    return [wire.looked_up(o.shown()) for o in (found[:limit] if is_forward else found[-limit:])]


def my_trades(exchange: Exchange, call: Call) -> Any:
    """With fromId, orderId or startTime: the oldest from there on. Without: the latest."""
    market = read_market(call, exchange.markets)
    order_id, from_id = call.whole("orderId"), call.whole("fromId")
    start_ms, end_ms = call.whole("startTime"), call.whole("endTime")
    found = [
        fill
        for fill in exchange.engine.archive.shown_trades(USER, market.name, order_id)
        if (from_id is None or fill.trade_id >= from_id)
        and (start_ms is None or fill.at_ms >= start_ms)
        and (end_ms is None or fill.at_ms <= end_ms)
    ]
    limit = call.limit(LIST_DEFAULT, LIST_MAX)
    is_forward = any(value is not None for value in (order_id, from_id, start_ms))
    shown = islice(found, limit) if is_forward else found[-limit:]
    return [wire.trade(fill) for fill in shown]


def key_rights(exchange: Exchange, call: Call) -> Any:
    may_withdraw = exchange.options.key_may_withdraw
    return {
        "ipRestrict": exchange.options.key_ip_restricted,
        "createTime": call.now_ms,
        "enableReading": True,
        "enableSpotAndMarginTrading": exchange.options.key_may_trade,
        "enableWithdrawals": may_withdraw,
        "enableInternalTransfer": may_withdraw,
        "permitsUniversalTransfer": may_withdraw,
        "enableMargin": False,
        "enableFutures": False,
        "enableVanillaOptions": False,
        "enablePortfolioMarginTrading": False,
        "enableFixApiTrade": False,
        "enableFixReadOnly": False,
    }


def trade_fees(exchange: Exchange, call: Call) -> Any:
    options = exchange.options
    names = (
        [read_market(call, exchange.markets).name] if "symbol" in call.params else exchange.markets
    )
    return [
        {
            "symbol": name,
            "makerCommission": wire.number(options.maker_fee_bps / BPS_WHOLE),
            "takerCommission": wire.number(options.taker_fee_bps / BPS_WHOLE),
        }
        for name in names
    ]


def _shape(call: Call) -> str | None:
    shape = call.params.get("newOrderRespType")
    if shape is not None and shape not in RESPONSE_TYPES:
        raise Refusal(
            -1100, "Illegal parameter 'newOrderRespType'; legal range is ACK, RESULT, FULL."
        )
    return shape


def _find(exchange: Exchange, call: Call) -> Order | None:
    market = read_market(call, exchange.markets)
    order_id = call.whole("orderId")
    client_order_id = call.params.get("origClientOrderId")
    if order_id is None and not client_order_id:
        raise Refusal(
            -1102, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        )
    return exchange.engine.archive.find(USER, market.name, order_id, client_order_id)


def _cancel(exchange: Exchange, call: Call, order: Order) -> dict[str, Any]:
    engine = exchange.engine
    if order.veil is not None:
        engine.unveil(order)
    until_ms = feigned_until_ms(exchange, call)
    if until_ms is None:
        engine.cancel(order, call.now_ms)
    else:
        engine.feign_cancel(order, call.now_ms, until_ms)
    cancel_id = call.params.get("newClientOrderId") or exchange.next_client_id()
    return wire.cancelled(order.shown(), cancel_id)
