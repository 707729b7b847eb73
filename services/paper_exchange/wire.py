"""How things look in the venue's JSON.

Belongs here: one function per shape, numbers always as text with eight decimals or more.
Does not belong here: choosing which order or trade to show.
"""

from decimal import Decimal
from typing import Any

from services.paper_exchange.accounts import Ledger
from services.paper_exchange.book import Book
from services.paper_exchange.orders import Fill, Order, OrderType
from services.paper_exchange.tape import Tape

DECIMALS_MIN = 8
SELF_TRADE = "EXPIRE_TAKER"
DAY_MS = 86_400_000


def number(value: Decimal) -> str:
    """Every digit of `value`, padded to the venue's eight decimals."""
    whole, _, fraction = f"{value:f}".partition(".")
    return f"{whole}.{fraction.rstrip('0').ljust(DECIMALS_MIN, '0')}"


def _core(order: Order) -> dict[str, Any]:
    asked = order.asked
    # A quote order has no amount of its own: the venue shows what it came to.
    amount = asked.amount_base if asked.amount_base > 0 else order.executed_base
    return {
        "price": number(asked.price),
        "origQty": number(amount),
        "executedQty": number(order.executed_base),
        "origQuoteOrderQty": number(asked.amount_quote),
        "cummulativeQuoteQty": number(order.executed_quote),
        "status": order.status.value,
        "timeInForce": asked.tif.value,
        "type": asked.type.value,
        "side": asked.side.value,
    }


def _named(order: Order) -> dict[str, Any]:
    return {
        "symbol": order.market.name,
        "orderId": order.order_id,
        "orderListId": -1,
        "clientOrderId": order.asked.client_order_id,
    }


def placed(order: Order, shape: str | None) -> dict[str, Any]:
    """The answer to a new order: ACK, RESULT or FULL (the venue's default depends on the type)."""
    default = "ACK" if order.asked.type is OrderType.LIMIT_MAKER else "FULL"
    shape = shape or default
    answer: dict[str, Any] = {**_named(order), "transactTime": order.created_at_ms}
    if shape == "ACK":
        return answer
    answer |= {
        **_core(order),
        "workingTime": order.created_at_ms,
        "selfTradePreventionMode": SELF_TRADE,
    }
    if shape == "FULL":
        answer["fills"] = [
            {
                "price": number(fill.price),
                "qty": number(fill.amount_base),
                "commission": number(fill.fee_amount),
                "commissionAsset": fill.fee_asset,
                "tradeId": fill.trade_id,
            }
            for fill in order.fills
            if not fill.is_maker
        ]
    return answer


def looked_up(order: Order) -> dict[str, Any]:
    return {
        **_named(order),
        **_core(order),
        "stopPrice": number(Decimal(0)),
        "icebergQty": number(Decimal(0)),
        "time": order.created_at_ms,
        "updateTime": order.updated_at_ms,
        "isWorking": True,
        "workingTime": order.created_at_ms,
        "selfTradePreventionMode": SELF_TRADE,
    }


def cancelled(order: Order, cancel_id: str) -> dict[str, Any]:
    return {
        **_named(order),
        "origClientOrderId": order.asked.client_order_id,
        "clientOrderId": cancel_id,
        "transactTime": order.updated_at_ms,
        **_core(order),
        "selfTradePreventionMode": SELF_TRADE,
    }


def trade(fill: Fill) -> dict[str, Any]:
    return {
        "symbol": fill.market.name,
        "id": fill.trade_id,
        "orderId": fill.order_id,
        "orderListId": -1,
        "price": number(fill.price),
        "qty": number(fill.amount_base),
        "quoteQty": number(fill.amount_quote),
        "commission": number(fill.fee_amount),
        "commissionAsset": fill.fee_asset,
        "time": fill.at_ms,
        "isBuyer": fill.is_buyer,
        "isMaker": fill.is_maker,
        "isBestMatch": True,
    }


def balance(ledger: Ledger, owner: str, asset: str) -> dict[str, str]:
    return {
        "asset": asset,
        "free": number(ledger.free(owner, asset)),
        "locked": number(ledger.locked(owner, asset)),
    }


def levels(pairs: list[tuple[Decimal, Decimal]]) -> list[list[str]]:
    return [[number(price), number(amount)] for price, amount in pairs]


def best(symbol: str, book: Book) -> dict[str, str]:
    """The best bid and ask; an empty side shows zeros, as the venue does."""
    zero = Decimal(0)
    bid_price, bid_amount = next(iter(book.bids.levels(1)), (zero, zero))
    ask_price, ask_amount = next(iter(book.asks.levels(1)), (zero, zero))
    return {
        "symbol": symbol,
        "bidPrice": number(bid_price),
        "bidQty": number(bid_amount),
        "askPrice": number(ask_price),
        "askQty": number(ask_amount),
    }


def day(symbol: str, book: Book, tape: Tape, now_ms: int) -> dict[str, Any]:
    """The 24-hour ticker."""
    change = tape.last - tape.open
    return {
        **best(symbol, book),
        "priceChange": number(change),
        "priceChangePercent": _percent(change, tape.open),
        "weightedAvgPrice": number(tape.last),
        "prevClosePrice": number(tape.open),
        "lastPrice": number(tape.last),
        "lastQty": number(Decimal(0)),
        "openPrice": number(tape.open),
        "highPrice": number(tape.high),
        "lowPrice": number(tape.low),
        "volume": number(tape.volume_base),
        "quoteVolume": number(tape.volume_quote),
        "openTime": now_ms - DAY_MS,
        "closeTime": now_ms,
        "firstId": -1,
        "lastId": -1,
        "count": tape.count,
    }


def _percent(change: Decimal, opened: Decimal) -> str:
    if opened == 0:
        return "0.000"
    return (
        f"{float(change) * 100 / float(opened):.3f}"  # Shown to people; nothing computes with it.
    )
