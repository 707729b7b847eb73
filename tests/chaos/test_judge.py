"""The judge finds each planted violation, and nothing in a sound run."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.chaos.cases import (
    BOUGHT,
    DROPPED,
    SOLD,
    START_MS,
    make_booked,
    make_evidence,
    make_send,
    with_more,
    with_order,
)
from tests.chaos.facts import BookedEvent, End, Evidence, Verdict
from tests.chaos.judge import (
    judge_agreement,
    judge_doubled,
    judge_ends,
    judge_history,
    judge_known,
    judge_live_at_venue,
    judge_live_on_books,
    judge_residuals,
)

Judge = Callable[[Evidence], Verdict]


JUDGES = (
    judge_ends,
    judge_history,
    judge_agreement,
    judge_known,
    judge_doubled,
    judge_live_at_venue,
    judge_live_on_books,
    judge_residuals,
)
SOUND = make_evidence()


def found_by(judge: Judge, evidence: Evidence) -> list[str]:
    return [violation.order_id for violation in judge(evidence).violations]


@pytest.mark.parametrize("judge", JUDGES)
def test_a_sound_run_has_no_violation(judge: Judge) -> None:
    assert not judge(SOUND).violations


@pytest.mark.parametrize("state", ["planned", "queued", "in_doubt", "open"])
def test_an_order_without_an_end_is_lost(state: str) -> None:
    spoilt = with_order(SOUND, BOUGHT, state=state, settled_at_ms=None)
    assert found_by(judge_ends, spoilt) == [BOUGHT]


def test_an_order_that_was_never_sent_must_end_too() -> None:
    never_sent = with_more(SOUND, "orders", make_booked("idle", None, state="planned"))
    assert found_by(judge_ends, never_sent) == ["idle"]


def test_an_order_that_ended_must_not_wait_in_the_queue() -> None:
    assert found_by(judge_ends, replace(SOUND, queued_ids=frozenset({SOLD}))) == [SOLD]


def test_an_order_in_the_queue_must_be_on_the_books() -> None:
    assert found_by(judge_ends, replace(SOUND, queued_ids=frozenset({"ghost"}))) == ["ghost"]


@pytest.mark.parametrize(
    "event",
    [
        BookedEvent(SOLD, "unfilled", START_MS + 200),
        BookedEvent(SOLD, "in_doubt", START_MS + 200),
    ],
)
def test_a_second_end_or_a_life_after_the_end_is_found(event: BookedEvent) -> None:
    assert found_by(judge_history, with_more(SOUND, "history", event)) == [SOLD]


def test_a_second_end_that_is_told_as_a_contradiction_is_none_in_silence() -> None:
    late = BookedEvent(DROPPED, "filled", START_MS + 2_000)
    told = with_order(SOUND, DROPPED, state="filled", contradiction="the books said refused")
    assert not judge_history(with_more(told, "history", late)).violations
    after = BookedEvent(DROPPED, "in_doubt", START_MS + 3_000)
    assert found_by(judge_history, with_more(told, "history", late, after)) == [DROPPED]


def test_an_end_that_is_not_in_the_history_is_found() -> None:
    kept = tuple(event for event in SOUND.history if event.state != "refused")
    assert found_by(judge_history, replace(SOUND, history=kept)) == [DROPPED]


@pytest.mark.parametrize(
    ("order_id", "changes"),
    [
        (BOUGHT, {"filled_base": Decimal("0.4")}),
        (BOUGHT, {"state": "unfilled", "filled_base": Decimal(0)}),
        (BOUGHT, {"state": "not_found", "filled_base": Decimal(0)}),
        (BOUGHT, {"state": "expired", "filled_base": Decimal(0)}),
        (BOUGHT, {"venue_order_id": "another"}),
        (DROPPED, {"state": "unfilled"}),
        (DROPPED, {"state": "filled", "filled_base": Decimal("0.5")}),
    ],
)
def test_an_end_that_the_journal_contradicts_is_found(
    order_id: str, changes: dict[str, object]
) -> None:
    spoilt = with_order(SOUND, order_id, **changes)
    assert found_by(judge_agreement, spoilt) == [order_id]


def test_an_order_given_up_although_the_venue_took_it_unfilled_is_found() -> None:
    taken = with_more(SOUND, "sent", make_send(DROPPED, 8, 950))
    assert found_by(judge_agreement, taken) == [DROPPED]


def test_an_order_the_books_never_saw_is_found() -> None:
    spoilt = with_more(SOUND, "sent", make_send("stranger", 9, 1_500))
    assert found_by(judge_known, spoilt) == ["stranger"]


def test_a_foreign_order_needs_no_row_on_the_books() -> None:
    foreign = make_send("stranger", 9, 1_500, is_foreign=True)
    assert not judge_known(with_more(SOUND, "sent", foreign)).violations


@pytest.mark.parametrize("is_acted", [True, False])
def test_an_id_sent_again_after_it_was_acted_on_is_found(is_acted: bool) -> None:
    again = make_send(SOLD, 9, 1_500, is_acted=is_acted)
    assert found_by(judge_doubled, with_more(SOUND, "sent", again)) == [SOLD]


def test_an_order_that_was_not_taken_may_be_sent_again() -> None:
    again = make_send(DROPPED, 9, 1_500)
    assert not judge_doubled(with_more(SOUND, "sent", again)).violations


def test_two_live_orders_of_one_leg_at_the_venue_are_found() -> None:
    first_ends_last = (End(8, SOLD, Decimal("0.5")), SOUND.ends[1])
    assert found_by(judge_live_at_venue, replace(SOUND, ends=first_ends_last)) == [BOUGHT]


def test_an_order_that_never_ends_lives_to_the_end_of_the_journal() -> None:
    assert found_by(judge_live_at_venue, replace(SOUND, ends=SOUND.ends[1:])) == [BOUGHT]


def test_two_live_orders_of_different_legs_are_no_violation() -> None:
    apart = with_order(replace(SOUND, ends=SOUND.ends[1:]), SOLD, symbol="ETH/USDC")
    assert not judge_live_at_venue(apart).violations


def test_an_order_sent_before_the_one_before_it_was_settled_is_found() -> None:
    late = with_order(SOUND, SOLD, settled_at_ms=START_MS + 450)
    assert found_by(judge_live_on_books, late) == [BOUGHT]


def test_a_fill_told_after_the_end_does_not_make_the_order_before_live_again() -> None:
    told = with_order(SOUND, SOLD, settled_at_ms=START_MS + 9_000, contradiction="told late")
    assert not judge_live_on_books(told).violations


def test_a_follower_that_asks_for_more_than_the_leg_had_left_is_found() -> None:
    sliced = with_order(SOUND, BOUGHT, leg_rest_base=Decimal("0.1"))
    next_one = make_booked("rest", 2_000, follows=BOUGHT, amount_base=Decimal("0.1"))
    assert not judge_residuals(with_more(sliced, "orders", next_one)).violations
    greedy = replace(next_one, leg_rest_base=Decimal("0.01"))
    assert found_by(judge_residuals, with_more(sliced, "orders", greedy)) == ["rest"]


def test_an_order_that_somebody_else_placed_is_ours_from_its_adoption_on() -> None:
    foreign = make_send("theirs", 8, 50, is_foreign=True)
    adopted = with_more(SOUND, "sent", foreign)
    adopted = with_more(adopted, "orders", make_booked("theirs", 2_000))
    late = with_more(adopted, "history", BookedEvent("theirs", "planned", START_MS + 1_500))
    assert not judge_live_on_books(late).violations
    early = with_more(adopted, "history", BookedEvent("theirs", "planned", START_MS + 50))
    assert judge_live_on_books(early).violations
