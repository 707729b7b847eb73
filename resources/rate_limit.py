"""How much a venue may be sent in a time, and what that means to the buckets in Redis.

The buckets themselves are filled and emptied by lua/permit.lua and lua/spend.lua, for all processes
at once and by the clock of Redis. All their numbers are whole: a token is as many units as its
window has microseconds, so `refill` tokens a window are exactly `refill` units a microsecond, and
nothing is ever rounded.

The arithmetic: a bucket that holds `burst` tokens and earns `refill` a window lets out less than
burst + refill × t / window + 1 in any time t. With burst + refill ≤ limit + 1 no window, wherever
it begins, holds more than `limit`: there is no edge to send a double burst at.

That is how orders leave. They arrive as the way there lets them, closer together than they left;
so an order also holds one of `orders_in_a_second_max` places, from its permit until a second after
the venue's answer, or after its lease where none came (lua/permit.lua).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from rebalancer.queue import CallKind

SECOND_US = 1_000_000
MINUTE_US = 60_000_000
LIMIT_MAX = 1_000_000
UNITS_MAX = 9 * 10**15
"""Scripts reckon in doubles: whole numbers up to here are exact in them."""

BURST_PERCENT = 40
REFILL_PERCENT = 60
RESERVE_PERCENT = 20
"""Of a budget that all calls share: what may go at once, what is earned a window, and what new
orders leave to look-ups and cancels."""
assert BURST_PERCENT + REFILL_PERCENT <= 100
assert RESERVE_PERCENT < BURST_PERCENT

ORDERS_ONLY: Mapping[CallKind, int] = {CallKind.ORDER: 1}


@dataclass(frozen=True, slots=True)
class Draw:
    """What one call takes out of one bucket, in units, for a script or for its double.

    `rate` is earned a microsecond; a call takes `cost` and must leave `floor`.
    """

    name: str
    rate: int
    capacity: int
    cost: int
    floor: int


@dataclass(frozen=True, slots=True)
class RateWindow:
    """One budget of a venue: what an idle bucket holds, and what it earns in a window.

    Attributes:
        name: Tells the budgets of a venue apart.
        burst: Tokens an idle bucket holds.
        refill: Tokens it earns in a window.
        costs: Tokens a call of each kind takes; a kind left out is none of this budget's business.
        reserve: Tokens that new orders leave for look-ups and cancels: that is their priority.
    """

    name: str
    window_us: int
    burst: int
    refill: int
    costs: Mapping[CallKind, int]
    reserve: int = 0

    def __post_init__(self) -> None:
        assert self.name, self
        assert self.name.isprintable(), self
        assert self.window_us > 0, self
        assert self.refill > 0, self
        assert 0 <= self.reserve < self.burst, self
        for kind in self.costs:
            draw = self.draw(kind)
            # Otherwise a call of this kind would wait for ever.
            assert draw is None or draw.cost + draw.floor <= draw.capacity <= UNITS_MAX, self

    def draw(self, kind: CallKind) -> Draw | None:
        """What a call of this kind takes; None when it takes nothing."""
        cost = self.costs.get(kind, 0)
        if cost == 0:
            return None
        floor = self.reserve_units if kind in (CallKind.ORDER, CallKind.BOOK) else 0
        capacity = self.burst * self.window_us
        return Draw(self.name, self.refill, capacity, cost * self.window_us, floor)

    @property
    def reserve_units(self) -> int:
        """The reserve as the buckets hold it."""
        return self.reserve * self.window_us

    @property
    def spent_units(self) -> int:
        """What a bucket begins with when nobody knows what was sent until now.

        Where calls of other kinds draw as well, only what new orders must leave to them. Where
        orders draw alone, so little that the next one goes when a whole window is over.
        """
        if self.reserve:
            return self.reserve_units
        return (max(self.costs.values()) - self.refill) * self.window_us


def share_minute(limit: int, costs: Mapping[CallKind, int]) -> RateWindow:
    """A budget of request weight: no minute ever holds more than `limit`.

    Of 3000: 1200 may go at once, 1800 are earned a minute, and new orders leave 600.
    """
    return RateWindow(
        name="weight",
        window_us=MINUTE_US,
        burst=limit * BURST_PERCENT // 100,
        refill=limit * REFILL_PERCENT // 100,
        costs=costs,
        reserve=limit * RESERVE_PERCENT // 100,
    )


@dataclass(frozen=True, slots=True)
class RateLimit:
    """Every budget of one venue. A call must fit all of them, or it takes from none.

    With a burst of 1 the orders leave at an even distance, and no second of the venue's holds more
    than `orders_per_second` of them, wherever it begins.
    """

    orders_per_second: int
    burst: int = 1
    further: tuple[RateWindow, ...] = ()

    def __post_init__(self) -> None:
        for name in ("orders_per_second", "burst"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= LIMIT_MAX:
                raise ValueError(
                    f"{name}: expected a whole number from 1 to {LIMIT_MAX}, was {value!r}"
                )
        names = [window.name for window in self.windows]
        assert len(set(names)) == len(names), names

    @property
    def orders_in_a_second_max(self) -> int:
        """How many orders may be on their way, or have arrived less than a second ago."""
        return self.burst + self.orders_per_second - 1

    @property
    def windows(self) -> tuple[RateWindow, ...]:
        orders = RateWindow(
            name="orders",
            window_us=SECOND_US,
            burst=self.burst,
            refill=self.orders_per_second,
            costs=ORDERS_ONLY,
        )
        return (orders, *self.further)

    def draws(self, kind: CallKind) -> tuple[Draw, ...]:
        """What a call of this kind takes, budget by budget."""
        return tuple(draw for window in self.windows if (draw := window.draw(kind)))
