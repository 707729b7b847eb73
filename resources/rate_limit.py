"""How many orders a venue may be sent in a time, and what that means to the bucket in Redis.

The bucket itself is filled and emptied by lua/permit.lua, for all processes at once and by the
clock of Redis. It holds whole micro-tokens (1 order = 1,000,000), so that a rate of r orders a
second is exactly r micro-tokens a microsecond and nothing is ever rounded.
"""

from dataclasses import dataclass

TOKEN = 1_000_000
"""Micro-tokens that one order costs."""
LIMIT_MAX = 1_000_000


@dataclass(frozen=True, slots=True)
class RateLimit:
    """A token bucket: a window of t seconds never holds more than burst + orders_per_second × t.

    With a burst of 1 the orders keep an even distance, and no second holds more than
    `orders_per_second` of them, wherever it begins. There is no edge to send a double burst at.
    """

    orders_per_second: int
    burst: int = 1
    spare_percent: int = 0
    """How much further apart orders leave, because on the way the distance between them shrinks:
    with 5, four of them that left in order still arrive in more than a second when the first is
    delayed by 50 ms and the last is not."""

    def __post_init__(self) -> None:
        if not 0 <= self.spare_percent <= 100:
            raise ValueError(f"spare_percent: expected 0 to 100, was {self.spare_percent!r}")
        for name in ("orders_per_second", "burst"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= LIMIT_MAX:
                raise ValueError(
                    f"{name}: expected a whole number from 1 to {LIMIT_MAX}, was {value!r}"
                )

    @property
    def bucket(self) -> tuple[int, int, int]:
        """Micro-tokens earned a microsecond, micro-tokens it holds, micro-tokens an order costs."""
        cost = TOKEN * (100 + self.spare_percent) // 100
        return self.orders_per_second, self.burst * cost, cost
