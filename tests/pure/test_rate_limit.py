"""The token bucket's settings, and its arithmetic to the microsecond."""

from bisect import bisect_left

import pytest

from rebalancer.queue import CallKind
from resources.rate_limit import SECOND_US, Draw, RateLimit, RateWindow, share_minute
from tests.fakes.bucket import SOON_MS, Buckets, Flights


@pytest.mark.parametrize("value", [0, -1, 1_000_001, True, 1.5, "3"])
@pytest.mark.parametrize("field", ["orders_per_second", "burst"])
def test_a_limit_that_makes_no_sense_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=field):
        RateLimit(**{"orders_per_second": 3, "burst": 1, field: value})  # type: ignore[arg-type]


def test_a_rate_in_orders_a_second_is_the_same_in_units_a_microsecond() -> None:
    draw = Draw("orders", rate=3, capacity=2 * SECOND_US, cost=SECOND_US, floor=0)
    assert RateLimit(3, burst=2).draws(CallKind.ORDER) == (draw,)


def test_the_next_order_goes_at_the_microsecond_its_token_is_whole() -> None:
    bucket = Buckets(RateLimit(3))
    assert bucket.take(CallKind.ORDER, 0) == 0
    assert bucket.take(CallKind.ORDER, 333_333) == 1
    assert bucket.take(CallKind.ORDER, 333_334) == 0
    assert bucket.take(CallKind.ORDER, 333_335) == 334


def test_no_second_holds_more_than_its_orders_wherever_it_begins() -> None:
    bucket = Buckets(RateLimit(3))
    sent = [now_us for now_us in range(0, 5_000_000, 7) if bucket.take(CallKind.ORDER, now_us) == 0]
    assert len(sent) == 15
    assert all(later - sooner >= 1_000_000 for sooner, later in zip(sent, sent[3:], strict=False))


def test_an_idle_bucket_never_holds_more_than_its_burst() -> None:
    bucket = Buckets(RateLimit(3, burst=2))
    bucket.take(CallKind.ORDER, 0)
    assert [bucket.take(CallKind.ORDER, 10**12) for _ in range(3)] == [0, 0, 334]


def test_a_clock_that_is_set_back_earns_nothing_and_blocks_nothing() -> None:
    bucket = Buckets(RateLimit(1))
    assert bucket.take(CallKind.ORDER, 10**12) == 0
    assert bucket.take(CallKind.ORDER, 0) == 1_000
    assert bucket.take(CallKind.ORDER, 1_000_000) == 0


def test_an_order_on_its_way_holds_its_place_until_a_second_after_its_answer() -> None:
    flights = Flights(2)
    for number in range(2):
        assert flights.wait_ms(0) == 0
        flights.take_off(f"order {number}", sent_at_ms=0, lease_until_ms=30_000)
    assert flights.wait_ms(0) == SOON_MS
    flights.land("order 0", sent_at_ms=0, now_ms=150)
    assert flights.wait_ms(150) == 1_001
    assert flights.wait_ms(1_151) == 0


def test_an_order_without_an_answer_holds_its_place_until_a_second_after_its_lease() -> None:
    flights = Flights(1)
    flights.take_off("silent", sent_at_ms=0, lease_until_ms=30_000)
    flights.land("silent", sent_at_ms=0, now_ms=30_500)
    assert flights.wait_ms(31_000) == 1
    assert flights.wait_ms(31_001) == 0


def test_each_attempt_to_send_an_order_counts() -> None:
    flights = Flights(2)
    for sent_at_ms in (0, 100):
        assert flights.wait_ms(sent_at_ms) == 0
        flights.take_off("refused twice", sent_at_ms=sent_at_ms, lease_until_ms=30_000)
        flights.land("refused twice", sent_at_ms=sent_at_ms, now_ms=sent_at_ms + 50)
    assert flights.wait_ms(200) == 851


WEIGHTS = {CallKind.ORDER: 1, CallKind.BOOK: 5, CallKind.LOOK_UP: 10, CallKind.CANCEL: 1}
MINUTE_US = 60 * SECOND_US


def weigh(limit: int) -> Buckets:
    """A budget of weight alone: the orders a second are no bound."""
    return Buckets(RateLimit(10**6, burst=10**6, further=(share_minute(limit, WEIGHTS),)))


@pytest.mark.parametrize("limit", [100, 101, 300, 3_000])
@pytest.mark.parametrize("kind", CallKind)
def test_no_minute_holds_more_weight_than_the_limit_wherever_it_begins(
    limit: int, kind: CallKind
) -> None:
    bucket, sent = weigh(limit), []
    for now_us in range(0, 2 * MINUTE_US, 50_000):
        while bucket.take(kind, now_us) == 0:
            sent.append(now_us)
    heaviest = max(bisect_left(sent, at + MINUTE_US) - first for first, at in enumerate(sent))
    assert heaviest * WEIGHTS[kind] <= limit
    # A limiter that lets nothing through keeps every limit too.
    assert heaviest * WEIGHTS[kind] > limit // 2


def test_new_orders_leave_a_reserve_to_look_ups_and_cancels() -> None:
    bucket = weigh(300)
    assert sum(bucket.take(CallKind.ORDER, 0) == 0 for _ in range(100)) == 60
    assert [bucket.take(CallKind.LOOK_UP, 0) for _ in range(5)] == [0] * 5
    assert [bucket.take(CallKind.CANCEL, 0) for _ in range(10)] == [0] * 10
    assert bucket.take(CallKind.CANCEL, 0) == 334
    # Orders wait until the reserve is whole again: 60 tokens and their own, at 3 a second.
    assert bucket.take(CallKind.ORDER, 0) == 20_334


def test_a_call_that_one_budget_refuses_takes_from_none() -> None:
    slow = RateWindow("slow", SECOND_US, burst=1, refill=1, costs={CallKind.ORDER: 1})
    bucket = Buckets(RateLimit(1, burst=5, further=(slow,)))
    assert bucket.take(CallKind.ORDER, 0) == 0
    assert [bucket.take(CallKind.ORDER, 0) for _ in range(50)] == [1_000] * 50
    for second in range(1, 5):
        assert bucket.take(CallKind.ORDER, second * SECOND_US) == 0


def test_a_kind_that_costs_nothing_is_never_refused() -> None:
    bucket = Buckets(RateLimit(1))
    assert [bucket.take(CallKind.LOOK_UP, 0) for _ in range(9)] == [0] * 9


def test_after_a_loss_new_orders_begin_with_nothing_and_look_ups_with_the_reserve() -> None:
    bucket = weigh(300)
    bucket.begin_after_loss(0)
    assert bucket.take(CallKind.ORDER, 0) > 0
    assert [bucket.take(CallKind.LOOK_UP, 0) for _ in range(6)] == [0] * 6
    assert bucket.take(CallKind.LOOK_UP, 0) > 0


def test_after_a_loss_the_first_order_goes_when_a_whole_second_is_over() -> None:
    bucket = Buckets(RateLimit(3))
    bucket.begin_after_loss(0)
    assert bucket.take(CallKind.ORDER, 999_999) == 1
    assert bucket.take(CallKind.ORDER, 1_000_000) == 0
