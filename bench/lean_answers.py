"""What the lean venue says: an order filled whole at its limit, and its one trade."""

import json
import time
from collections.abc import Mapping
from decimal import Decimal

FEE_ASSET, FEE = "BNB", "0"
MODEL, QUOTE = "BTCUSDC", "USDC"
MARKETS_MAX = 2_000
"""A symbol of a portfolio holds one order at a time; so many may wait at once."""


def base_name(number: int) -> str:
    """The base of one of the many markets."""
    return f"X{number:05}"


def many_markets(answer: bytes) -> bytes:
    """The paper exchange's exchangeInfo with one market copied under many names."""
    told = json.loads(answer)
    model = next(row for row in told["symbols"] if row["symbol"] == MODEL)
    told["symbols"] += [
        model | {"symbol": f"{base}{QUOTE}", "baseAsset": base}
        for base in map(base_name, range(MARKETS_MAX))
    ]
    return json.dumps(told).encode()


def time_answer() -> bytes:
    """The answer to GET /api/v3/time."""
    return json.dumps({"serverTime": time.time_ns() // 1_000_000}).encode()


def order_answer(number: int, asked: Mapping[str, str]) -> bytes:
    """The answer to POST /api/v3/order with newOrderRespType FULL."""
    amount, price = asked["quantity"], asked["price"]
    return json.dumps(
        {
            "symbol": asked["symbol"],
            "orderId": number,
            "orderListId": -1,
            "clientOrderId": asked["newClientOrderId"],
            "transactTime": int(asked["timestamp"]),
            "price": price,
            "origQty": amount,
            "executedQty": amount,
            "cummulativeQuoteQty": format(Decimal(amount) * Decimal(price), "f"),
            "status": "FILLED",
            "timeInForce": asked.get("timeInForce", "GTC"),
            "type": asked["type"],
            "side": asked["side"],
            "fills": [
                {
                    "price": price,
                    "qty": amount,
                    "commission": FEE,
                    "commissionAsset": FEE_ASSET,
                    "tradeId": number,
                }
            ],
        }
    ).encode()


def trades_answer(number: int, asked: Mapping[str, str] | None) -> bytes:
    """The answer to GET /api/v3/myTrades for one order."""
    if asked is None:
        return b"[]"
    amount, price = asked["quantity"], asked["price"]
    return json.dumps(
        [
            {
                "symbol": asked["symbol"],
                "id": number,
                "orderId": number,
                "orderListId": -1,
                "price": price,
                "qty": amount,
                "quoteQty": format(Decimal(amount) * Decimal(price), "f"),
                "commission": FEE,
                "commissionAsset": FEE_ASSET,
                "time": int(asked.get("timestamp", time.time_ns() // 1_000_000)),
                "isBuyer": asked["side"] == "BUY",
                "isMaker": False,
                "isBestMatch": True,
            }
        ]
    ).encode()
