"""One leg as several orders, one after the other: the first slice, and the order that follows.

A leg never has two live orders: each order names what is left of the leg after it, and the next one
is made from that when it has ended. Sending and booking are not met here.
"""

from dataclasses import replace
from decimal import Decimal

from rebalancer.money import ONE, bps_of, exact, floor_to_step
from rebalancer.orders import Order, OrderStyle, name_order

SLICES_MAX = 50
"""The highest number of slices of one leg, those for what earlier ones left included."""
RESIDUAL_BELOW_BPS = 9_500
"""An order filled below this share of what was asked leaves a residual order for the rest."""
RESIDUAL_ATTEMPTS_MAX = 2
RESIDUAL_URGENCY_STEP = Decimal("0.2")


def plan_slices(
    leg_base: Decimal,
    *,
    slice_base_max: Decimal,
    least_base: Decimal,
    step_base: Decimal,
    slices_max: int,
) -> tuple[Decimal, Decimal]:
    """Cut a leg into slices of one size, the last of which may be smaller.

    Laws: no slice is above `slice_base_max` or below `least_base`; there are at most `slices_max`;
    each is a multiple of the step. What does not fit is left to the next cycle: all beyond
    `slices_max` slices, and a few steps where they could not be shared out.

    Args:
        leg_base: The whole leg, a multiple of the step.
        slice_base_max: The most one slice may have, at least `least_base`.
        least_base: The least the venue takes, a multiple of the step.
        step_base: The venue's amount step.
        slices_max: The most slices.

    Returns:
        (the first slice, the rest of the leg).
    """
    assert 0 < least_base <= leg_base, (least_base, leg_base)
    assert 0 < slices_max <= SLICES_MAX, slices_max
    with exact():
        most = int(floor_to_step(slice_base_max, step_base) / step_base)
        least = int(least_base / step_base)
        assert least <= most, (least_base, slice_base_max)
        leg = min(int(leg_base / step_base), most * slices_max)
        first, total = _share_out(leg, most, least)
        return first * step_base, (total - first) * step_base


def successor_of(order: Order, filled_base: Decimal) -> Order | None:
    """The order that follows on the same leg once this one has ended, or None when it is over.

    What this order left, if anything, goes on with the rest of the leg, in orders of the same size:
    the next slice after one that filled (95 % and more), a residual one urgency step up after one
    that did not, and after one that waited in the book an order that crosses at the worst price.

    Laws: a leg never trades more in all than was planned; no follower is beyond the worst price,
    larger than the order before it, or below `least_base`; a chain of followers ends; each has an
    id of its own. Computed from the order's own fills, never from balances.
    """
    assert 0 <= filled_base <= order.amount_base, (order, filled_base)
    is_filled = filled_base >= bps_of(order.amount_base, RESIDUAL_BELOW_BPS)
    with exact():
        left = order.leg_rest_base + order.amount_base - filled_base
    if is_filled and order.leg_rest_base == 0:
        return None
    if is_filled:
        if order.slice_index + 1 >= SLICES_MAX:
            return None
        place, style, urgency = (order.slice_index + 1, 0), order.style, order.urgency
    else:
        if order.attempt >= RESIDUAL_ATTEMPTS_MAX:
            return None
        place, style = (order.slice_index, order.attempt + 1), "take"
        urgency = order.urgency if order.style == "post" else _raised(order.urgency)
    return _follower(order, left, place, style, urgency)


def _follower(
    order: Order, left: Decimal, place: tuple[int, int], style: OrderStyle, urgency: Decimal
) -> Order | None:
    amount = min(order.amount_base, left)
    if amount < order.least_base:
        return None
    slice_index, attempt = place
    with exact():
        rest = left - amount
    return replace(
        order,
        client_order_id=name_order(
            order.cycle_id,
            order.portfolio,
            order.symbol,
            order.side,
            slice_index=slice_index,
            attempt=attempt,
        ),
        amount_base=amount,
        leg_rest_base=rest,
        style=style,
        limit_price_quote=order.limit_price_quote if style == "post" else order.worst_price_quote,
        urgency=urgency,
        slice_index=slice_index,
        attempt=attempt,
    )


def _raised(urgency: Decimal) -> Decimal:
    with exact():
        return min(urgency + RESIDUAL_URGENCY_STEP, ONE)


def _share_out(leg: int, most: int, least: int) -> tuple[int, int]:
    """(size of a slice, sum of all slices), in steps: as much of `leg` as even slices can hold."""
    count = -(-leg // most)
    size = -(-leg // count)
    tail = leg % size
    if size >= least and (tail == 0 or tail >= least):
        return size, leg
    even = leg // count
    if even >= least:
        return even, even * count
    return most, most * (count - 1)
