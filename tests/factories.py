"""make_x(): a valid default X, and only the arguments a test cares about."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rebalancer.balances import Balance
from rebalancer.depth import Book, Level
from rebalancer.money import ZERO, Asset, Symbol, to_decimal
from rebalancer.orders import CycleId, Order, PortfolioName, VenueName, name_order
from rebalancer.plan import PlanContext, RebalancePolicy
from rebalancer.ports import OrderQueue
from rebalancer.precision import MarketRule, RawRule, Side
from rebalancer.queue import Tenure
from rebalancer.quotes import Quote, RawTicker
from rebalancer.risk import RiskLimits
from rebalancer.settlement import Fill
from rebalancer.snapshot import Freshness

Levels = Sequence[tuple[str, str]]

CASH = Asset("USDC")
NOW_MS = 1_700_000_000_000
PORTFOLIO = PortfolioName("core")
VENUE = VenueName("paper")
TENURE = Tenure(slot=0, epoch=1)
FRESHNESS = Freshness(
    quote_age_ms_max=60_000, balance_age_ms_max=60_000, rules_age_ms_max=172_800_000
)


def make_symbol(base: str = "BTC") -> Symbol:
    return Symbol(Asset(base), CASH)


def make_rule(base: str = "BTC", **changes: Any) -> MarketRule:
    fields: dict[str, Any] = {
        "symbol": make_symbol(base),
        "amount_base_step": Decimal("0.00001"),
        "amount_base_min": Decimal("0.00001"),
        "amount_base_max": None,
        "price_quote_step": Decimal("0.01"),
        "notional_quote_min": Decimal(5),
        "observed_at_ms": NOW_MS,
    }
    return MarketRule(**(fields | changes))


def make_raw_rule(base: str = "BTC", **changes: Any) -> RawRule:
    fields: dict[str, Any] = {
        "symbol": make_symbol(base),
        "amount_step": "0.00001",
        "amount_min": "0.00001",
        "amount_max": None,
        "price_step": "0.01",
        "notional_min": "5",
        "payload": "{}",
        "observed_at_ms": NOW_MS,
    }
    return RawRule(**(fields | changes))


def make_quote(base: str = "BTC", mid: str = "50000", **changes: Any) -> Quote:
    price = to_decimal(mid)
    fields: dict[str, Any] = {
        "symbol": make_symbol(base),
        "bid_quote": price,
        "ask_quote": price,
        "last_quote": price,
        "observed_at_ms": NOW_MS,
    }
    return Quote(**(fields | changes))


def make_raw_ticker(base: str = "BTC", **changes: Any) -> RawTicker:
    fields: dict[str, Any] = {
        "symbol": make_symbol(base),
        "bid": "50000",
        "ask": "50000",
        "last": "50000",
        "observed_at_ms": NOW_MS,
    }
    return RawTicker(**(fields | changes))


def make_balance(asset: str, free: str, *, locked: str = "0") -> Balance:
    return Balance(Asset(asset), to_decimal(free), to_decimal(locked), NOW_MS)


def make_limits(**changes: Any) -> RiskLimits:
    """No caps, and a collar and an age that nothing is beyond."""
    fields: dict[str, Any] = {
        "order_quote_max": None,
        "cycle_share_bps_max": None,
        "turnover_quote_day_max": None,
        "open_orders_max": None,
        "collar_bps_max": 10_000,
        "input_age_ms_max": 3_600_000,
    }
    return RiskLimits(**(fields | changes))


def make_policy(**changes: Any) -> RebalancePolicy:
    fields: dict[str, Any] = {
        "drift_bps_min": 200,
        "destination_bps": 5_000,
        "reach_bps_max": 50,
        "taker_fee_bps": 10,
        "orders_max": 20,
        "order_ttl_ms": 3_600_000,
        "depth_share_bps_max": None,
        "slices_max": 10,
        "post_spread_bps_min": None,
        "limits": make_limits(),
    }
    return RebalancePolicy(**(fields | changes))


def make_book(base: str, bids: Levels, asks: Levels, **changes: Any) -> Book:
    """A book from (price, amount) pairs, the best first."""
    fields: dict[str, Any] = {
        "symbol": make_symbol(base),
        "bids": tuple(Level(to_decimal(price), to_decimal(amount)) for price, amount in bids),
        "asks": tuple(Level(to_decimal(price), to_decimal(amount)) for price, amount in asks),
        "observed_at_ms": NOW_MS,
    }
    return Book(**(fields | changes))


def make_context(cycle_id: str = "c1", **changes: Any) -> PlanContext:
    fields: dict[str, Any] = {
        "cycle_id": CycleId(cycle_id),
        "portfolio": PORTFOLIO,
        "venue": VENUE,
        "busy": {},
        "cycle_quote_spent": ZERO,
        "turnover_quote_today": ZERO,
        "books": {},
    }
    return PlanContext(**(fields | changes))


def make_order(base: str = "BTC", side: Side = "buy", **changes: Any) -> Order:
    """An order named after its cycle, symbol and side, so two defaults are the same order.

    Its worst price is its limit price unless told otherwise.
    """
    cycle_id = CycleId(changes.pop("cycle_id", "c1"))
    portfolio = PortfolioName(changes.pop("portfolio", PORTFOLIO))
    attempt = changes.get("attempt", 0)
    symbol = make_symbol(base)
    fields: dict[str, Any] = {
        "client_order_id": name_order(
            cycle_id,
            portfolio,
            symbol,
            side,
            slice_index=changes.get("slice_index", 0),
            attempt=attempt,
        ),
        "cycle_id": cycle_id,
        "portfolio": portfolio,
        "venue": VENUE,
        "symbol": symbol,
        "side": side,
        "amount_base": Decimal(1),
        "limit_price_quote": Decimal(50_000),
        "arrival_mid_quote": Decimal(49_950),
        "drift_bps": Decimal(-500),
        "urgency": Decimal("0.333333"),
        "rules_version": "000000000000",
        "planned_at_ms": NOW_MS,
        "expires_at_ms": NOW_MS + 3_600_000,
        "slice_index": 0,
        "attempt": 0,
        "style": "take",
        "worst_price_quote": changes.get("limit_price_quote", Decimal(50_000)),
        "leg_rest_base": ZERO,
        "least_base": Decimal("1E-24"),
    }
    return Order(**(fields | changes))


def make_fill(order: Order, amount: str, *, trade_id: str = "1", price: str = "50000") -> Fill:
    return Fill(
        trade_id=trade_id,
        client_order_id=order.client_order_id,
        amount_base=to_decimal(amount),
        price_quote=to_decimal(price),
        fee_asset=CASH,
        fee_amount=Decimal("0.01"),
        is_maker=False,
        filled_at_ms=NOW_MS,
    )


def enqueue(queue: OrderQueue, orders: Sequence[Order]) -> int:
    """Queue orders as whoever has just read the books; says how many were new."""
    return len(queue.enqueue(orders, generation=queue.generation()))
