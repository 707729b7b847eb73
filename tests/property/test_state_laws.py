"""Laws of an order's states: nothing goes backwards, and no contradiction passes in silence."""

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.order_states import (
    FINAL_STATES,
    OPEN_STATES,
    STATES_WITH_FILLS,
    OrderState,
    Step,
    judge_step,
)

states = st.sampled_from(list(OrderState))


@given(states, states, st.booleans())
def test_an_order_that_ended_never_becomes_open_again(
    before: OrderState, after: OrderState, grew: bool
) -> None:
    step = judge_step(before, after, fills_grew=grew)
    if before in FINAL_STATES and after in OPEN_STATES:
        assert step is Step.STALE


@given(states, states, st.booleans())
def test_an_end_is_only_ever_replaced_by_a_contradiction(
    before: OrderState, after: OrderState, grew: bool
) -> None:
    step = judge_step(before, after, fills_grew=grew)
    if before in FINAL_STATES:
        assert step is not Step.FORWARD


@given(states, states)
def test_of_two_ends_without_a_trade_the_first_one_stands(
    before: OrderState, after: OrderState
) -> None:
    both = {before, after} <= FINAL_STATES and not {before, after} & STATES_WITH_FILLS
    if both and before != after and after is not OrderState.UNFILLED:
        assert judge_step(before, after) is Step.STALE


@given(states, st.booleans())
def test_the_same_news_twice_is_one_news(state: OrderState, grew: bool) -> None:
    if state in OPEN_STATES or not grew:
        assert judge_step(state, state, fills_grew=grew) is Step.SAME


@given(states, states)
def test_of_two_open_states_one_step_leads_forward_and_its_reverse_is_stale(
    one: OrderState, other: OrderState
) -> None:
    if one in OPEN_STATES and other in OPEN_STATES and one != other:
        assert {judge_step(one, other), judge_step(other, one)} == {Step.FORWARD, Step.STALE}


@given(states, states)
def test_every_open_order_may_end_in_every_way(before: OrderState, after: OrderState) -> None:
    if before in OPEN_STATES and after in FINAL_STATES:
        assert judge_step(before, after) is Step.FORWARD


@given(states, st.sampled_from(sorted(STATES_WITH_FILLS)))
def test_money_that_moved_is_always_booked(before: OrderState, after: OrderState) -> None:
    if before in FINAL_STATES:
        less = before is OrderState.FILLED and after is not OrderState.FILLED
        step = judge_step(before, after, fills_grew=True)
        assert step is (Step.IMPOSSIBLE if less else Step.CONTRADICTION)
