"""Turn drift into orders that fit the venue and the caps, and say why every other leg was not made.

Each leg is first sized as though there were no caps, then cut to them, then cut into slices.
"""

from decimal import Decimal

from rebalancer.depth import depth_base
from rebalancer.drift import Drift, total_value
from rebalancer.legs import Bound, Leg, Skip, cut_leg, judge_minima
from rebalancer.money import ZERO, Asset, Symbol, bps_of, divide_down, exact, plain
from rebalancer.orders import Order, name_order, worst_cost_quote
from rebalancer.plan import Plan, PlanContext, RebalancePolicy, SkippedLeg, SkipReason
from rebalancer.precision import MarketRule, Side, fit_amount, least_amount
from rebalancer.pricing import OrderPrice, price_order
from rebalancer.risk import CapsLeft, Denial, deny_age, deny_price
from rebalancer.slices import plan_slices
from rebalancer.snapshot import Snapshot
from rebalancer.trades import choose_trades


def plan_orders(
    drifts: tuple[Drift, ...], snapshot: Snapshot, policy: RebalancePolicy, context: PlanContext
) -> Plan:
    """Plan the orders that bring every drift outside its band to the policy's destination.

    Sells come first and a sell never exceeds what is free. A buy is sized by its worst price plus
    fee, and all buys together never cost more than the free cash plus what this cycle's sells bring
    at their worst price after fee, less what live orders may still spend. A leg counts as a whole,
    all its slices included.

    Caps only cut legs or take them away: what a cap keeps from one leg is not given to another, so
    the most urgent leg does not lose its cash to a lesser one while a cap slows it down.

    Returns:
        A Plan; the same inputs give the same orders and the same ids.
    """
    trades = choose_trades(
        drifts,
        cash=snapshot.cash,
        drift_bps_min=policy.drift_bps_min,
        destination_bps=policy.destination_bps,
        cost_bps_max=policy.cost_bps_max,
    )
    legs = sorted(
        (drift for drift in drifts if drift.asset != snapshot.cash),
        key=lambda drift: (trades.get(drift.asset, ZERO) > 0, -drift.urgency, drift.asset),
    )
    planner = _Planner(snapshot, policy, context, value_quote=total_value(drifts))
    for drift in legs:
        planner.add(drift, trades.get(drift.asset, ZERO))
    return Plan(tuple(planner.orders), tuple(planner.skipped))


def symbols_to_trade(
    drifts: tuple[Drift, ...], *, cash: Asset, policy: RebalancePolicy
) -> tuple[Symbol, ...]:
    """The symbols that a plan from these drifts may trade: whose books it needs."""
    trades = choose_trades(
        drifts,
        cash=cash,
        drift_bps_min=policy.drift_bps_min,
        destination_bps=policy.destination_bps,
        cost_bps_max=policy.cost_bps_max,
    )
    return tuple(Symbol(asset, cash) for asset in sorted(trades) if asset != cash)


