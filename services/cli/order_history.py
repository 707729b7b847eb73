"""What happened to one order, in words: its events on the books, and the mark of its permit.

The books learn that an order was sent with the venue's answer, or with its silence. Until then only
the queue knows, so its mark stands among the events as a line of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from rebalancer.money import plain
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from resources.archive_rows import OrderEvent, OrderRow
from services.cli.order_words import moment, state_text, why_ordered
from services.cli.terminal import heading, say, table

SENT = "sent"
_BEFORE_SENT = frozenset({OrderState.PLANNED, OrderState.AWAITING_APPROVAL, OrderState.QUEUED})


@dataclass(frozen=True, slots=True)
class ToldEvent:
    """One line of an order's history; `state` None: it was marked as sent."""

    at_ms: int
    state: OrderState | None
    detail: str


def told_events(
    order: Order, events: Sequence[OrderEvent], *, sent_at_ms: int | None
) -> tuple[ToldEvent, ...]:
    """The events of the books with the mark put where it belongs, whatever the clocks say.

    Args:
        order: The order.
        events: What the books hold, the oldest first.
        sent_at_ms: When the queue marked it as sent; None where it holds no mark.
    """
    told = [ToldEvent(event.at_ms, event.state, event.detail or "") for event in events]
    # An order that came back from the books has no instant of its own: it counts from its planning.
    if sent_at_ms is not None and sent_at_ms > order.planned_at_ms:
        place = sum(event.state in _BEFORE_SENT for event in events)
        told.insert(place, ToldEvent(sent_at_ms, None, "marked in the queue, with its permit"))
    return tuple(told)


def history_json(events: Sequence[ToldEvent]) -> list[dict[str, Any]]:
    return [
        {
            "at": moment(event.at_ms),
            "state": SENT if event.state is None else event.state.value,
            "detail": event.detail or None,
        }
        for event in events
    ]


def show_order_history(row: OrderRow, events: Sequence[ToldEvent]) -> None:
    """Print an order, by which rules it was made, what the venue calls it, and its history."""
    facts = [f"made by the market rules of version {row.order.rules_version}"]
    if row.venue_order_id is not None:
        facts.append(f"the venue calls it {row.venue_order_id}")
    if row.contradiction is not None:
        facts.append(f"the venue contradicted the books: {row.contradiction}")
    _show(row.order, facts, events)


def show_history(order: Order, events: Sequence[OrderEvent]) -> None:
    """Print what an order is, and everything that the books say happened to it."""
    _show(order, (), told_events(order, events, sent_at_ms=None))


def _show(order: Order, facts: Sequence[str], events: Sequence[ToldEvent]) -> None:
    heading(order.client_order_id)
    what = f"{order.side} {plain(order.amount_base)} {order.symbol}"
    say(f"{what} at {plain(order.limit_price_quote)} or better: {why_ordered(order)}")
    say(f"portfolio {order.portfolio}, venue {order.venue}, cycle {order.cycle_id}")
    for fact in facts:
        say(fact)
    say()
    table(
        ("when (UTC)", "state", "detail"),
        [(moment(event.at_ms), _state(event), event.detail) for event in events],
    )


def _state(event: ToldEvent) -> str | Text:
    return SENT if event.state is None else state_text(event.state)
