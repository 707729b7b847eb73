"""What every Ledger promises. The fake and PostgreSQL sit the same tests: it cannot lie."""

import pytest

from rebalancer.errors import BooksDisagree
from rebalancer.money import ZERO, to_decimal
from rebalancer.order_states import OPEN_STATES, OrderState
from rebalancer.queue import Denied
from rebalancer.risk import DenialReason
from rebalancer.settlement import Expired, NotFound, Refused, settle
from tests.contract.books import Books, make_settlement
from tests.factories import NOW_MS, make_fill, make_order

LATER_MS = NOW_MS + 1_000


async def test_planned_orders_are_on_the_books_and_may_be_queued(books: Books) -> None:
    orders = (make_order("BTC"), make_order("ETH", side="sell"))
    assert await books.ledger.record_planned(orders, now_ms=NOW_MS) == orders
    standings = books.standings()
    for order in orders:
        assert standings[order.client_order_id].order == order
        assert standings[order.client_order_id].state == OrderState.PLANNED
        assert books.events(order) == [(NOW_MS, OrderState.PLANNED, None)]


async def test_planning_nothing_writes_nothing(books: Books) -> None:
    assert await books.ledger.record_planned((), now_ms=NOW_MS) == ()
    assert books.standings() == {}


async def test_an_id_on_the_books_keeps_its_first_form(books: Books) -> None:
    first = make_order(amount_base=to_decimal("1.5"))
    second = make_order(amount_base=to_decimal("2"))
    await books.ledger.record_planned([first], now_ms=NOW_MS)
    assert await books.ledger.record_planned([second], now_ms=LATER_MS) == (first,)
    assert books.events(first) == [(NOW_MS, OrderState.PLANNED, None)]


async def test_the_same_order_twice_in_one_plan_is_one_order(books: Books) -> None:
    order = make_order()
    assert await books.ledger.record_planned([order, order], now_ms=NOW_MS) == (order,)
    assert len(books.standings()) == 1
    assert books.events(order) == [(NOW_MS, OrderState.PLANNED, None)]


async def test_orders_that_once_reached_the_queue_may_not_be_queued_again(books: Books) -> None:
    planned, queued = make_order("BTC"), make_order("ETH")
    doubtful, refused = make_order("SOL"), make_order("ADA")
    everything = (planned, queued, doubtful, refused)
    await books.ledger.record_planned(everything, now_ms=NOW_MS)
    await books.ledger.note(queued, OrderState.QUEUED, detail=None, now_ms=NOW_MS)
    await books.ledger.note(doubtful, OrderState.IN_DOUBT, detail="timeout", now_ms=NOW_MS)
    await books.ledger.record(settle(Refused(refused, "no"), ()), now_ms=NOW_MS)
    assert await books.ledger.record_planned(everything, now_ms=LATER_MS) == (planned,)


async def test_a_note_appends_an_event_and_moves_the_order_forward(books: Books) -> None:
    order = make_order()
    await books.ledger.record_planned([order], now_ms=NOW_MS)
    await books.ledger.note(order, OrderState.QUEUED, detail=None, now_ms=NOW_MS)
    await books.ledger.note(order, OrderState.IN_DOUBT, detail="timeout", now_ms=LATER_MS)
    assert books.standings()[order.client_order_id].state == OrderState.IN_DOUBT
    assert books.events(order) == [
        (NOW_MS, OrderState.PLANNED, None),
        (NOW_MS, OrderState.QUEUED, None),
        (LATER_MS, OrderState.IN_DOUBT, "timeout"),
    ]


async def test_a_late_note_of_queueing_does_not_clear_a_doubt(books: Books) -> None:
    order = make_order()
    await books.ledger.note(order, OrderState.IN_DOUBT, detail="timeout", now_ms=NOW_MS)
    await books.ledger.note(order, OrderState.QUEUED, detail=None, now_ms=LATER_MS)
    assert books.standings()[order.client_order_id].state == OrderState.IN_DOUBT
    assert await books.ledger.record_planned([order], now_ms=LATER_MS) == ()


