"""A token bucket in whole micro-tokens: the same arithmetic as in lua/permit.lua."""

from resources.rate_limit import RateLimit


class Bucket:
    def __init__(self, rate: RateLimit) -> None:
        self._rate, self._capacity, self._cost = rate.bucket
        self._tokens = self._capacity
        self._at_us: int | None = None

    def take(self, now_us: int) -> int:
        """Take one token and return 0, or the milliseconds until there is one."""
        earned = 0 if self._at_us is None else max(0, now_us - self._at_us) * self._rate
        self._tokens = min(self._capacity, self._tokens + earned)
        self._at_us = now_us
        missing = self._cost - self._tokens
        if missing > 0:
            return -(-missing // (self._rate * 1000))
        self._tokens -= self._cost
        return 0
