"""What a Ledger does when a venue tells another end than before: booked, told, or refused."""

from dataclasses import replace

import pytest

from rebalancer.errors import BooksDisagree
from rebalancer.money import to_decimal
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.settlement import Expired, LateTrades, NotFound, Refused, Settlement, settle
from tests.contract.books import Books, make_settlement
from tests.factories import NOW_MS, make_fill, make_order

LATER_MS = NOW_MS + 1_000
ORDER = make_order()
HALF = make_fill(ORDER, "0.5")
MORE = make_fill(ORDER, "0.3", trade_id="2")
REST = make_fill(ORDER, "0.5", trade_id="2")
UNFILLED = make_settlement(ORDER)
PARTIAL, WHOLE = make_settlement(ORDER, HALF), make_settlement(ORDER, HALF, REST)
REFUSED, NOT_FOUND = settle(Refused(ORDER, "no"), ()), settle(NotFound(ORDER), ())
EXPIRED = settle(Expired(ORDER), ())

LATE = [
    pytest.param(UNFILLED, PARTIAL, id="a fill after a cancel"),
    pytest.param(UNFILLED, WHOLE, id="all of it after a cancel"),
    pytest.param(PARTIAL, make_settlement(ORDER, HALF, MORE), id="more of the same"),
    pytest.param(PARTIAL, WHOLE, id="the rest"),
    pytest.param(REFUSED, PARTIAL, id="a fill of what it refused"),
    pytest.param(NOT_FOUND, WHOLE, id="a fill of what it did not have"),
    pytest.param(NOT_FOUND, UNFILLED, id="found after all"),
    pytest.param(EXPIRED, WHOLE, id="a fill of what was never sent"),
]
IMPOSSIBLE = [
    pytest.param(WHOLE, UNFILLED, id="trades taken back"),
    pytest.param(WHOLE, PARTIAL, id="a trade taken back"),
    pytest.param(PARTIAL, REFUSED, id="refused after a fill"),
]
ENDED_ALREADY = [
    pytest.param(REFUSED, NOT_FOUND, id="refused, then absent"),
    pytest.param(EXPIRED, NOT_FOUND, id="never sent, then absent"),
    pytest.param(NOT_FOUND, EXPIRED, id="absent, then too old"),
    pytest.param(WHOLE, NOT_FOUND, id="filled, and forgotten by the venue"),
    pytest.param(PARTIAL, EXPIRED, id="filled in part, then too old"),
]


def snapshot(books: Books) -> object:
    return books.standings(), books.fills(), books.events(ORDER)


@pytest.mark.parametrize(("first", "late"), LATE)
async def test_an_end_told_late_is_booked_over_the_first_and_told(
    books: Books, first: Settlement, late: Settlement
) -> None:
    await books.ledger.record(first, now_ms=NOW_MS)
    before = books.events(ORDER)
    receipt = await books.ledger.record(late, now_ms=LATER_MS)
    standing = books.standings()[ORDER.client_order_id]
    assert (standing.state, standing.venue_order_id) == (late.state, "v-1")
    assert (standing.filled_base, standing.paid_quote) == (late.filled_base, late.paid_quote)
    assert books.fills() == set(late.fills)
    assert receipt.contradiction == standing.contradiction
    assert f"said {first.state} with" in (receipt.contradiction or "")
    assert f"now it is {late.state} with" in (receipt.contradiction or "")
    assert books.events(ORDER) == [*before, (LATER_MS, late.state, receipt.contradiction)]
    assert receipt.paid_quote == late.paid_quote
    # What nobody has counted yet, once.
    more = LateTrades(ORDER.portfolio, late.paid_quote - first.paid_quote)
    assert receipt.late == more
    assert (await books.ledger.record(late, now_ms=LATER_MS)).late is None


@pytest.mark.parametrize(("first", "late"), LATE)
async def test_a_contradiction_recorded_twice_is_told_twice_and_booked_once(
    books: Books, first: Settlement, late: Settlement
) -> None:
    await books.ledger.record(first, now_ms=NOW_MS)
    # The same millisecond: both ends must be in the history all the same.
    receipt = await books.ledger.record(late, now_ms=NOW_MS)
    before = snapshot(books)
    again = await books.ledger.record(late, now_ms=LATER_MS)
    # What came late is to be counted once.
    assert again == replace(receipt, late=None)
    assert snapshot(books) == before
    assert [state for _, state, _ in books.events(ORDER)] == ["planned", first.state, late.state]


async def test_a_contradiction_plans_no_successor(books: Books) -> None:
    assert PARTIAL.successor is not None
    await books.ledger.record(REFUSED, now_ms=NOW_MS)
    for _ in range(2):
        assert (await books.ledger.record(PARTIAL, now_ms=LATER_MS)).successor is None
    assert set(books.standings()) == {ORDER.client_order_id}


@pytest.mark.parametrize(("first", "then"), IMPOSSIBLE)
async def test_an_end_that_cannot_be_is_refused_and_nothing_is_booked(
    books: Books, first: Settlement, then: Settlement
) -> None:
    await books.ledger.record(first, now_ms=NOW_MS)
    before = snapshot(books)
    with pytest.raises(BooksDisagree, match=ORDER.client_order_id):
        await books.ledger.record(then, now_ms=LATER_MS)
    assert snapshot(books) == before