class _Planner:
    """Takes one leg at a time, keeping count of the cash and the caps that are left."""

    def __init__(
        self,
        snapshot: Snapshot,
        policy: RebalancePolicy,
        context: PlanContext,
        *,
        value_quote: Decimal,
    ) -> None:
        self._snapshot = snapshot
        self._policy = policy
        self._context = context
        self._caps = CapsLeft(
            policy.limits,
            value_quote=value_quote,
            cycle_quote_spent=context.cycle_quote_spent,
            turnover_quote_today=context.turnover_quote_today,
            open_orders=len(context.busy),
        )
        with exact():
            reserved = sum(context.busy.values(), ZERO)
            # Below zero while live orders wait for cash: what sells bring is theirs first.
            self._funds_quote = snapshot.free_base(snapshot.cash) - reserved
        self._uncapped_funds_quote = self._funds_quote
        self._legs = 0
        self.orders: list[Order] = []
        self.skipped: list[SkippedLeg] = []

    def add(self, drift: Drift, trade_quote: Decimal) -> None:
        side: Side = "buy" if (trade_quote or drift.gap_quote) > 0 else "sell"
        chosen = self._choose(drift, trade_quote, side)
        made = self._make(chosen) if isinstance(chosen, Leg) else chosen
        if isinstance(made, Order):
            self.orders.append(made)
        else:
            reason, detail = made
            self.skipped.append(SkippedLeg(drift.asset, side, reason, detail, drift.drift_bps))

    def _make(self, leg: Leg) -> Order | Skip:
        self._legs += 1
        with exact():
            self._uncapped_funds_quote += self._gain(leg, leg.amount_base)
        made = self._work(leg)
        if isinstance(made, Order):
            self._count(leg, made)
        return made

    def _count(self, leg: Leg, order: Order) -> None:
        with exact():
            whole = order.amount_base + order.leg_rest_base
            self._funds_quote += self._gain(leg, whole)
            self._caps.take(whole * leg.worth_price)
        assert leg.side == "sell" or self._funds_quote >= 0, (order, self._funds_quote)

    def _gain(self, leg: Leg, amount_base: Decimal) -> Decimal:
        """Cash that a leg brings at least, or takes at most (below 0)."""
        cost = worst_cost_quote(
            leg.side,
            amount_base,
            leg.price.worst_quote,
            taker_fee_bps=self._policy.taker_fee_bps,
        )
        return cost if leg.side == "sell" else cost.copy_negate()

    def _choose(self, drift: Drift, trade_quote: Decimal, side: Side) -> Leg | Skip:
        policy, symbol = self._policy, Symbol(drift.asset, self._snapshot.cash)
        if trade_quote == 0:
            detail = f"drift {drift.drift_bps} bps is inside ±{policy.drift_bps_min} bps"
            return SkipReason.BELOW_BAND, detail
        if self._context.stop is not None:
            return self._context.stop
        if symbol in self._context.busy:
            return SkipReason.SYMBOL_BUSY, f"{symbol} has an order that is live or has just ended"
        if symbol in self._context.cooling:
            return SkipReason.COOLING_DOWN, f"an order of {symbol} was lost without a trace"
        if policy.depth_share_bps_max is not None and symbol not in self._context.books:
            return SkipReason.NO_BOOK, f"the order book of {symbol} could not be read"
        if self._legs >= policy.orders_max:
            return SkipReason.OVER_ORDERS_MAX, f"already {policy.orders_max} orders in this cycle"
        quote, rule = self._snapshot.quotes[symbol], self._snapshot.rules[symbol]
        price = price_order(
            side,
            quote,
            rule,
            reach_bps_max=policy.reach_bps_max,
            post_spread_bps_min=policy.post_spread_bps_min,
        )
        if price is None:
            touch = quote.ask_quote if side == "buy" else quote.bid_quote
            detail = f"{side} up to {policy.reach_bps_max} bps from mid does not reach {touch}"
            return SkipReason.SPREAD_TOO_WIDE, detail
        amount = self._amount(side, drift, trade_quote, price, rule)
        if isinstance(amount, Decimal):
            return Leg(drift, symbol, side, quote, rule, price, amount)
        return amount

    def _amount(
        self, side: Side, drift: Drift, trade_quote: Decimal, price: OrderPrice, rule: MarketRule
    ) -> Decimal | Skip:
        """The fitted amount, or why there is none. What limits it most is named first."""
        if side == "buy":
            worst = self._worst_with_fee(price)
            wanted = divide_down(trade_quote, worst)
            funds = max(self._uncapped_funds_quote, ZERO)
            possible = divide_down(funds, worst)
            short, short_of = SkipReason.NO_FREE_QUOTE, f"free cash {plain(funds)}"
        else:
            wanted = divide_down(trade_quote.copy_abs(), self._snapshot.price_quote(drift.asset))
            possible = self._snapshot.free_base(drift.asset)
            short, short_of = SkipReason.NO_FREE_BASE, f"free holding {plain(possible)}"
        amount = fit_amount(rule, min(wanted, possible))
        unlimited = fit_amount(rule, wanted)
        if fault := judge_minima(rule, amount, price.least_quote):
            # Told apart: too little is free, or the leg itself is too small for the venue.
            return fault if judge_minima(rule, unlimited, price.least_quote) else (short, short_of)
        return amount

    def _worst_with_fee(self, price: OrderPrice) -> Decimal:
        with exact():
            return price.worst_quote + bps_of(price.worst_quote, self._policy.taker_fee_bps)

    def _work(self, leg: Leg) -> Order | Skip:
        """Cut a leg to the caps, then into slices; or say which cap leaves too little of it."""
        if denial := self._deny(leg):
            return SkipReason(denial.reason.value), denial.detail
        least = least_amount(leg.rule, leg.price.least_quote)
        whole = cut_leg(leg, leg.amount_base, self._leg_bounds(leg), least)
        if not isinstance(whole, Decimal):
            return whole
        share = self._depth_bound(leg)
        slice_max = cut_leg(
            leg, whole, [*self._order_bounds(leg), *([share] if share else [])], least
        )
        if not isinstance(slice_max, Decimal):
            return slice_max
        first, rest = plan_slices(
            whole,
            slice_base_max=slice_max,
            least_base=least,
            step_base=leg.rule.amount_base_step,
            slices_max=self._policy.slices_max if share else 1,
        )
        return self._order(leg, first, rest, least)

    def _deny(self, leg: Leg) -> Denial | None:
        snapshot, limits = self._snapshot, self._policy.limits
        assets, books = (leg.symbol.base, snapshot.cash), self._context.books
        seen_at_ms = [
            leg.quote.observed_at_ms,
            *(snapshot.balances[it].observed_at_ms for it in assets if it in snapshot.balances),
            *([books[leg.symbol].observed_at_ms] if leg.symbol in books else []),
        ]
        return (
            deny_age(min(seen_at_ms), limits, now_ms=snapshot.taken_at_ms)
            or deny_price(leg.price.worst_quote, leg.quote.mid_quote, limits)
            or self._caps.deny_another()
        )

    def _leg_bounds(self, leg: Leg) -> list[Bound]:
        """What limits the whole leg: the caps on sums, and the cash there is after their cuts."""
        bounds = [
            Bound(
                divide_down(cap.quote, leg.worth_price),
                SkipReason(cap.denial.reason.value),
                cap.denial.detail,
            )
            for cap in self._caps.left
        ]
        if leg.side == "buy":
            funds = max(self._funds_quote, ZERO)
            possible = divide_down(funds, self._worst_with_fee(leg.price))
            said = f"free cash {plain(funds)} after what the caps took from sells"
            bounds.append(Bound(possible, SkipReason.NO_FREE_QUOTE, said))
        return bounds

    def _order_bounds(self, leg: Leg) -> list[Bound]:
        most = self._policy.limits.order_quote_max
        if most is None:
            return []
        said = f"order_quote_max {plain(most)} is less than the venue takes"
        possible = divide_down(most, leg.worth_price)
        return [Bound(possible, SkipReason.ORDER_TOO_LARGE, said)]

    def _depth_bound(self, leg: Leg) -> Bound | None:
        book, share = self._context.books.get(leg.symbol), self._policy.depth_share_bps_max
        if book is None or share is None:
            return None
        depth = depth_base(book, leg.side, worst_price_quote=leg.price.worst_quote)
        said = f"{share} bps of the {plain(depth)} in the book is less than the venue takes"
        return Bound(bps_of(depth, share), SkipReason.TOO_THIN, said)

    def _order(self, leg: Leg, first: Decimal, rest: Decimal, least: Decimal) -> Order:
        context, now_ms = self._context, self._snapshot.taken_at_ms
        return Order(
            client_order_id=name_order(
                context.cycle_id, context.portfolio, leg.symbol, leg.side, slice_index=0, attempt=0
            ),
            cycle_id=context.cycle_id,
            portfolio=context.portfolio,
            venue=context.venue,
            symbol=leg.symbol,
            side=leg.side,
            amount_base=first,
            limit_price_quote=leg.price.limit_quote,
            arrival_mid_quote=leg.quote.mid_quote,
            drift_bps=leg.drift.drift_bps,
            urgency=leg.drift.urgency,
            rules_version=leg.rule.version,
            planned_at_ms=now_ms,
            expires_at_ms=now_ms + self._policy.order_ttl_ms,
            slice_index=0,
            attempt=0,
            style=leg.price.style,
            worst_price_quote=leg.price.worst_quote,
            leg_rest_base=rest,
            least_base=least,
        )
