"""The token bucket's settings, and its arithmetic to the microsecond."""

import pytest

from resources.rate_limit import TOKEN, RateLimit
from tests.fakes.bucket import Bucket


@pytest.mark.parametrize("value", [0, -1, 1_000_001, True, 1.5, "3"])
@pytest.mark.parametrize("field", ["orders_per_second", "burst"])
def test_a_limit_that_makes_no_sense_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        RateLimit(**{"orders_per_second": 3, "burst": 1, field: value})  # type: ignore[arg-type]


def test_a_rate_in_orders_a_second_is_the_same_in_micro_tokens_a_microsecond() -> None:
    assert RateLimit(3, burst=2).bucket == (3, 2 * TOKEN, TOKEN)


def test_the_next_order_goes_at_the_microsecond_its_token_is_whole() -> None:
    bucket = Bucket(RateLimit(3))
    assert bucket.take(0) == 0
    assert bucket.take(333_333) == 1
    assert bucket.take(333_334) == 0
    assert bucket.take(333_335) == 334


def test_no_second_holds_more_than_its_orders_wherever_it_begins() -> None:
    bucket = Bucket(RateLimit(3))
    sent = [now_us for now_us in range(0, 5_000_000, 7) if bucket.take(now_us) == 0]
    assert len(sent) == 15
    assert all(later - sooner >= 1_000_000 for sooner, later in zip(sent, sent[3:], strict=False))


def test_an_idle_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Bucket(RateLimit(3, burst=2))
    bucket.take(0)
    assert [bucket.take(10**12) for _ in range(3)] == [0, 0, 334]


def test_a_clock_that_is_set_back_earns_nothing_and_blocks_nothing() -> None:
    bucket = Bucket(RateLimit(1))
    assert bucket.take(10**12) == 0
    assert bucket.take(0) == 1_000
    assert bucket.take(1_000_000) == 0


def test_spare_time_keeps_a_second_within_its_limit_when_orders_are_delayed_on_the_way() -> None:
    bucket = Bucket(RateLimit(3, spare_percent=10))
    sent = [now_us for now_us in range(0, 5_000_000, 7) if bucket.take(now_us) == 0]
    for first, fourth in zip(sent, sent[3:], strict=False):
        assert fourth - (first + 99_000) > 1_000_000


@pytest.mark.parametrize("percent", [-1, 101])
def test_spare_time_that_makes_no_sense_is_refused(percent: int) -> None:
    with pytest.raises(ValueError, match="spare_percent"):
        RateLimit(3, spare_percent=percent)
