"""Whatever venues and drains tell the books, in whatever order: fake and PostgreSQL agree on it.

And these laws hold after every step: fills add up to what an order says it filled, an order's
history only grows, and no order goes back.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from uuid import uuid4

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from rebalancer.errors import BooksDisagree
from rebalancer.ledger import Ledger
from rebalancer.money import ZERO, exact
from rebalancer.order_states import FINAL_STATES, STATES_WITH_FILLS, OrderState, Step, judge_step
from rebalancer.orders import Order
from rebalancer.settlement import (
    Expired,
    Fill,
    LedgerReceipt,
    NotFound,
    Outcome,
    Refused,
    Settlement,
    settle,
)
from resources.postgres_archive import PostgresArchive
from resources.postgres_ledger import PostgresLedger
from tests.contract.books import ROWS_MAX, make_settlement
from tests.factories import NOW_MS, make_fill, make_order
from tests.fakes.ledger import FakeLedger
from tests.fakes.ledger_entries import Event

AMOUNTS = ("0.5", "0.5", "0.2", "0.4")
"""The trades an order may have, two alike; all of them are more than the order asked for."""
MOVES = {
    "queue": (OrderState.PLANNED, OrderState.QUEUED),
    "approve": (OrderState.AWAITING_APPROVAL, OrderState.QUEUED),
    "reject": (OrderState.AWAITING_APPROVAL, OrderState.REJECTED),
}
NOTABLE = sorted(frozenset(OrderState) - STATES_WITH_FILLS)


@dataclass(frozen=True, slots=True)
class Told:
    """One thing said to the books: about which order, what, and how long after the last."""

    order: int
    what: str
    trades: frozenset[int]
    venue_order_id: str
    after_ms: int


told = st.builds(
    Told,
    order=st.integers(0, 1),
    # Mostly evidence of the venue: that is what may contradict.
    what=st.sampled_from(
        ["accepted"] * 6 + ["refused", "not_found", "expired", "plan", *MOVES, *NOTABLE]
    ),
    trades=st.frozensets(st.integers(0, len(AMOUNTS) - 1)),
    venue_order_id=st.sampled_from(["v-1"] * 5 + ["v-2"]),
    after_ms=st.integers(0, 2),
)


class Scene:
    """Two orders of one market and the trades each may have; trade 0 bears one id in both."""

    def __init__(self) -> None:
        name = uuid4().hex
        self.orders = [make_order(side=side, cycle_id=name) for side in ("buy", "sell")]
        self.cycle_id = self.orders[0].cycle_id
        self._trades = [
            [
                make_fill(order, amount, trade_id=f"{name}-{side * number}-{number}")
                for number, amount in enumerate(AMOUNTS)
            ]
            for side, order in enumerate(self.orders)
        ]

    def say(self, one: Told, now_ms: int) -> Callable[[Ledger], Awaitable[object]]:
        """What was told, as a call of any ledger."""
        order = self.orders[one.order]
        if one.what == "plan":
            return lambda ledger: ledger.record_planned(self.orders, now_ms=now_ms)
        if one.what in ("accepted", "refused", "not_found", "expired"):
            settlement = self._settlement(one, order)
            return lambda ledger: ledger.record(settlement, now_ms=now_ms)
        if one.what in MOVES:
            before, after = MOVES[one.what]
            return lambda ledger: ledger.move(
                self.orders, before=before, after=after, detail=one.what, now_ms=now_ms
            )
        state = OrderState(one.what)
        return lambda ledger: ledger.note(order, state, detail=one.what, now_ms=now_ms)

    def _settlement(self, one: Told, order: Order) -> Settlement:
        fills = [self._trades[one.order][number] for number in sorted(one.trades)]
        outcomes: dict[str, Outcome] = {
            "refused": Refused(order, "no"),
            "not_found": NotFound(order),
            "expired": Expired(order),
        }
        if one.what == "accepted":
            return make_settlement(order, *fills, venue_order_id=one.venue_order_id)
        # Mostly without trades, as an honest venue would have it.
        return settle(outcomes[one.what], fills if one.venue_order_id == "v-2" else ())


async def answer(said: Callable[[Ledger], Awaitable[object]], ledger: Ledger) -> object:
    """What the ledger gives back; a disagreement counts as an answer."""
    try:
        return await said(ledger)
    except BooksDisagree:
        return BooksDisagree


def total(fills: Sequence[Fill]) -> Decimal:
    with exact():
        return sum((fill.amount_base for fill in fills), ZERO)


def require_laws(fake: FakeLedger, before: tuple[Event, ...]) -> None:
    """The laws of the books, on the fake: it is shown to agree with PostgreSQL beside this."""
    assert fake.events[: len(before)] == before
    for key, entry in fake.entries.items():
        mine = [fill for fill in fake.fills if fill.client_order_id == key]
        assert total(mine) == entry.filled_base
        assert (entry.settled_at_ms is not None) == (entry.state in FINAL_STATES)
        states = [event.state for event in fake.events if event.client_order_id == key]
        assert (states[0], states[-1]) == (OrderState.PLANNED, entry.state)
        for earlier, later in pairwise(states):
            step = judge_step(earlier, later, fills_grew=True)
            assert step in (Step.FORWARD, Step.CONTRADICTION), states
            if step is Step.CONTRADICTION:
                assert entry.contradiction is not None


def require_agreement(fake: FakeLedger, archive: PostgresArchive, scene: Scene) -> None:
    """Every row that the two hold of one scene is the same."""
    rows = archive.read_orders(cycle_id=scene.cycle_id, limit=ROWS_MAX)
    assert {row.order.client_order_id for row in rows} == set(fake.entries)
    for row in rows:
        key = row.order.client_order_id
        entry = fake.entries[key]
        for name in (
            "order", "state", "filled_base", "paid_quote", "reason", "venue_order_id", "follows",
            "contradiction", "recorded_at_ms", "settled_at_ms",
        ):  # fmt: skip
            assert getattr(row, name) == getattr(entry, name), name
        history = [(event.at_ms, event.state, event.detail) for event in archive.read_history(key)]
        events = [event for event in fake.events if event.client_order_id == key]
        assert history == [(event.at_ms, event.state, event.detail) for event in events]
    fills = {row.fill for row in archive.read_fills(cycle_id=scene.cycle_id, limit=ROWS_MAX)}
    assert fills == set(fake.fills)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(story=st.lists(told, min_size=1, max_size=12))
def test_fake_and_postgresql_agree_on_any_story_and_no_law_breaks(
    engine: Engine, story: list[Told]
) -> None:
    scene, fake, real = Scene(), FakeLedger(), PostgresLedger(engine)

    async def tell() -> None:
        now_ms = NOW_MS
        for one in story:
            now_ms += one.after_ms
            said, before = scene.say(one, now_ms), fake.events
            expected = await answer(said, fake)
            assert await answer(said, real) == expected
            event(f"{one.what}: {'refused' if expected is BooksDisagree else 'taken'}")
            require_laws(fake, before)
            # Told again: the same answer, and nothing more in the books. A move is made once, and
            # what came late is counted once.
            after = (fake.entries, fake.fills, fake.events)
            again = () if one.what in MOVES else expected
            if isinstance(again, LedgerReceipt):
                again = replace(again, late=None)
            assert await answer(said, fake) == again
            assert (fake.entries, fake.fills, fake.events) == after
            assert await answer(said, real) == again

    asyncio.run(tell())
    require_agreement(fake, PostgresArchive(engine), scene)