async def test_the_same_note_twice_is_one_event(books: Books) -> None:
    order = make_order()
    for _ in range(2):
        await books.ledger.note(order, OrderState.IN_DOUBT, detail="timeout", now_ms=LATER_MS)
    assert books.events(order).count((LATER_MS, OrderState.IN_DOUBT, "timeout")) == 1


async def test_a_note_after_the_end_changes_nothing(books: Books) -> None:
    order = make_order()
    await books.ledger.record(make_settlement(order), now_ms=NOW_MS)
    before = (books.standings(), books.events(order))
    await books.ledger.note(order, OrderState.QUEUED, detail=None, now_ms=LATER_MS)
    await books.ledger.note(order, OrderState.UNFILLED, detail=None, now_ms=LATER_MS)
    assert (books.standings(), books.events(order)) == before


async def test_a_note_of_another_end_brings_no_evidence_and_changes_nothing(books: Books) -> None:
    order = make_order()
    await books.ledger.record(make_settlement(order), now_ms=NOW_MS)
    before = books.standings(), books.events(order)
    await books.ledger.note(order, OrderState.EXPIRED, detail=None, now_ms=LATER_MS)
    assert (books.standings(), books.events(order)) == before


async def test_a_state_the_order_has_or_has_passed_appends_nothing(books: Books) -> None:
    order = make_order()
    await books.ledger.note(order, OrderState.OPEN, detail="resting", now_ms=NOW_MS)
    before = books.events(order)
    for state in OPEN_STATES:
        await books.ledger.note(order, state, detail="late", now_ms=LATER_MS)
    assert books.events(order) == before
    assert books.standings()[order.client_order_id].state == OrderState.OPEN


async def test_an_order_that_waits_for_approval_may_not_be_queued_yet(books: Books) -> None:
    order = make_order()
    await books.ledger.record_planned([order], now_ms=NOW_MS)
    await books.ledger.note(order, OrderState.AWAITING_APPROVAL, detail=None, now_ms=NOW_MS)
    assert await books.ledger.record_planned([order], now_ms=LATER_MS) == ()


async def test_an_order_may_be_rejected_by_a_person_with_a_reason(books: Books) -> None:
    order = make_order()
    await books.ledger.note(order, OrderState.AWAITING_APPROVAL, detail=None, now_ms=NOW_MS)
    await books.ledger.note(order, OrderState.REJECTED, detail="too large", now_ms=LATER_MS)
    standing = books.standings()[order.client_order_id]
    assert (standing.state, standing.reason) == (OrderState.REJECTED, "too large")
    assert standing.settled_at_ms == LATER_MS


async def test_an_order_the_books_never_saw_is_taken_when_it_is_noted(books: Books) -> None:
    order = make_order()
    await books.ledger.note(order, OrderState.EXPIRED, detail="too old", now_ms=NOW_MS)
    standing = books.standings()[order.client_order_id]
    assert (standing.order, standing.state) == (order, OrderState.EXPIRED)
    assert standing.reason == "too old"


async def test_a_settlement_is_booked_with_its_fills_and_sums(books: Books) -> None:
    order = make_order(amount_base=to_decimal("1"))
    fills = (make_fill(order, "0.4"), make_fill(order, "0.6", trade_id="2", price="50010"))
    await books.ledger.record_planned([order], now_ms=NOW_MS)
    receipt = await books.ledger.record(make_settlement(order, *fills), now_ms=LATER_MS)
    standing = books.standings()[order.client_order_id]
    assert (receipt.client_order_id, receipt.successor) == (order.client_order_id, None)
    assert (receipt.recorded_at_ms, receipt.paid_quote) == (LATER_MS, to_decimal(50_006))
    assert receipt.contradiction is None
    assert (standing.state, standing.venue_order_id) == (OrderState.FILLED, "v-1")
    assert (standing.filled_base, standing.paid_quote) == (to_decimal(1), to_decimal(50_006))
    assert books.fills() == set(fills)
    assert books.events(order)[-1] == (LATER_MS, OrderState.FILLED, None)


