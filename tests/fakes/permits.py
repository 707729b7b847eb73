"""What a permit, or a call, is refused for by everything but the order's own claim."""

from collections.abc import Mapping

from rebalancer.errors import BadConfig
from rebalancer.orders import Order, PortfolioName, VenueName
from rebalancer.ports import Clock
from rebalancer.queue import CallKind, Claim, Denied, NotNow, NotNowReason
from rebalancer.risk import DenialReason, RiskLimits, deny_order
from resources.rate_limit import RateLimit
from resources.turnover import micro_of_cap, micro_of_order, quote_of
from tests.fakes.bucket import SOON_MS, Buckets, Flights
from tests.fakes.controls import FakeControls
from tests.fakes.turnover import FakeTurnover

WAIT_MS_MAX = 10_000


class FakePermits:
    """Halts, windows, taps, caps and budgets. Rates or limits of None: there are none."""

    def __init__(
        self,
        clock: Clock,
        controls: FakeControls,
        *,
        rates: Mapping[VenueName, RateLimit] | None,
        limits: Mapping[PortfolioName, RiskLimits] | None,
    ) -> None:
        self._clock = clock
        self._controls = controls
        self._buckets = None if rates is None else {name: Buckets(rates[name]) for name in rates}
        self._flights = {
            name: Flights(rate.orders_in_a_second_max) for name, rate in (rates or {}).items()
        }
        self._limits = limits
        self._taps_ms: dict[VenueName, int] = {}

    def deny(self, order: Order) -> Denied | None:
        """What the order shows by itself."""
        limits = self._limits_of(order)
        denial = limits and deny_order(order, limits, now_ms=self._clock.now_ms())
        return Denied(order, denial.reason, denial.detail) if denial else None

    def check_controls(self, order: Order) -> NotNow | None:
        now_ms = self._clock.now_ms()
        if halt := self._controls.halt_of(order):
            return NotNow(NotNowReason.HALTED, f"trading is halted: {halt.scope}", 500)
        if until_ms := self._controls.closed_until_ms(order.venue):
            return not_now(NotNowReason.MAINTENANCE, "a maintenance window", until_ms - now_ms)
        return self.check_tap(order.venue)

    def check_tap(self, venue: VenueName) -> NotNow | None:
        wait_ms = self.tap_closed_ms(venue)
        if wait_ms == 0:
            return None
        return not_now(NotNowReason.TAP_CLOSED, f"{venue} asked everybody to wait", wait_ms)

    def check_caps(
        self, order: Order, *, open_orders: int, turnover: FakeTurnover
    ) -> NotNow | Denied | None:
        limits = self._limits_of(order)
        if limits is None:
            return None
        if limits.open_orders_max is not None and open_orders >= limits.open_orders_max:
            detail = f"{open_orders} orders of {order.portfolio} are open"
            return NotNow(NotNowReason.TOO_MANY_OPEN, detail, SOON_MS)
        spent, cap = turnover.micro_today(order.portfolio), limits.turnover_quote_day_max
        if cap is not None and spent + micro_of_order(order) > micro_of_cap(cap):
            return Denied(order, DenialReason.TURNOVER_SPENT, f"{quote_of(spent)} of {cap}")
        return None

    def spend(self, venue: VenueName, kind: CallKind) -> NotNow | None:
        if self._buckets is None:
            return None
        if venue not in self._buckets:
            raise BadConfig(f"venue {venue!r} is not in the settings")
        if wait_ms := self._buckets[venue].take(kind, self._clock.now_ms() * 1000):
            return not_now(NotNowReason.RATE_SPENT, f"a budget of {venue} is spent", wait_ms)
        return None

    def let_out(self, venue: VenueName) -> NotNow | None:
        """What the rate says to one more order: its places first, then its tokens."""
        flights = self._flights.get(venue)
        if flights and (wait_ms := flights.wait_ms(self._clock.now_ms())):
            return not_now(NotNowReason.RATE_SPENT, f"orders on their way to {venue}", wait_ms)
        return self.spend(venue, CallKind.ORDER)

    def take_off(self, claim: Claim, sent_at_ms: int) -> None:
        order, until_ms = claim.order, claim.lease_until_ms
        if flights := self._flights.get(order.venue):
            flights.take_off(order.client_order_id, sent_at_ms=sent_at_ms, lease_until_ms=until_ms)

    def land(self, order: Order, sent_at_ms: int | None) -> None:
        flights = self._flights.get(order.venue)
        if flights and sent_at_ms is not None:
            now_ms = self._clock.now_ms()
            flights.land(order.client_order_id, sent_at_ms=sent_at_ms, now_ms=now_ms)

    def begin_after_loss(self) -> None:
        for buckets in (self._buckets or {}).values():
            buckets.begin_after_loss(self._clock.now_ms() * 1000)

    def close_tap(self, venue: VenueName, for_ms: int) -> None:
        until_ms = self._clock.now_ms() + for_ms
        self._taps_ms[venue] = max(until_ms, self._taps_ms.get(venue, 0))

    def tap_closed_ms(self, venue: VenueName) -> int:
        return max(0, self._taps_ms.get(venue, 0) - self._clock.now_ms())

    def require_known(self, order: Order) -> None:
        """Refuse an order whose venue or portfolio the settings do not have."""
        self._limits_of(order)
        if self._buckets is not None and order.venue not in self._buckets:
            raise BadConfig(f"venue {order.venue!r} is not in the settings")

    def _limits_of(self, order: Order) -> RiskLimits | None:
        if self._limits is None:
            return None
        if order.portfolio not in self._limits:
            raise BadConfig(f"portfolio {order.portfolio!r} is not in the settings")
        return self._limits[order.portfolio]


def not_now(reason: NotNowReason, detail: str, wait_ms: int) -> NotNow:
    return NotNow(reason, detail, min(WAIT_MS_MAX, wait_ms))
