"""A venue that asked everybody to wait is asked nothing, and whoever hears it tells everybody."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from rebalancer.errors import StoreUnavailable, VenueUnavailable
from rebalancer.ports import Venue
from rebalancer.queue import SendPermit
from rebalancer.settlement import Accepted, NotSent, Unanswered
from tests.contract.binance_scene import (
    ACCOUNT,
    INFO,
    LOOK_UP,
    ORDER,
    TICKERS,
    TIME,
    TRADES,
    make_answer,
    scene,
)
from tests.contract.raw_server import Reply, Route, answer, error
from tests.factories import NOW_MS, VENUE, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

Ask = Callable[[Venue], Awaitable[Any]]

BAN_MS = 90_000
LIMIT = error(-1003, "Way too many requests", status=418, Retry_After="90")
THE_ORDER = make_order()
PERMIT = SendPermit(THE_ORDER, valid_until_ms=NOW_MS + 60_000)
CANCEL: Route = ("DELETE", "/api/v3/order")
OPEN_ORDERS: Route = ("GET", "/api/v3/openOrders")
BOOK: Route = ("GET", "/api/v3/depth")
STATUS: Route = ("GET", "/sapi/v1/system/status")
RIGHTS: Route = ("GET", "/sapi/v1/account/apiRestrictions")

READS: dict[str, tuple[Route, Ask]] = {
    "rules": (INFO, lambda it: it.fetch_rules([THE_ORDER.symbol])),
    "tickers": (TICKERS, lambda it: it.fetch_tickers([THE_ORDER.symbol])),
    "balances": (ACCOUNT, lambda it: it.fetch_balances()),
    "fills": (TRADES, lambda it: it.fetch_fills(THE_ORDER, "28")),
    "open orders": (OPEN_ORDERS, lambda it: it.fetch_open_orders([THE_ORDER.symbol])),
    "trades": (TRADES, lambda it: it.fetch_account_trades(THE_ORDER.symbol, since_ms=NOW_MS)),
    "book": (BOOK, lambda it: it.fetch_book(THE_ORDER.symbol, levels=5)),
    "status": (STATUS, lambda it: it.fetch_status()),
    "rights": (RIGHTS, lambda it: it.fetch_key_rights()),
    "clock": (TIME, lambda it: it.fetch_clock_skew_ms()),
}
QUIET: dict[str, tuple[Route, Ask]] = {
    "probe": (TIME, lambda it: it.probe()),
    "look-up": (LOOK_UP, lambda it: it.look_up(THE_ORDER)),
    "cancel": (CANCEL, lambda it: it.cancel(THE_ORDER, "28")),
    "submit": (ORDER, lambda it: it.submit(PERMIT)),
}


@pytest.mark.parametrize("what", READS | QUIET)
async def test_whatever_meets_slow_down_closes_the_tap_for_everybody(what: str) -> None:
    route, ask = (READS | QUIET)[what]
    tap = FakeTap(FakeClock())
    async with scene({route: [LIMIT]}, tap=tap) as (venue, _):
        if what in QUIET:
            await ask(venue)
        else:
            with pytest.raises(VenueUnavailable, match="Way too many requests"):
                await ask(venue)
    assert tap.closed == {VENUE: NOW_MS + BAN_MS}


@pytest.mark.parametrize("what", READS)
async def test_nothing_is_read_while_the_tap_is_closed_and_the_reason_names_its_end(
    what: str,
) -> None:
    tap = FakeTap(FakeClock())
    tap.close_tap(VENUE, for_ms=BAN_MS)
    async with scene(tap=tap) as (venue, server):
        with pytest.raises(VenueUnavailable, match=r"to wait until .* UTC") as caught:
            await READS[what][1](venue)
    assert server.requests == ()
    assert caught.value.retry_after_ms == BAN_MS
    assert tap.closed == {VENUE: NOW_MS + BAN_MS}


@pytest.mark.parametrize("what", ["probe", "look-up", "cancel"])
async def test_no_probe_look_up_or_cancel_goes_out_while_the_tap_is_closed(what: str) -> None:
    clock = FakeClock()
    tap = FakeTap(clock)
    async with scene({ORDER: [answer(make_answer())]}, clock=clock, tap=tap) as (venue, server):
        await venue.probe()
        assert venue.conditions.latency_ms is not None
        seen = server.requests
        tap.close_tap(VENUE, for_ms=BAN_MS)
        told = await QUIET[what][1](venue)
        assert server.requests == seen
        assert venue.conditions.latency_ms is None
        clock.advance(BAN_MS)
        await venue.probe()
        assert venue.conditions.latency_ms is not None
    assert told is None or isinstance(told, Unanswered)


async def test_an_order_whose_markets_may_not_be_read_now_was_not_sent() -> None:
    tap = FakeTap(FakeClock())
    tap.close_tap(VENUE, for_ms=BAN_MS)
    async with scene(tap=tap) as (venue, server):
        result = await venue.submit(PERMIT)
    assert server.requests == ()
    assert isinstance(result, NotSent)
    assert (result.retry_after_ms, result.is_rate_limit) == (BAN_MS, False)


async def test_a_tap_that_cannot_be_read_counts_as_closed_for_reads_alone() -> None:
    away = FakeTap(FakeClock(), is_away=True)
    async with scene(tap=away) as (venue, server):
        with pytest.raises(StoreUnavailable, match="Redis is away"):
            await venue.fetch_balances()
        await venue.probe()
        assert isinstance(await venue.submit(PERMIT), NotSent)
    assert server.requests == ()


class _LeavingTap(FakeTap):
    """Answers while it is open; its server is gone as soon as somebody closes it."""

    def close_tap(self, venue: object, *, for_ms: int) -> None:
        del venue, for_ms
        raise StoreUnavailable("Redis is away")


async def test_a_pause_that_cannot_be_told_to_everybody_still_answers_the_order() -> None:
    routes = {ORDER: [LIMIT, Reply("")]}
    async with scene(routes, tap=_LeavingTap(FakeClock())) as (venue, _):
        result = await venue.submit(PERMIT)
    assert isinstance(result, NotSent)
    assert (result.retry_after_ms, result.is_rate_limit) == (BAN_MS, True)


async def test_a_tap_closed_elsewhere_opens_by_itself() -> None:
    clock = FakeClock()
    tap = FakeTap(clock)
    tap.close_tap(VENUE, for_ms=BAN_MS)
    async with scene({ORDER: [answer(make_answer())]}, clock=clock, tap=tap) as (venue, _):
        assert isinstance(await venue.submit(PERMIT), NotSent)
        clock.advance(BAN_MS)
        later = SendPermit(THE_ORDER, clock.now_ms() + 1_000)
        assert isinstance(await venue.submit(later), Accepted)
