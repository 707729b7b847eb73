"""An order's history tells of its sending with the permit, not only with the answer."""

from rebalancer.order_states import OrderState
from resources.archive_rows import OrderEvent
from services.cli.order_history import history_json, told_events
from tests.factories import make_order

ORDER = make_order(planned_at_ms=1_000)
_QUEUED = [(1_000, OrderState.PLANNED), (1_010, OrderState.QUEUED)]


def states(told: list[tuple[int, OrderState]], *, sent_at_ms: int | None) -> list[str]:
    events = [OrderEvent(ORDER.client_order_id, at, state, None) for at, state in told]
    lines = history_json(told_events(ORDER, events, sent_at_ms=sent_at_ms))
    return [line["state"] for line in lines]


def test_a_mark_is_the_last_line_while_the_books_know_no_answer() -> None:
    assert states(_QUEUED, sent_at_ms=1_500) == ["planned", "queued", "sent"]


def test_a_mark_stands_before_what_came_of_it_even_by_a_clock_that_is_behind() -> None:
    in_doubt = [*_QUEUED, (1_490, OrderState.IN_DOUBT)]
    assert states(in_doubt, sent_at_ms=1_500) == ["planned", "queued", "sent", "in_doubt"]


def test_without_a_mark_the_books_stand_as_they_are() -> None:
    assert states(_QUEUED, sent_at_ms=None) == ["planned", "queued"]


def test_an_order_put_back_from_the_books_has_no_instant_of_its_own() -> None:
    in_doubt = [*_QUEUED, (1_490, OrderState.IN_DOUBT)]
    assert states(in_doubt, sent_at_ms=1_000) == ["planned", "queued", "in_doubt"]
