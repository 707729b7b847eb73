"""Market rules: what one market trades and which orders it takes.

Belongs here: rules read from the venue's own JSON, built in or recorded.
Does not belong here: judging an order by them (`filters`).
"""

import gzip
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer.money import to_decimal
from services.paper_exchange.json_text import read_json
from services.paper_exchange.market_table import built_in_symbols
from services.paper_exchange.options import PaperRefused

UNBOUNDED = Decimal(10) ** 15
AMOUNT_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Market:
    """The rules of one market, and the JSON they came from.

    A maximum the venue leaves out is `UNBOUNDED`; a minimum it leaves out is 0.
    """

    name: str
    base: str
    quote: str
    trading: bool
    price_step: Decimal
    price_min: Decimal
    price_max: Decimal
    amount_step: Decimal
    amount_min: Decimal
    amount_max: Decimal
    market_amount_min: Decimal
    market_amount_max: Decimal
    notional_min: Decimal
    notional_max: Decimal
    notional_name: str
    notional_on_market: bool
    percent_name: str
    bid_times_max: Decimal
    bid_times_min: Decimal
    ask_times_max: Decimal
    ask_times_min: Decimal
    orders_max: int
    raw: Mapping[str, Any]


def built_in_markets() -> dict[str, Market]:
    return {raw["symbol"]: read_market_rules(raw) for raw in built_in_symbols()}


def recorded_markets(path: Path) -> dict[str, Market]:
    """Markets of a recorded `exchangeInfo`, plain JSON or gzip.

    Raises:
        PaperRefused: The file is missing, unreadable or not an exchangeInfo.
    """
    cure = "give --exchange-info a saved answer of /api/v3/exchangeInfo (.json or .json.gz)"
    try:
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        raw_markets = read_json(content)["symbols"]
        markets = {raw["symbol"]: read_market_rules(raw) for raw in raw_markets}
    except FileNotFoundError:
        raise PaperRefused(f"{path}: expected a file, found none; {cure}") from None
    except (
        OSError,
        zlib.error,
        EOFError,
        LookupError,
        ValueError,
        TypeError,
        ArithmeticError,
    ) as error:
        reason = f"{type(error).__name__}: {error}"
        raise PaperRefused(
            f"{path}: expected exchangeInfo JSON, was not ({reason:.300}); {cure}"
        ) from None
    if not markets:
        raise PaperRefused(f"{path}: expected at least one symbol, found none; {cure}")
    return markets


def keep_priced(markets: Mapping[str, Market], priced: Iterable[str]) -> dict[str, Market]:
    """The markets somebody quotes a price for: any other would be an empty book."""
    return {name: markets[name] for name in priced if name in markets}


def read_market_rules(raw: Mapping[str, Any]) -> Market:
    """One symbol of an `exchangeInfo`."""
    filters = {item["filterType"]: item for item in raw["filters"]}
    price = filters["PRICE_FILTER"]
    lot = filters["LOT_SIZE"]
    market_lot = filters.get("MARKET_LOT_SIZE", {})
    notional_name = "NOTIONAL" if "NOTIONAL" in filters else "MIN_NOTIONAL"
    notional = filters.get(notional_name, {})
    percent_name, percent = _percent_filter(filters)
    return Market(
        name=_name(raw, "symbol"),
        base=_name(raw, "baseAsset"),
        quote=_name(raw, "quoteAsset"),
        trading=raw.get("status") == "TRADING" and raw.get("isSpotTradingAllowed", True) is True,
        price_step=_step(price, "tickSize"),
        price_min=to_decimal(price["minPrice"]),
        price_max=_maximum(price, "maxPrice"),
        amount_step=_step(lot, "stepSize"),
        amount_min=to_decimal(lot["minQty"]),
        amount_max=_maximum(lot, "maxQty"),
        market_amount_min=to_decimal(market_lot.get("minQty", "0")),
        market_amount_max=_maximum(market_lot, "maxQty"),
        notional_min=to_decimal(notional.get("minNotional", "0")),
        notional_max=_maximum(notional, "maxNotional"),
        notional_name=notional_name,
        notional_on_market=bool(notional.get("applyToMarket", notional.get("applyMinToMarket"))),
        percent_name=percent_name,
        bid_times_max=_maximum(percent, "bidMultiplierUp"),
        bid_times_min=to_decimal(percent.get("bidMultiplierDown", "0")),
        ask_times_max=_maximum(percent, "askMultiplierUp"),
        ask_times_min=to_decimal(percent.get("askMultiplierDown", "0")),
        orders_max=int(filters.get("MAX_NUM_ORDERS", {}).get("maxNumOrders", 200)),
        raw=raw,
    )


def _name(raw: Mapping[str, Any], key: str) -> str:
    name = raw[key]
    if not isinstance(name, str) or not name:
        raise ValueError(f"{key}: expected a name, was {name!r:.80}")
    return name


def _percent_filter(filters: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """The price collar by side; the venue's older rule has one pair for both sides."""
    if "PERCENT_PRICE_BY_SIDE" in filters:
        return "PERCENT_PRICE_BY_SIDE", filters["PERCENT_PRICE_BY_SIDE"]
    old = filters.get("PERCENT_PRICE", {})
    pairs = {
        f"{side}Multiplier{way}": old[f"multiplier{way}"]
        for side in ("bid", "ask")
        for way in ("Up", "Down")
        if old
    }
    return "PERCENT_PRICE", pairs


def _step(item: Mapping[str, str], name: str) -> Decimal:
    """A step; the venue writes 0 where only the eight decimals of an amount bind."""
    step = to_decimal(item[name])
    return step if step > 0 else Decimal(1).scaleb(-AMOUNT_DECIMALS)


def _maximum(item: Mapping[str, str], name: str) -> Decimal:
    """A maximum; absent or 0 means none."""
    value = to_decimal(item.get(name, "0"))
    return value if value > 0 else UNBOUNDED
