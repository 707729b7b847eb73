"""The markets that exist without any file: real filters, plausible prices and depth.

Belongs here: one row per base asset, and how a row becomes the venue's own JSON.
Does not belong here: reading that JSON back (`markets`).

Source: Binance `exchangeInfo` of 2023-04-14 (steps, minima, order caps); prices of 2025.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

QUOTES = ("USDC", "USDT")


@dataclass(frozen=True, slots=True)
class BaseRow:
    """One base asset: its filters in both quotes, and its synthetic market."""

    base: str
    price_usd: str
    price_step: str
    price_max: str
    amount_step: str
    amount_max: str
    notional_min: str
    half_spread_bps: str
    level_usd: int  # Money behind the best price; deeper levels hold more.


ROWS = (
    BaseRow("BTC", "61250", "0.01", "1000000", "0.00001", "9000", "10", "0.4", 30_000),
    BaseRow("ETH", "3120", "0.01", "1000000", "0.0001", "9000", "10", "0.6", 20_000),
    BaseRow("SOL", "148", "0.01", "10000", "0.01", "90000", "5", "1.0", 9_000),
    BaseRow("BNB", "585", "0.1", "100000", "0.001", "900000", "10", "1.2", 9_000),
    BaseRow("XRP", "0.58", "0.0001", "10000", "1", "9222449", "5", "1.2", 8_000),
    BaseRow("ADA", "0.445", "0.0001", "1000", "0.1", "900000", "5", "1.5", 5_000),
    BaseRow("DOGE", "0.1232", "0.00001", "1000", "1", "9000000", "5", "1.5", 5_000),
    BaseRow("AVAX", "28.4", "0.01", "10000", "0.01", "90000", "5", "2.0", 4_000),
    BaseRow("LINK", "14.2", "0.001", "10000", "0.01", "90000", "5", "2.0", 4_000),
    BaseRow("DOT", "6.15", "0.001", "10000", "0.01", "90000", "5", "2.5", 3_000),
    BaseRow("LTC", "81", "0.01", "100000", "0.001", "90000", "5", "2.0", 4_000),
)
STABLE = BaseRow("USDC", "1.0001", "0.0001", "1000", "1", "10000000", "10", "0.5", 200_000)
BY_BASE: Mapping[str, BaseRow] = {row.base: row for row in (*ROWS, STABLE)}


def built_in_symbols() -> list[dict[str, Any]]:
    """The venue's own JSON of every built-in market."""
    pairs = [(row, quote) for row in ROWS for quote in QUOTES]
    return [_describe(row, quote) for row, quote in [*pairs, (STABLE, "USDT")]]


def _describe(row: BaseRow, quote: str) -> dict[str, Any]:
    return {
        "symbol": row.base + quote,
        "status": "TRADING",
        "baseAsset": row.base,
        "baseAssetPrecision": 8,
        "quoteAsset": quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": False,
        "ocoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": False,
        "cancelReplaceAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(row),
        "permissions": ["SPOT"],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_TAKER",
        "allowedSelfTradePreventionModes": ["EXPIRE_TAKER"],
    }


def _filters(row: BaseRow) -> list[dict[str, Any]]:
    return [
        {
            "filterType": "PRICE_FILTER",
            "minPrice": _eight(row.price_step),
            "maxPrice": _eight(row.price_max),
            "tickSize": _eight(row.price_step),
        },
        {
            "filterType": "LOT_SIZE",
            "minQty": _eight(row.amount_step),
            "maxQty": _eight(row.amount_max),
            "stepSize": _eight(row.amount_step),
        },
        {
            "filterType": "MARKET_LOT_SIZE",
            "minQty": _eight("0"),
            "maxQty": _eight(row.amount_max),
            "stepSize": _eight("0"),
        },
        {
            "filterType": "NOTIONAL",
            "minNotional": _eight(row.notional_min),
            "applyMinToMarket": True,
            "maxNotional": "9000000.00000000",
            "applyMaxToMarket": False,
            "avgPriceMins": 5,
        },
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "5",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.2",
            "avgPriceMins": 5,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
    ]


def _eight(number: str) -> str:
    """A number in the venue's manner: always eight decimals."""
    whole, _, fraction = number.partition(".")
    return f"{whole}.{fraction.ljust(8, '0')}"
