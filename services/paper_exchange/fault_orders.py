"""Faults of one order: filled in part, told late, said to be cancelled while it fills.

Belongs here: turning such a fault into what the engine does with the order.
Does not belong here: doing it (`engine`, `twists`).
"""

from services.paper_exchange.calls import Call
from services.paper_exchange.exchange import Exchange
from services.paper_exchange.fault_kinds import Place
from services.paper_exchange.orders import NewOrder
from services.paper_exchange.twists import ONE, PLAIN, Twist

FEIGNS = "fill_after_cancel"


def twist_arrival(exchange: Exchange, call: Call, asked: NewOrder) -> Twist:
    """How the faults that fire on an arriving order bend it.

    Raises:
        Refusal: The order is not taken; no fault was spent on it.
    """
    panel = exchange.faults
    if not panel.is_armed(Place.SIZE) and not panel.is_armed(Place.VIEW):
        return PLAIN
    exchange.engine.judge(asked)
    size = panel.take(Place.SIZE, call, call.now_ms)
    share = ONE if size is None else size.param("share")
    view = panel.take(Place.VIEW, call, call.now_ms)
    if view is None:
        return Twist(share)
    until_ms = call.now_ms + view.param("late_ms")
    if view.name == FEIGNS:
        return Twist(share, until_ms, ends_feigned=True, share_shown=view.param("share"))
    return Twist(share, until_ms)


def feigned_until_ms(exchange: Exchange, call: Call) -> int | None:
    """Until when a cancel is only said to have worked; None when it does work."""
    fault = exchange.faults.take(Place.VIEW, call, call.now_ms, name=FEIGNS)
    return None if fault is None else int(call.now_ms + fault.param("late_ms"))
