"""What a venue's settings mean to its budgets."""

import pytest
from pydantic import ValidationError

from rebalancer.queue import CallKind
from resources.rate_limit import MINUTE_US
from resources.settings_venue import VenueSettings
from tests.fakes.bucket import Buckets

HOUR_MS = 3_600_000
ORDERS_AN_HOUR = 3 * 3_600


def minute_limit(**told: object) -> int:
    """The most weight a minute may hold."""
    windows = VenueSettings(**told).rates().windows  # type: ignore[arg-type]
    (weight,) = (window for window in windows if window.name == "weight")
    return weight.burst + weight.refill


@pytest.mark.parametrize(
    ("exchange", "limit"), [("binance", 3_000), ("binanceus", 600), ("kraken", 300), ("okx", 300)]
)
def test_the_budget_suits_binance_and_is_careful_elsewhere(exchange: str, limit: int) -> None:
    assert minute_limit(exchange=exchange) == limit


def test_the_settings_have_the_last_word() -> None:
    assert minute_limit(exchange="kraken", request_weight_per_minute_max=6_000) == 6_000


def test_orders_a_second_count_orders_alone_and_weight_counts_every_call() -> None:
    rates = VenueSettings(exchange="binance", look_up_weight=4).rates()
    assert [draw.name for draw in rates.draws(CallKind.ORDER)] == ["orders", "weight"]
    for kind, weight in ((CallKind.LOOK_UP, 4), (CallKind.CANCEL, 1)):
        draw = rates.draws(kind)[0]
        assert (draw.name, draw.cost, draw.floor) == ("weight", weight * MINUTE_US, 0)


def test_a_book_is_read_for_a_new_order_and_leaves_the_reserve_to_look_ups() -> None:
    rates = VenueSettings(exchange="binance").rates()
    (book,), (_, order) = (rates.draws(kind) for kind in (CallKind.BOOK, CallKind.ORDER))
    assert (book.name, book.cost) == ("weight", 5 * MINUTE_US)
    assert book.floor == order.floor > 0


@pytest.mark.parametrize("exchange", ["binance", "kraken"])
def test_however_many_orders_are_silent_new_ones_still_leave(exchange: str) -> None:
    buckets = Buckets(VenueSettings(exchange=exchange).rates())
    sent = looks = 0
    for now_ms in range(0, HOUR_MS, 100):
        # As the queue does it: every look-up that may go goes before any new order.
        while buckets.take(CallKind.LOOK_UP, now_ms * 1_000) == 0:
            looks += 1
        sent += buckets.take(CallKind.ORDER, now_ms * 1_000) == 0
    share = minute_limit(exchange=exchange) * 60 // 100
    assert sent >= min(60 * share * 35 // 100, ORDERS_AN_HOUR * 4 // 5)
    assert 10 * looks >= 60 * share * 55 // 100


def test_a_call_that_weighs_nothing_is_not_counted() -> None:
    rates = VenueSettings(exchange="okx", order_weight=0).rates()
    assert [draw.name for draw in rates.draws(CallKind.ORDER)] == ["orders"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("request_weight_per_minute_max", 99), ("look_up_weight", 21), ("order_weight", -1)],
)
def test_a_budget_that_could_never_let_a_call_out_is_refused_by_name(key: str, value: int) -> None:
    with pytest.raises(ValidationError, match=key):
        VenueSettings(exchange="binance", **{key: value})  # type: ignore[arg-type]


def test_the_heaviest_calls_fit_the_smallest_budget() -> None:
    rates = VenueSettings(
        exchange="x",
        request_weight_per_minute_max=100,
        order_weight=20,
        look_up_weight=20,
        cancel_weight=20,
    ).rates()
    assert all(rates.draws(kind) for kind in CallKind)


@pytest.mark.parametrize(("limit", "burst"), [(3, 1), (150, 1), (1_000, 10), (10_000, 100)])
def test_few_orders_leave_one_by_one_and_of_many_a_hundredth_at_once(
    limit: int, burst: int
) -> None:
    rates = VenueSettings(exchange="binance", orders_per_second_max=limit).rates()
    assert rates.burst == burst
    # However they leave, no more of them are on their way or just arrived.
    assert rates.orders_in_a_second_max == limit
