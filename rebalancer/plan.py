"""Turn drift into orders that fit the venue, and say why every other leg was not made."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from rebalancer.drift import Drift
from rebalancer.money import BPS_WHOLE, ZERO, Asset, Symbol, bps_of, divide_down, exact, plain
from rebalancer.orders import (
    CycleId,
    Order,
    PortfolioName,
    VenueName,
    name_order,
    worst_cost_quote,
)
from rebalancer.precision import (
    MarketRule,
    Side,
    clears_minimum_amount,
    clears_minimum_notional,
    fit_amount,
    fit_price,
)
from rebalancer.snapshot import Snapshot
from rebalancer.trades import choose_trades


class SkipReason(StrEnum):
    """Why a leg was not made."""

    BELOW_BAND = "BELOW_BAND"
    BELOW_MIN_AMOUNT = "BELOW_MIN_AMOUNT"
    BELOW_MIN_NOTIONAL = "BELOW_MIN_NOTIONAL"
    SYMBOL_BUSY = "SYMBOL_BUSY"
    SPREAD_TOO_WIDE = "SPREAD_TOO_WIDE"
    NO_FREE_BASE = "NO_FREE_BASE"
    NO_FREE_QUOTE = "NO_FREE_QUOTE"
    OVER_ORDERS_MAX = "OVER_ORDERS_MAX"


@dataclass(frozen=True, slots=True)
class RebalancePolicy:
    """When to trade, how far, and at what worst price. Whole bps and ms."""

    drift_bps_min: int
    destination_bps: int
    reach_bps_max: int
    taker_fee_bps: int
    orders_max: int
    order_ttl_ms: int

    def __post_init__(self) -> None:
        assert 0 < self.drift_bps_min < BPS_WHOLE, self
        assert 0 <= self.destination_bps <= BPS_WHOLE, self
        assert 0 <= self.reach_bps_max < BPS_WHOLE, self
        assert 0 <= self.taker_fee_bps < BPS_WHOLE, self
        assert self.orders_max > 0, self
        assert self.order_ttl_ms > 0, self


@dataclass(frozen=True, slots=True)
class SkippedLeg:
    """A leg that was not made, with the reason a program can match and the one a person reads."""

    asset: Asset
    side: Side
    reason: SkipReason
    detail: str
    drift_bps: Decimal


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything one cycle decided: sells first, then buys, each by urgency; and every skip."""

    orders: tuple[Order, ...]
    skipped: tuple[SkippedLeg, ...]


@dataclass(frozen=True, slots=True)
class PlanContext:
    """What names a plan's orders, and what is already under way for the portfolio."""

    cycle_id: CycleId
    portfolio: PortfolioName
    venue: VenueName
    busy: Mapping[Symbol, Decimal]
    """Symbol of each order that is live, or ended after the balances were read → cash it may
    have spent since (0 for a sell)."""


def plan_orders(
    drifts: tuple[Drift, ...], snapshot: Snapshot, policy: RebalancePolicy, context: PlanContext
) -> Plan:
    """Plan the orders that bring every drift outside its band to the policy's destination.

    Sells come first and a sell never exceeds what is free. A buy is sized by its worst price plus
    fee, and all buys together never cost more than the free cash plus what this cycle's sells bring
    at their worst price after fee, less what live orders may still spend.

    Returns:
        A Plan; the same inputs give the same orders and the same ids.
    """
    trades = choose_trades(
        drifts,
        cash=snapshot.cash,
        drift_bps_min=policy.drift_bps_min,
        destination_bps=policy.destination_bps,
    )
    legs = sorted(
        (drift for drift in drifts if drift.asset != snapshot.cash),
        key=lambda drift: (trades.get(drift.asset, ZERO) > 0, -drift.urgency, drift.asset),
    )
    planner = _Planner(snapshot, policy, context)
    for drift in legs:
        planner.add(drift, trades.get(drift.asset, ZERO))
    return Plan(tuple(planner.orders), tuple(planner.skipped))


