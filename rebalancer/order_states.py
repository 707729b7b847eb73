"""Where an order stands, and which steps from there are possible, expected or alarming.

The table admits what venues really do: a fill after a cancel, a fill of an order they said they did
not have. Nothing goes backwards. A step that our books did not expect is written down all the same
(money has moved), and named a contradiction, so that the portfolio is frozen and a person told.
"""

from enum import StrEnum


class OrderState(StrEnum):
    """Where an order stands. The last eight are final."""

    PLANNED = "planned"
    AWAITING_APPROVAL = "awaiting_approval"
    QUEUED = "queued"
    IN_DOUBT = "in_doubt"
    OPEN = "open"
    """The venue has it, and it rests in the book."""
    FILLED = "filled"
    PARTIALLY_FILLED = "partially_filled"
    UNFILLED = "unfilled"
    REFUSED = "refused"
    DENIED = "denied"
    REJECTED = "rejected"
    EXPIRED = "expired"
    NOT_FOUND = "not_found"


class Step(StrEnum):
    """What moving from one state to another means."""

    FORWARD = "forward"
    SAME = "same"
    STALE = "stale"
    """Told late: the order is further already. It changes nothing."""
    CONTRADICTION = "contradiction"
    """The venue did what our books say it had not. Booked, then frozen and paged."""
    IMPOSSIBLE = "impossible"
    """Books and venue cannot both be right. Not booked; frozen and paged."""


_S = OrderState
OPEN_STATES = (_S.PLANNED, _S.AWAITING_APPROVAL, _S.QUEUED, _S.IN_DOUBT, _S.OPEN)
FINAL_STATES = frozenset(OrderState) - set(OPEN_STATES)
STATES_WITH_FILLS = frozenset({_S.FILLED, _S.PARTIALLY_FILLED})


def judge_step(before: OrderState, after: OrderState, *, fills_grew: bool = False) -> Step:
    """Say what it means that an order that stood at `before` now stands at `after`.

    Args:
        before: What the books hold.
        after: What is to be booked.
        fills_grew: More is filled now than the books hold.
    """
    if before in FINAL_STATES:
        return _judge_ended(before, after, fills_grew=fills_grew)
    if after == before:
        return Step.SAME
    if after in FINAL_STATES:
        return Step.FORWARD
    return Step.FORWARD if OPEN_STATES.index(after) > OPEN_STATES.index(before) else Step.STALE


def _judge_ended(before: OrderState, after: OrderState, *, fills_grew: bool) -> Step:
    """Money that moved is always booked. Of two ends without any, the first one stands."""
    if after not in FINAL_STATES:
        return Step.STALE
    had_fills, has_fills = before in STATES_WITH_FILLS, after in STATES_WITH_FILLS
    if fills_grew:
        # A fill after a cancel, or of an order that was refused, denied, or never sent by us.
        return Step.IMPOSSIBLE if had_fills and _is_less(before, after) else Step.CONTRADICTION
    if after == before:
        return Step.SAME
    if after is OrderState.UNFILLED:
        # The venue has the order: it contradicts trades, and that it never came there.
        return Step.IMPOSSIBLE if had_fills else Step.CONTRADICTION
    if has_fills or (had_fills and after in _SAID_NO):
        return Step.IMPOSSIBLE
    return Step.STALE


_SAID_NO = frozenset({_S.REFUSED, _S.DENIED, _S.REJECTED})


def _is_less(before: OrderState, after: OrderState) -> bool:
    return before is OrderState.FILLED and after is not OrderState.FILLED