@pytest.mark.parametrize(
    ("outcome", "state", "reason"),
    [
        (Refused(make_order(), "insufficient funds"), OrderState.REFUSED, "insufficient funds"),
        (Expired(make_order()), OrderState.EXPIRED, None),
        (NotFound(make_order()), OrderState.NOT_FOUND, None),
        (
            Denied(make_order(), DenialReason.ORDER_TOO_LARGE, "beyond 5"),
            OrderState.DENIED,
            "ORDER_TOO_LARGE: beyond 5",
        ),
    ],
)
async def test_every_end_without_fills_is_booked_with_its_reason(
    books: Books,
    outcome: Refused | Expired | NotFound | Denied,
    state: OrderState,
    reason: str | None,
) -> None:
    await books.ledger.record(settle(outcome, ()), now_ms=NOW_MS)
    standing = books.standings()[outcome.order.client_order_id]
    assert (standing.state, standing.reason, standing.filled_base) == (state, reason, ZERO)


async def test_recording_twice_changes_nothing_and_proves_the_same(books: Books) -> None:
    order = make_order()
    settlement = make_settlement(order, make_fill(order, "0.5"))
    first = await books.ledger.record(settlement, now_ms=NOW_MS)
    before = (books.standings(), books.fills(), books.events(order))
    assert await books.ledger.record(settlement, now_ms=LATER_MS) == first
    assert (books.standings(), books.fills(), books.events(order)) == before


async def test_the_rest_is_planned_in_the_same_commit(books: Books) -> None:
    order = make_order()
    settlement = make_settlement(order, make_fill(order, "0.5"))
    receipt = await books.ledger.record(settlement, now_ms=NOW_MS)
    rest = settlement.successor
    assert rest is not None
    assert receipt.successor == rest
    standing = books.standings()[rest.client_order_id]
    assert (standing.order, standing.state) == (rest, OrderState.PLANNED)
    assert standing.follows == order.client_order_id


async def test_a_rest_that_is_settled_is_never_handed_out_again(books: Books) -> None:
    order = make_order()
    settlement = make_settlement(order, make_fill(order, "0.5"))
    rest = (await books.ledger.record(settlement, now_ms=NOW_MS)).successor
    assert rest is not None
    await books.ledger.record(settle(Expired(rest), ()), now_ms=NOW_MS)
    assert (await books.ledger.record(settlement, now_ms=LATER_MS)).successor is None


async def test_one_trade_with_two_sizes_is_a_disagreement(books: Books) -> None:
    order, other = make_order(), make_order(side="sell")
    await books.ledger.record(make_settlement(order, make_fill(order, "1")), now_ms=NOW_MS)
    with pytest.raises(BooksDisagree, match="trade 1"):
        await books.ledger.record(make_settlement(other, make_fill(other, "1")), now_ms=LATER_MS)
    standing = books.standings().get(other.client_order_id)
    assert standing is None or standing.state == OrderState.PLANNED


async def test_trade_ids_of_other_markets_do_not_meet(books: Books) -> None:
    order, other = make_order("BTC"), make_order("ETH")
    fills = {make_fill(order, "1"), make_fill(other, "1")}
    for mine in (order, other):
        await books.ledger.record(make_settlement(mine, make_fill(mine, "1")), now_ms=NOW_MS)
    assert books.fills() == fills


async def test_settling_another_form_of_a_booked_order_is_a_disagreement(books: Books) -> None:
    booked, told = make_order(), make_order(amount_base=to_decimal("3"))
    await books.ledger.record_planned([booked], now_ms=NOW_MS)
    with pytest.raises(BooksDisagree, match=booked.client_order_id):
        await books.ledger.record(make_settlement(told), now_ms=LATER_MS)
    assert books.standings()[booked.client_order_id].state == OrderState.PLANNED


async def test_a_settled_doubt_is_over(books: Books) -> None:
    order = make_order()
    await books.ledger.note(order, OrderState.IN_DOUBT, detail="timeout", now_ms=NOW_MS)
    await books.ledger.record(make_settlement(order, make_fill(order, "1")), now_ms=LATER_MS)
    assert books.standings()[order.client_order_id].state == OrderState.FILLED
