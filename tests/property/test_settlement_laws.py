"""Laws of settlement: trades are counted once, in any order, and never more than was asked."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rebalancer.errors import BooksDisagree
from rebalancer.money import ZERO, exact, to_decimal
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.precision import Side
from rebalancer.settlement import (
    Accepted,
    Expired,
    Fill,
    NotFound,
    Outcome,
    Refused,
    Settlement,
    settle,
)
from rebalancer.slices import RESIDUAL_ATTEMPTS_MAX, successor_of
from tests.factories import make_fill, make_order
from tests.property.strategies import positive, usual

sides: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])
orders = st.builds(
    lambda side, amount, mid: make_order(side=side, amount_base=amount, arrival_mid_quote=mid),
    sides,
    positive,
    usual,
)


@st.composite
def traded(draw: st.DrawFn, *, extra: int = 0) -> tuple[Order, tuple[Fill, ...]]:
    """An order and trades that fill some of it; with `extra`, one smallest unit more than all."""
    order = draw(orders)
    _, digits, exponent = order.amount_base.as_tuple()
    assert isinstance(exponent, int)
    units = int("".join(map(str, digits)))
    whole = units if extra else draw(st.integers(0, units) | st.just(units))
    cuts = draw(st.lists(st.integers(0, whole), max_size=4).map(sorted))
    parts = [high - low for low, high in zip([0, *cuts], [*cuts, whole], strict=True)]
    amounts = [f"{part}E{exponent}" for part in [*parts, extra] if part > 0]
    prices = draw(st.lists(positive, min_size=len(amounts), max_size=len(amounts)))
    return order, tuple(
        make_fill(order, amount, trade_id=str(index), price=str(price))
        for index, (amount, price) in enumerate(zip(amounts, prices, strict=True))
    )


def _accepted(order: Order, fills: tuple[Fill, ...]) -> Accepted:
    with exact():
        filled = sum((fill.amount_base for fill in fills), ZERO)
    return Accepted(order, "v1", is_closed=True, filled_base=filled)


@given(traded(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_order_and_repetition_of_trades_change_nothing(
    case: tuple[Order, tuple[Fill, ...]], random: Random, times: int
) -> None:
    order, fills = case
    again = [*fills, *fills[:times]]
    random.shuffle(again)
    outcome = _accepted(order, fills)
    assert settle(outcome, again) == settle(outcome, fills)


@given(traded())
def test_the_sums_are_exact_and_what_is_left_is_the_rest(
    case: tuple[Order, tuple[Fill, ...]],
) -> None:
    order, fills = case
    settled = settle(_accepted(order, fills), fills)
    filled = sum(Fraction(fill.amount_base) for fill in fills)
    paid = sum(Fraction(fill.amount_base) * Fraction(fill.price_quote) for fill in fills)
    assert Fraction(settled.filled_base) == filled
    assert Fraction(settled.paid_quote) == paid
    assert (settled.successor is None) == (
        filled >= Fraction(95, 100) * Fraction(order.amount_base)
    )
    if settled.successor:
        assert Fraction(settled.successor.amount_base) + filled == Fraction(order.amount_base)
    if filled == 0:
        expected = OrderState.UNFILLED
    else:
        is_whole = filled == Fraction(order.amount_base)
        expected = OrderState.FILLED if is_whole else OrderState.PARTIALLY_FILLED
    assert settled.state == expected


@given(traded())
def test_slippage_is_a_cost_exactly_when_the_price_was_worse_than_the_mid(
    case: tuple[Order, tuple[Fill, ...]],
) -> None:
    order, fills = case
    settled = settle(_accepted(order, fills), fills)
    if not fills:
        assert settled.slippage_bps is None
        return
    mid = Fraction(order.arrival_mid_quote)
    average = Fraction(settled.paid_quote) / Fraction(settled.filled_base)
    worse = (average - mid) if order.side == "buy" else (mid - average)
    assert settled.slippage_bps is not None
    assert Fraction(settled.slippage_bps) * 100 == round(1_000_000 * worse / mid)


@given(traded(extra=1))
def test_more_filled_than_asked_is_booked_as_it_is_and_told(
    case: tuple[Order, tuple[Fill, ...]],
) -> None:
    order, fills = case
    settled = settle(_accepted(order, fills), fills)
    assert settled.state is OrderState.FILLED
    assert settled.filled_base > order.amount_base
    assert settled.contradiction is not None
    assert "filled of" in settled.contradiction
    assert settled.successor is None


@given(traded(), positive)
def test_a_sum_that_differs_from_its_trades_halts(
    case: tuple[Order, tuple[Fill, ...]], off: Decimal
) -> None:
    order, fills = case
    outcome = _accepted(order, fills)
    with exact():
        wrong = replace(outcome, filled_base=outcome.filled_base + off)
    with pytest.raises(BooksDisagree, match="venue says"):
        settle(wrong, fills)


@given(traded(), st.sampled_from(["refused", "expired", "not_found"]))
def test_trades_of_an_order_the_venue_never_took_are_booked_and_told(
    case: tuple[Order, tuple[Fill, ...]], kind: str
) -> None:
    order, fills = case
    outcomes: dict[str, Outcome] = {
        "refused": Refused(order, "no"),
        "expired": Expired(order),
        "not_found": NotFound(order),
    }
    settled = settle(outcomes[kind], fills)
    assert settled.successor is None
    if fills:
        assert settled.contradiction is not None
        assert "yet" in settled.contradiction
        assert settled.filled_base > 0
    else:
        assert settled.contradiction is None
        assert settled.state == OrderState(kind)


@given(traded(), st.sampled_from(["amount_base", "price_quote", "fee_amount"]))
def test_one_trade_told_in_two_ways_halts(case: tuple[Order, tuple[Fill, ...]], field: str) -> None:
    order, fills = case
    if not fills:
        return
    with exact():
        told = getattr(fills[0], field) / 2
    changes: dict[str, Decimal] = {field: told}
    other = replace(fills[0], **changes)  # type: ignore[arg-type]
    for pair in ([*fills, other], [other, *fills]):
        with pytest.raises(BooksDisagree, match="two ways"):
            settle(_accepted(order, fills), pair)


@given(orders, st.lists(st.integers(0, 100), min_size=9, max_size=9))
def test_residuals_end_after_few_generations_and_never_exceed_what_was_asked(
    order: Order, shares: list[int]
) -> None:
    names, asked, filled, current = set(), Fraction(order.amount_base), Fraction(0), order
    for generation, share in enumerate(shares):
        names.add(current.client_order_id)
        assert len(names) == generation + 1
        assert current.urgency <= 1
        assert current.limit_price_quote == order.limit_price_quote
        assert current.expires_at_ms == order.expires_at_ms
        with exact():
            part = current.amount_base * share / 100
        filled += Fraction(part)
        residual = successor_of(current, part)
        if residual is None:
            break
        assert residual.urgency == min(current.urgency + Decimal("0.2"), Decimal(1))
        current = residual
    assert len(names) <= RESIDUAL_ATTEMPTS_MAX + 1
    assert filled <= asked


@given(usual, st.sampled_from(["0", "-1", "-0.00000001"]), st.booleans())
def test_a_trade_of_nothing_or_less_halts(amount: Decimal, odd: str, is_price: bool) -> None:
    order = make_order(amount_base=amount)
    fill = make_fill(order, str(amount))
    bad = replace(fill, price_quote=to_decimal(odd)) if is_price else make_fill(order, odd)

    def settled() -> Settlement:
        return settle(_accepted(order, (bad,)), [bad])

    with pytest.raises(BooksDisagree, match="expected more than 0"):
        settled()
