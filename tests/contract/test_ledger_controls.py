"""What every Ledger promises about halts and maintenance windows."""

from dataclasses import replace

from rebalancer.controls import (
    EVERYTHING,
    HaltKind,
    MaintenanceWindow,
    Scope,
    ScopeKind,
    TradingHalt,
)
from tests.contract.books import Books
from tests.factories import NOW_MS, VENUE

LATER_MS = NOW_MS + 1_000
AT_VENUE = Scope(ScopeKind.VENUE, "paper:eu")
HALT = TradingHalt(EVERYTHING, HaltKind.BY_HAND, "looking into it", "ann", NOW_MS)
WINDOW = MaintenanceWindow(
    window_id="w1",
    venue=VENUE,
    starts_at_ms=NOW_MS,
    duration_ms=3_600_000,
    every_ms=7 * 86_400_000,
    until_ms=NOW_MS + 365 * 86_400_000,
    note="weekly",
)


async def test_books_begin_without_halts_and_windows(books: Books) -> None:
    assert await books.ledger.read_halts() == ()
    assert await books.ledger.read_windows() == ()


async def test_halts_come_back_the_oldest_first(books: Books) -> None:
    late = replace(HALT, scope=AT_VENUE, at_ms=LATER_MS)
    denied = replace(HALT, kind=HaltKind.DENIED)
    for halt in (late, HALT, denied):
        await books.ledger.record_halt(halt)
    assert await books.ledger.read_halts() == (HALT, denied, late)


async def test_the_first_reason_of_a_halt_stands(books: Books) -> None:
    await books.ledger.record_halt(HALT)
    await books.ledger.record_halt(replace(HALT, reason="another", actor="bob", at_ms=LATER_MS))
    assert await books.ledger.read_halts() == (HALT,)


async def test_lifting_ends_one_kind_of_one_scope(books: Books) -> None:
    frozen = replace(HALT, kind=HaltKind.FREEZE)
    elsewhere = replace(HALT, scope=AT_VENUE)
    for halt in (HALT, frozen, elsewhere):
        await books.ledger.record_halt(halt)
    lift = books.ledger.lift_halt
    assert await lift(EVERYTHING, HaltKind.BY_HAND, actor="bob", now_ms=LATER_MS)
    assert not await lift(EVERYTHING, HaltKind.BY_HAND, actor="bob", now_ms=LATER_MS)
    assert not await lift(EVERYTHING, HaltKind.DENIED, actor="bob", now_ms=LATER_MS)
    assert await books.ledger.read_halts() == (frozen, elsewhere)


async def test_what_was_lifted_may_be_halted_again_at_the_same_instant(books: Books) -> None:
    for _ in range(3):
        await books.ledger.record_halt(HALT)
        assert await books.ledger.lift_halt(HALT.scope, HALT.kind, actor="bob", now_ms=NOW_MS)
    again = replace(HALT, reason="once more")
    await books.ledger.record_halt(again)
    assert await books.ledger.read_halts() == (again,)


async def test_a_halt_is_unpaged_until_somebody_was_told_and_again_when_it_comes_anew(
    books: Books,
) -> None:
    frozen = replace(HALT, kind=HaltKind.FREEZE, at_ms=LATER_MS)
    for halt in (HALT, frozen):
        await books.ledger.record_halt(halt)
    assert await books.ledger.read_unpaged() == (HALT, frozen)
    for _ in range(2):
        await books.ledger.mark_paged(HALT)
        await books.ledger.record_halt(HALT)
    assert await books.ledger.read_unpaged() == (frozen,)
    await books.ledger.lift_halt(HALT.scope, HALT.kind, actor="bob", now_ms=LATER_MS)
    await books.ledger.mark_paged(HALT)
    await books.ledger.record_halt(HALT)
    assert await books.ledger.read_unpaged() == (HALT, frozen)


async def test_windows_come_back_whole_and_by_start(books: Books) -> None:
    bare = MaintenanceWindow("w2", None, NOW_MS - 1, 60_000, None, None, "", is_announced=True)
    for window in (WINDOW, bare):
        await books.ledger.record_window(window, actor="ann", now_ms=NOW_MS)
    assert await books.ledger.read_windows() == (bare, WINDOW)


async def test_a_window_of_the_same_id_replaces_the_first(books: Books) -> None:
    moved = replace(WINDOW, starts_at_ms=LATER_MS)
    for window in (WINDOW, moved, moved):
        await books.ledger.record_window(window, actor="ann", now_ms=NOW_MS)
    assert await books.ledger.read_windows() == (moved,)


async def test_a_removed_window_is_gone_once_and_may_come_back(books: Books) -> None:
    await books.ledger.record_window(WINDOW, actor="ann", now_ms=NOW_MS)
    assert await books.ledger.remove_window("w1", actor="bob", now_ms=LATER_MS)
    assert not await books.ledger.remove_window("w1", actor="bob", now_ms=LATER_MS)
    assert await books.ledger.read_windows() == ()
    await books.ledger.record_window(WINDOW, actor="ann", now_ms=LATER_MS)
    assert await books.ledger.read_windows() == (WINDOW,)
