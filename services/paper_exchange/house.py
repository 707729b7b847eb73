"""The house: the synthetic liquidity that stands around the price.

Belongs here: how deep and how wide the house quotes, and moving its quotes with the price.
Does not belong here: where the price comes from (`prices`, `replay`).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from rebalancer.money import ceil_to_step, divide_down, floor_to_step
from services.paper_exchange.accounts import HOUSE
from services.paper_exchange.engine import Engine
from services.paper_exchange.market_table import BY_BASE
from services.paper_exchange.markets import Market
from services.paper_exchange.orders import NewOrder, OrderType, Side, TimeInForce

LEVELS = 12
CASH_QUOTE = Decimal(10) ** 9
STOCK_QUOTE = 2 * 10**8
"""Worth of each base asset the house starts with, at the first price."""

SPREAD_BPS = Decimal(2)
LEVEL_QUOTE = Decimal(4_000)
GAP_BPS = Decimal(1)
LEVEL_GROWTH = Decimal("0.5")
BPS_WHOLE = Decimal(10_000)


def stock(markets: Mapping[str, Market], mids: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What the house owns at the start: enough for every test, and finite."""
    owned: dict[str, Decimal] = {}
    for name, market in markets.items():
        owned[market.quote] = CASH_QUOTE
        whole = floor_to_step(divide_down(Decimal(STOCK_QUOTE), mids[name]), Decimal(1))
        owned.setdefault(market.base, max(whole, Decimal(1)))
    return owned


def requote(engine: Engine, market: Market, mid: Decimal, now_ms: int) -> None:
    """Move the house's quotes to `mid`; users' resting orders that it crosses are filled."""
    engine.withdraw_house(market.name)
    engine.tapes[market.name].quote(_on_step(mid, market))
    for side in Side:
        asset = market.quote if side is Side.BUY else market.base
        for price, amount_base in _levels(market, mid, side):
            cost = amount_base * price if side is Side.BUY else amount_base
            if engine.ledger.free(HOUSE, asset) < cost:
                break
            engine.post_house(
                NewOrder(
                    owner=HOUSE,
                    market=market,
                    side=side,
                    type=OrderType.LIMIT,
                    tif=TimeInForce.GTC,
                    client_order_id="",
                    price=price,
                    amount_base=amount_base,
                ),
                now_ms,
            )


def _levels(market: Market, mid: Decimal, side: Side) -> Iterator[tuple[Decimal, Decimal]]:
    """(price, amount) from the best level outward: each a gap further and somewhat larger."""
    row = BY_BASE.get(market.base)
    half_bps = Decimal(row.half_spread_bps) if row else SPREAD_BPS
    level_quote = Decimal(row.level_usd) if row else LEVEL_QUOTE
    step = market.price_step
    before: Decimal | None = None
    for index in range(LEVELS):
        away = mid * (half_bps + index * GAP_BPS) / BPS_WHOLE
        if side is Side.BUY:
            price = floor_to_step(mid - away, step)
            price = price if before is None else min(price, before - step)
        else:
            price = ceil_to_step(mid + away, step)
            price = price if before is None else max(price, before + step)
        if price <= 0:
            return
        before = price
        worth = level_quote * (1 + index * LEVEL_GROWTH)
        amount_base = floor_to_step(divide_down(worth, price), market.amount_step)
        if amount_base > 0:
            yield price, amount_base


def _on_step(mid: Decimal, market: Market) -> Decimal:
    return max(floor_to_step(mid, market.price_step), market.price_step)
