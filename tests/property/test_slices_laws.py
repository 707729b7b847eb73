"""Laws of working a leg: its slices sum to it, and no chain of orders trades more or goes on."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from rebalancer.money import exact
from rebalancer.orders import Order, OrderStyle
from rebalancer.precision import Side
from rebalancer.slices import (
    RESIDUAL_ATTEMPTS_MAX,
    RESIDUAL_URGENCY_STEP,
    SLICES_MAX,
    plan_slices,
    successor_of,
)
from tests.factories import make_order
from tests.property.strategies import steps

CHAIN_MAX = SLICES_MAX * (RESIDUAL_ATTEMPTS_MAX + 1)

sides: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])
styles: st.SearchStrategy[OrderStyle] = st.sampled_from(["take", "post"])
shares = st.sampled_from([100, 0, 94, 95, 96]) | st.integers(0, 100)


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Decimal, Decimal, Decimal, Decimal, int]:
    """(leg, most of a slice, least, step, most slices)."""
    step = draw(steps)
    least = draw(st.integers(1, 50))
    leg, most = draw(st.integers(least, 2_000)), draw(st.integers(least, 500))
    part = draw(st.sampled_from([Decimal(0), Decimal("0.5"), Decimal("0.99")]))
    with exact():
        return leg * step, (most + part) * step, least * step, step, draw(st.integers(1, 50))


@st.composite
def working_orders(draw: st.DrawFn) -> Order:
    """The first order of a leg, whose slices are of any size."""
    least, amount = draw(st.integers(1, 20)), draw(st.integers(20, 100))
    side, style = draw(sides), draw(styles)
    worst = Decimal(50_000)
    passive = worst - 100 if side == "buy" else worst + 100
    return make_order(
        side=side,
        style=style,
        amount_base=Decimal(amount),
        leg_rest_base=Decimal(draw(st.just(0) | st.integers(0, 1_000))),
        least_base=Decimal(least),
        worst_price_quote=worst,
        limit_price_quote=passive if style == "post" else worst,
    )


def _leg(order: Order) -> Decimal:
    return order.amount_base + order.leg_rest_base


def _chain(order: Order, filled: list[int]) -> list[tuple[Order, Decimal]]:
    """Each order of the leg with what it filled; `filled` in percent, the last one repeats."""
    orders, current = [], order
    for turn in range(CHAIN_MAX + 1):
        share = filled[min(turn, len(filled) - 1)]
        part = current.amount_base * share / 100
        orders.append((current, part))
        follower = successor_of(current, part)
        if follower is None:
            return orders
        current = follower
    raise AssertionError("the chain does not end")


@given(cuts())
@example((Decimal(6), Decimal(4), Decimal(4), Decimal(1), 2))
def test_slices_fit_the_book_and_the_venue_and_hold_as_much_as_they_can(
    cut: tuple[Decimal, Decimal, Decimal, Decimal, int],
) -> None:
    leg, most, least, step, slices_max = cut
    first, rest = plan_slices(
        leg, slice_base_max=most, least_base=least, step_base=step, slices_max=slices_max
    )
    whole, size = Fraction(first) + Fraction(rest), Fraction(first)
    count, tail = divmod(whole, size)
    assert least <= first <= most
    assert tail == 0 or tail >= least
    assert count + (tail > 0) <= slices_max
    assert whole <= leg
    assert (size / Fraction(step)).denominator == (whole / Fraction(step)).denominator == 1
    if leg <= most:
        assert first == leg
        assert rest == 0
    if most >= 2 * least:
        slices = count + (tail > 0)
        possible = min(Fraction(leg), (Fraction(most) // Fraction(step)) * Fraction(step) * 50)
        assert whole > possible - (slices + 1) * Fraction(step) or slices == slices_max


@given(working_orders())
def test_a_leg_that_fills_is_traded_whole_but_for_what_the_venue_would_not_take(
    order: Order,
) -> None:
    chain = _chain(order, [100])
    filled = sum(part for _, part in chain)
    left = _leg(order) - filled
    assert 0 <= left < order.least_base or len({row.slice_index for row, _ in chain}) == SLICES_MAX
    assert all(row.style == order.style and row.attempt == 0 for row, _ in chain)


@given(working_orders(), st.lists(shares, min_size=1, max_size=12))
def test_a_chain_never_trades_more_than_its_leg_and_keeps_to_its_bounds(
    order: Order, filled: list[int]
) -> None:
    chain = _chain(order, filled)
    traded = Decimal(0)
    for row, part in chain:
        assert traded + _leg(row) == _leg(order)
        traded += part
        assert order.least_base <= row.amount_base <= order.amount_base
        assert row.worst_price_quote == order.worst_price_quote
        assert row.expires_at_ms == order.expires_at_ms
        assert row.attempt <= RESIDUAL_ATTEMPTS_MAX
        if row.style == "take":
            assert row.limit_price_quote == order.worst_price_quote
        else:
            assert row.limit_price_quote == order.limit_price_quote
    assert traded <= _leg(order)
    assert len({row.client_order_id for row, _ in chain}) == len(chain)
    places = [(row.slice_index, row.attempt) for row, _ in chain]
    assert places == sorted(places)


@given(working_orders(), shares)
def test_what_follows_says_how_the_order_ended(order: Order, share: int) -> None:
    follower = successor_of(order, order.amount_base * share / 100)
    if share >= 95 and order.leg_rest_base == 0:
        assert follower is None
    elif follower is not None and share >= 95:
        assert (follower.slice_index, follower.attempt) == (1, 0)
        assert (follower.style, follower.urgency) == (order.style, order.urgency)
    elif follower is not None:
        assert (follower.slice_index, follower.attempt) == (0, 1)
        raised = Decimal(0) if order.style == "post" else RESIDUAL_URGENCY_STEP
        assert (follower.style, follower.urgency) == ("take", order.urgency + raised)


def test_what_is_left_below_the_least_is_not_ordered_again() -> None:
    order = make_order(amount_base=Decimal(10), least_base=Decimal(4))
    assert successor_of(order, Decimal(7)) is None
    follower = successor_of(order, Decimal(6))
    assert follower is not None
    assert follower.amount_base == 4
    assert successor_of(replace(order, attempt=RESIDUAL_ATTEMPTS_MAX), Decimal(0)) is None
