"""What every Venue promises, asked of the fake and of ccxt on the paper exchange."""

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from rebalancer.balances import sanitize_balances
from rebalancer.money import ZERO, Asset, exact, to_decimal
from rebalancer.orders import Order
from rebalancer.ports import Venue
from rebalancer.precision import sanitize_rules
from rebalancer.queue import SendPermit
from rebalancer.settlement import Absent, Accepted, Fill, NotSent, RefusalKind, Refused, settle
from tests.contract.venue_scene import BTC, UNLISTED, make_permit, open_venue, quote_of
from tests.factories import (
    NOW_MS,
    make_order,
)
from tests.plugins.paper import PaperFactory


@pytest.fixture(params=["fake", "paper exchange"])
async def venue(request: pytest.FixtureRequest, make_paper: PaperFactory) -> AsyncIterator[Venue]:
    async with open_venue(request.param, make_paper) as opened:
        yield opened


async def holdings_of(venue: Venue) -> dict[Asset, Decimal]:
    balances, rejected = sanitize_balances(await venue.fetch_balances())
    assert not rejected
    return {asset: balance.total for asset, balance in balances.items()}


async def test_rules_are_readable_and_an_unlisted_symbol_is_absent(venue: Venue) -> None:
    raw = await venue.fetch_rules([BTC, UNLISTED])
    rules, rejected = sanitize_rules(raw, [BTC])
    assert [rule.symbol for rule in raw] == [BTC]
    assert not rejected
    assert rules[BTC].amount_base_step == Decimal("0.00001")
    assert rules[BTC].notional_quote_min == 10
    assert rules[BTC].observed_at_ms == NOW_MS


async def test_tickers_are_stamped_by_our_clock_and_an_unlisted_one_is_absent(
    venue: Venue,
) -> None:
    tickers = await venue.fetch_tickers([BTC, UNLISTED])
    assert [(ticker.symbol, ticker.observed_at_ms) for ticker in tickers] == [(BTC, NOW_MS)]
    bid, ask = await quote_of(venue)
    assert bid < ask


async def test_balances_are_readable(venue: Venue) -> None:
    holdings = await holdings_of(venue)
    assert holdings[Asset("BTC")] == Decimal("0.6")
    assert holdings[Asset("USDC")] == 20_000


async def test_an_order_at_the_ask_fills_and_its_trades_settle_exactly(venue: Venue) -> None:
    _, ask = await quote_of(venue)
    order = make_order(amount_base=Decimal("0.01"), limit_price_quote=ask)
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Accepted)
    assert answer.is_closed
    fills = await venue.fetch_fills(order, answer.venue_order_id)
    settled = settle(answer, fills)
    assert settled.filled_base == order.amount_base
    assert settled.paid_quote == order.amount_base * ask
    assert {fill.is_maker for fill in fills} == {False}


@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_the_account_changes_by_what_the_trades_say(venue: Venue, side: str) -> None:
    bid, ask = await quote_of(venue)
    before = await holdings_of(venue)
    limit = ask if side == "buy" else bid
    order = make_order(side=side, amount_base=Decimal("0.01"), limit_price_quote=limit)  # type: ignore[arg-type]  # parametrize knows no literals
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Accepted)
    fills = await venue.fetch_fills(order, answer.venue_order_id)
    after = await holdings_of(venue)
    changes = {asset: after[asset] - before[asset] for asset in BTC_AND_CASH}
    assert changes == expected_changes(order, fills)


BTC_AND_CASH = (BTC.base, BTC.quote)


def expected_changes(order: Order, fills: tuple[Fill, ...]) -> dict[Asset, Decimal]:
    changes = dict.fromkeys(BTC_AND_CASH, ZERO)
    sign = 1 if order.side == "buy" else -1
    with exact():
        for fill in fills:
            changes[BTC.base] += sign * fill.amount_base
            changes[BTC.quote] -= sign * fill.amount_base * fill.price_quote
            assert fill.fee_asset is not None
            changes[fill.fee_asset] -= fill.fee_amount
    return changes


async def test_an_order_away_from_the_market_is_closed_unfilled(venue: Venue) -> None:
    bid, _ = await quote_of(venue)
    limit = (bid * Decimal("0.9")).quantize(Decimal("0.01"))
    order = make_order(amount_base=Decimal("0.01"), limit_price_quote=limit)
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Accepted)
    assert answer.is_closed
    assert answer.filled_base == 0
    assert await venue.fetch_fills(order, answer.venue_order_id) == ()


async def test_a_look_up_tells_what_the_submission_told(venue: Venue) -> None:
    _, ask = await quote_of(venue)
    order = make_order(amount_base=Decimal("0.01"), limit_price_quote=ask)
    assert await venue.look_up(order) == Absent(order)
    answer = await venue.submit(make_permit(order))
    assert await venue.look_up(order) == answer


async def test_reading_fills_twice_gives_the_same_trades(venue: Venue) -> None:
    _, ask = await quote_of(venue)
    order = make_order(amount_base=Decimal("0.01"), limit_price_quote=ask)
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Accepted)
    first = await venue.fetch_fills(order, answer.venue_order_id)
    assert first
    assert await venue.fetch_fills(order, answer.venue_order_id) == first
    # What came with the answer already is all of it or nothing, and the same.
    assert answer.fills in ((), first)


@pytest.mark.parametrize(
    ("amount", "kind", "why"),
    [
        ("0.5", RefusalKind.FUNDS, "costs more than there is"),
        ("0.00001", RefusalKind.RULES, "is worth too little"),
        ("0.000015", RefusalKind.RULES, "step"),
    ],
)
async def test_an_order_the_venue_cannot_take_is_refused_with_its_kind(
    venue: Venue, amount: str, kind: RefusalKind, why: str
) -> None:
    _, ask = await quote_of(venue)
    order = make_order(amount_base=to_decimal(amount), limit_price_quote=ask)
    answer = await venue.submit(make_permit(order))
    assert isinstance(answer, Refused), why
    assert answer.kind is kind
    assert await venue.look_up(order) == Absent(order)


async def test_a_permit_that_ran_out_sends_nothing(venue: Venue) -> None:
    order = make_order()
    answer = await venue.submit(SendPermit(order, valid_until_ms=NOW_MS))
    assert isinstance(answer, NotSent)
    assert await venue.look_up(order) == Absent(order)


async def test_latency_is_unknown_until_the_first_answer(venue: Venue) -> None:
    assert venue.conditions.latency_ms is None
    await venue.probe()
    assert venue.conditions.latency_ms is not None
