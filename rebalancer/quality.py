"""How well an order was executed."""

from decimal import Decimal

from rebalancer.money import exact, share_bps
from rebalancer.orders import Order


def slippage_bps(order: Order, filled_base: Decimal, paid_quote: Decimal) -> Decimal:
    """Average fill price against the mid at planning, in bps; > 0 is a cost, whichever the side.

    Fees are not in it: they are recorded beside each fill.
    """
    assert filled_base > 0, filled_base
    sign = 1 if order.side == "buy" else -1
    with exact():
        at_arrival = filled_base * order.arrival_mid_quote
        cost = sign * (paid_quote - at_arrival)
    return share_bps(cost, at_arrival)