@pytest.mark.parametrize(
    "settlement",
    [
        pytest.param(
            make_settlement(ORDER, make_fill(ORDER, "1.2")), id="more filled than was asked"
        ),
        pytest.param(settle(Refused(ORDER, "no"), [HALF]), id="refused and yet filled"),
        pytest.param(settle(NotFound(ORDER), [HALF]), id="not found and yet filled"),
    ],
)
async def test_what_a_settlement_itself_finds_wrong_is_booked_and_told(
    books: Books, settlement: Settlement
) -> None:
    assert settlement.contradiction is not None
    receipt = await books.ledger.record(settlement, now_ms=NOW_MS)
    assert receipt.contradiction == settlement.contradiction
    standing = books.standings()[ORDER.client_order_id]
    assert (standing.filled_base, standing.contradiction) == (
        settlement.filled_base,
        settlement.contradiction,
    )
    assert settlement.contradiction in str(books.events(ORDER)[-1])
    before = snapshot(books)
    assert await books.ledger.record(settlement, now_ms=LATER_MS) == receipt
    assert snapshot(books) == before


async def test_both_contradictions_are_told_when_there_are_two(books: Books) -> None:
    await books.ledger.record(REFUSED, now_ms=NOW_MS)
    overfilled = make_settlement(ORDER, make_fill(ORDER, "1.2"))
    told = (await books.ledger.record(overfilled, now_ms=LATER_MS)).contradiction or ""
    assert "said refused" in told
    assert "1.2 filled of 1" in told


@pytest.mark.parametrize("size", ["0.5", "0.7"])
async def test_a_trade_that_has_become_another_trade_is_refused(books: Books, size: str) -> None:
    await books.ledger.record(PARTIAL, now_ms=NOW_MS)
    before = snapshot(books)
    other = make_settlement(ORDER, make_fill(ORDER, size, trade_id="9"))
    with pytest.raises(BooksDisagree, match="trade"):
        await books.ledger.record(other, now_ms=LATER_MS)
    assert snapshot(books) == before


@pytest.mark.parametrize("fills", [(), (HALF,)])
async def test_another_order_of_the_venue_under_our_id_is_refused(
    books: Books, fills: tuple[()]
) -> None:
    await books.ledger.record(UNFILLED, now_ms=NOW_MS)
    doubled = make_settlement(ORDER, *fills, venue_order_id="v-2")
    with pytest.raises(BooksDisagree, match="v-2"):
        await books.ledger.record(doubled, now_ms=LATER_MS)
    assert books.fills() == set()


async def test_what_the_venue_calls_the_order_outlives_an_answer_without_it(books: Books) -> None:
    await books.ledger.record(UNFILLED, now_ms=NOW_MS)
    await books.ledger.record(settle(Refused(ORDER, "no"), [HALF]), now_ms=LATER_MS)
    assert books.standings()[ORDER.client_order_id].venue_order_id == "v-1"


async def test_a_note_cannot_contradict_because_it_brings_no_evidence(books: Books) -> None:
    await books.ledger.record(NOT_FOUND, now_ms=NOW_MS)
    before = snapshot(books)
    with pytest.raises(BooksDisagree, match=ORDER.client_order_id):
        await books.ledger.note(ORDER, OrderState.UNFILLED, detail=None, now_ms=LATER_MS)
    assert snapshot(books) == before


async def test_a_refused_settlement_of_an_unknown_order_leaves_no_trace(books: Books) -> None:
    await books.ledger.record(PARTIAL, now_ms=NOW_MS)
    stranger: Order = make_order(side="sell")
    stolen = replace(HALF, client_order_id=stranger.client_order_id)
    with pytest.raises(BooksDisagree, match="trade 1"):
        await books.ledger.record(make_settlement(stranger, stolen), now_ms=LATER_MS)
    assert stranger.client_order_id not in books.standings()


async def test_only_late_trades_count_as_traded_since(books: Books) -> None:
    await books.ledger.record(PARTIAL, now_ms=NOW_MS)
    await books.ledger.record(WHOLE, now_ms=LATER_MS)
    late = await books.ledger.read_traded(ORDER.portfolio, since_ms=NOW_MS)
    assert [booked.fill for booked in late] == [REST]
    turnover = await books.ledger.read_turnover(since_ms=LATER_MS)
    assert turnover == {ORDER.portfolio: to_decimal(50_000)}


@pytest.mark.parametrize(("first", "then"), ENDED_ALREADY)
async def test_an_end_without_a_trade_of_an_order_that_has_ended_changes_nothing(
    books: Books, first: Settlement, then: Settlement
) -> None:
    await books.ledger.record(first, now_ms=NOW_MS)
    before = snapshot(books)
    receipt = await books.ledger.record(then, now_ms=LATER_MS)
    assert snapshot(books) == before
    assert (receipt.recorded_at_ms, receipt.paid_quote) == (NOW_MS, first.paid_quote)
    assert receipt.contradiction is None
    assert receipt.successor is None
