"""Where an order stands, in one word of books and queue together."""

import pytest

from rebalancer.controls import EVERYTHING, HaltKind, Scope, ScopeKind, TradingHalt
from rebalancer.order_states import FINAL_STATES, OrderState
from rebalancer.queue import Stage
from services.cli.failures import CommandFailed
from services.cli.halt_words import cure_of
from services.cli.order_truth import NOT_IN_QUEUE, SENT_UNCONFIRMED, word_of
from services.cli.scopes import chosen_scope

_NOT_TOLD = (OrderState.PLANNED, OrderState.AWAITING_APPROVAL, OrderState.QUEUED)


@pytest.mark.parametrize("state", _NOT_TOLD)
def test_a_permit_counts_for_more_than_what_the_books_still_say(state: OrderState) -> None:
    assert word_of(state, Stage.SENT, was_queued=True) == SENT_UNCONFIRMED


@pytest.mark.parametrize("state", sorted(FINAL_STATES))
@pytest.mark.parametrize("stage", [None, *Stage])
def test_an_end_on_the_books_is_the_end(state: OrderState, stage: Stage | None) -> None:
    assert word_of(state, stage, was_queued=True) == state.value.replace("_", " ")


def test_an_order_that_reached_the_queue_and_is_not_in_it_is_lost_by_it() -> None:
    assert word_of(OrderState.QUEUED, None, was_queued=True) == NOT_IN_QUEUE
    assert word_of(OrderState.QUEUED, None, was_queued=False) == "queued"
    assert word_of(OrderState.PLANNED, None, was_queued=False) == "planned"


def test_what_the_venue_told_stays_the_word_of_a_sent_order() -> None:
    assert word_of(OrderState.IN_DOUBT, Stage.SENT, was_queued=True) == "in doubt"
    assert word_of(OrderState.OPEN, Stage.SENT, was_queued=True) == "open"


def test_each_halt_names_the_command_that_ends_it() -> None:
    core = Scope(ScopeKind.PORTFOLIO, "core")
    frozen = TradingHalt(core, HaltKind.FREEZE, "why", "trimtab", 0)
    assert cure_of(frozen) == "trimtab orders adopt --portfolio core"
    by_hand = TradingHalt(EVERYTHING, HaltKind.BY_HAND, "why", "me", 0)
    assert cure_of(by_hand) == "trimtab resume"
    denied = TradingHalt(Scope(ScopeKind.VENUE, "okx"), HaltKind.DENIED, "why", "trimtab", 0)
    assert cure_of(denied) == "trimtab resume --venue okx"


def test_an_empty_name_is_no_scope() -> None:
    with pytest.raises(CommandFailed, match="--venue"):
        chosen_scope("", None)