class _Planner:
    """Takes one leg at a time, keeping count of the cash that is left."""

    def __init__(self, snapshot: Snapshot, policy: RebalancePolicy, context: PlanContext) -> None:
        self._snapshot = snapshot
        self._policy = policy
        self._context = context
        with exact():
            reserved = sum(context.busy.values(), ZERO)
            # Below zero while live orders wait for cash: what sells bring is theirs first.
            self._funds_quote = snapshot.free_base(snapshot.cash) - reserved
        self.orders: list[Order] = []
        self.skipped: list[SkippedLeg] = []

    def add(self, drift: Drift, trade_quote: Decimal) -> None:
        side: Side = "buy" if (trade_quote or drift.gap_quote) > 0 else "sell"
        made = self._make(drift, trade_quote, side)
        if isinstance(made, Order):
            cost = self._cost(side, made.amount_base, made.limit_price_quote)
            with exact():
                self._funds_quote += cost if side == "sell" else -cost
            assert side == "sell" or self._funds_quote >= 0, (made, self._funds_quote)
            self.orders.append(made)
        else:
            reason, detail = made
            self.skipped.append(SkippedLeg(drift.asset, side, reason, detail, drift.drift_bps))

    def _make(
        self, drift: Drift, trade_quote: Decimal, side: Side
    ) -> Order | tuple[SkipReason, str]:
        policy, symbol = self._policy, Symbol(drift.asset, self._snapshot.cash)
        if trade_quote == 0:
            detail = f"drift {drift.drift_bps} bps is inside ±{policy.drift_bps_min} bps"
            return SkipReason.BELOW_BAND, detail
        if symbol in self._context.busy:
            return SkipReason.SYMBOL_BUSY, f"{symbol} has an order that is live or has just ended"
        if len(self.orders) >= policy.orders_max:
            return SkipReason.OVER_ORDERS_MAX, f"already {policy.orders_max} orders in this cycle"
        quote, rule = self._snapshot.quotes[symbol], self._snapshot.rules[symbol]
        price = self._limit_price(side, quote.mid_quote, rule)
        touch = quote.ask_quote if side == "buy" else quote.bid_quote
        if (price < touch) if side == "buy" else (price > touch):
            detail = f"{side} up to {policy.reach_bps_max} bps from mid does not reach {touch}"
            return SkipReason.SPREAD_TOO_WIDE, detail
        amount = self._amount(side, drift, trade_quote, price, rule)
        if isinstance(amount, Decimal):
            return self._order(drift, symbol, side, amount, price, rule)
        return amount

    def _limit_price(self, side: Side, mid_quote: Decimal, rule: MarketRule) -> Decimal:
        reach = self._policy.reach_bps_max
        worst = bps_of(mid_quote, BPS_WHOLE + (reach if side == "buy" else -reach))
        return fit_price(rule, side, worst)

    def _amount(
        self, side: Side, drift: Drift, trade_quote: Decimal, price: Decimal, rule: MarketRule
    ) -> Decimal | tuple[SkipReason, str]:
        """The fitted amount, or why there is none. What limits it most is named first."""
        if side == "buy":
            with exact():
                worst = price + bps_of(price, self._policy.taker_fee_bps)
            wanted = divide_down(trade_quote, worst)
            funds = max(self._funds_quote, ZERO)
            possible = divide_down(funds, worst)
            short, short_of = SkipReason.NO_FREE_QUOTE, f"free cash {plain(funds)}"
        else:
            wanted = divide_down(trade_quote.copy_abs(), self._snapshot.price_quote(drift.asset))
            possible = self._snapshot.free_base(drift.asset)
            short, short_of = SkipReason.NO_FREE_BASE, f"free holding {plain(possible)}"
        amount = fit_amount(rule, min(wanted, possible))
        unlimited = fit_amount(rule, wanted)
        if fault := self._too_small(rule, amount, price):
            # Told apart: too little is free, or the leg itself is too small for the venue.
            return fault if self._too_small(rule, unlimited, price) else (short, short_of)
        return amount

    def _too_small(
        self, rule: MarketRule, amount: Decimal, price: Decimal
    ) -> tuple[SkipReason, str] | None:
        if not clears_minimum_amount(rule, amount):
            least = max(rule.amount_base_min, rule.amount_base_step)
            return SkipReason.BELOW_MIN_AMOUNT, f"{plain(amount)} is under {plain(least)}"
        if not clears_minimum_notional(rule, amount, price):
            with exact():
                worth = plain(amount * price)
            least_quote = plain(rule.notional_quote_min)
            return SkipReason.BELOW_MIN_NOTIONAL, f"worth {worth}, under {least_quote}"
        return None

    def _order(
        self,
        drift: Drift,
        symbol: Symbol,
        side: Side,
        amount: Decimal,
        price: Decimal,
        rule: MarketRule,
    ) -> Order:
        context, now_ms = self._context, self._snapshot.taken_at_ms
        return Order(
            client_order_id=name_order(
                context.cycle_id, context.portfolio, symbol, side, slice_index=0, attempt=0
            ),
            cycle_id=context.cycle_id,
            portfolio=context.portfolio,
            venue=context.venue,
            symbol=symbol,
            side=side,
            amount_base=amount,
            limit_price_quote=price,
            arrival_mid_quote=self._snapshot.quotes[symbol].mid_quote,
            drift_bps=drift.drift_bps,
            urgency=drift.urgency,
            rules_version=rule.version,
            planned_at_ms=now_ms,
            expires_at_ms=now_ms + self._policy.order_ttl_ms,
            slice_index=0,
            attempt=0,
        )

    def _cost(self, side: Side, amount: Decimal, price: Decimal) -> Decimal:
        fee_bps = self._policy.taker_fee_bps
        return worst_cost_quote(side, amount, price, taker_fee_bps=fee_bps)
