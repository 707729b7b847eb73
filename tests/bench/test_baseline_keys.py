"""The baseline's keys: whoever came first is found first, in whatever order Redis tells them."""

from bench.bare_redis import BareRedis
from bench.baseline_keys import key_of, oldest_first
from bench.orders import make_orders


class ToldBackwards(BareRedis):
    """A server that tells its keys the last first."""

    def __init__(self, keys: list[str]) -> None:
        self._keys = keys

    def find(self, pattern: str) -> list[str]:
        return [key for key in reversed(self._keys) if key.startswith(pattern.removesuffix("*"))]


def test_of_several_keys_the_oldest_comes_first() -> None:
    orders = make_orders("cycle", 12, 0)
    keys = [key_of(number, order) for number, order in enumerate(orders)]
    assert list(oldest_first(ToldBackwards([*keys, "other:1"]))) == keys
