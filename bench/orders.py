"""Orders to measure with: one a market, of a size that every answer fills whole."""

from collections.abc import Sequence
from decimal import Decimal

from bench.lean_answers import MARKETS_MAX, QUOTE, base_name
from bench.place import PORTFOLIO, VENUE
from rebalancer.money import Asset, Symbol, to_decimal
from rebalancer.orders import CycleId, Order, name_order
from rebalancer.precision import Side

PRICE, AMOUNT = to_decimal("50000"), to_decimal("0.001")
TTL_MS = 3_600_000
URGENT, PATIENT = to_decimal("0.9"), to_decimal("0.1")


def make_order(
    cycle: str,
    number: int,
    now_ms: int,
    *,
    side: Side = "buy",
    urgency: Decimal = URGENT,
    base: str | None = None,
) -> Order:
    """One order of a cycle, in the market of its number unless told otherwise."""
    cycle_id = CycleId(cycle)
    symbol = Symbol(Asset(base or base_name(number)), Asset(QUOTE))
    return Order(
        client_order_id=name_order(cycle_id, PORTFOLIO, symbol, side, slice_index=0, attempt=0),
        cycle_id=cycle_id,
        portfolio=PORTFOLIO,
        venue=VENUE,
        symbol=symbol,
        side=side,
        amount_base=AMOUNT,
        limit_price_quote=PRICE,
        arrival_mid_quote=PRICE,
        drift_bps=to_decimal("500"),
        urgency=urgency,
        rules_version="bench",
        planned_at_ms=now_ms,
        expires_at_ms=now_ms + TTL_MS,
        slice_index=0,
        attempt=0,
        style="take",
        worst_price_quote=PRICE,
        leg_rest_base=to_decimal("0"),
        least_base=AMOUNT,
    )


def make_orders(cycle: str, count: int, now_ms: int) -> Sequence[Order]:
    """So many orders, each in a market of its own until all markets have one."""
    return [
        make_order(f"{cycle}/{number // MARKETS_MAX}", number % MARKETS_MAX, now_ms)
        for number in range(count)
    ]
