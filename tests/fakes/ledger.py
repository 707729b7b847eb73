"""The books in memory. Outages go in through the constructor, the books come out as properties."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rebalancer.errors import BooksDisagree, StoreUnavailable
from rebalancer.money import ZERO, Symbol
from rebalancer.orders import ClientOrderId, Order, VenueName
from rebalancer.ports import Ledger
from rebalancer.settlement import (
    FINAL_STATES,
    Accepted,
    Fill,
    LedgerReceipt,
    OrderState,
    Settlement,
)

_FORWARD = (OrderState.PLANNED, OrderState.QUEUED, OrderState.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Entry:
    """An order as it stands on the books."""

    order: Order
    state: OrderState
    filled_base: Decimal = ZERO
    paid_quote: Decimal = ZERO
    venue_order_id: str | None = None
    reason: str | None = None
    residual_of: ClientOrderId | None = None
    settled_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One line of an order's history."""

    client_order_id: ClientOrderId
    at_ms: int
    state: OrderState
    detail: str | None


class FakeLedger(Ledger):
    """Keeps every promise of the port; with `fails_after`, is away after so many commits."""

    def __init__(self, *, fails_after: int | None = None) -> None:
        self._entries: dict[ClientOrderId, Entry] = {}
        self._events: dict[tuple[ClientOrderId, int, OrderState], Event] = {}
        self._fills: dict[tuple[VenueName, Symbol, str], Fill] = {}
        self._commits_left = fails_after

    @property
    def entries(self) -> Mapping[ClientOrderId, Entry]:
        """Every order on the books."""
        return dict(self._entries)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event in the order it was appended."""
        return tuple(self._events.values())

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Every fill in the order it was recorded."""
        return tuple(self._fills.values())

    async def record_planned(self, orders: Sequence[Order], *, now_ms: int) -> tuple[Order, ...]:
        self._commit()
        return self._plan(orders, now_ms, residual_of=None)

    async def note(
        self, order: Order, state: OrderState, *, detail: str | None, now_ms: int
    ) -> None:
        self._commit()
        entry = self._entry(order, now_ms)
        if entry.state in FINAL_STATES:
            if state in FINAL_STATES and state != entry.state:
                raise BooksDisagree(f"{order.client_order_id}: {entry.state}, now {state}")
            return
        assert state not in (OrderState.FILLED, OrderState.PARTIALLY_FILLED), state
        self._append(order.client_order_id, state, detail, now_ms)
        if state in FINAL_STATES:
            self._put(replace(entry, state=state, reason=detail, settled_at_ms=now_ms))
        elif _FORWARD.index(state) > _FORWARD.index(entry.state):
            self._put(replace(entry, state=state))

    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        self._commit()
        order = settlement.order
        booked = self._entries.get(order.client_order_id)
        self._require_agreement(settlement, booked)
        if booked is None or booked.state not in FINAL_STATES:
            entry = self._entry(order, now_ms)
            self._put(_closed(entry, settlement, now_ms))
            self._append(order.client_order_id, settlement.state, settlement.reason, now_ms)
        else:
            assert booked.settled_at_ms is not None, booked
            now_ms = booked.settled_at_ms
        for fill in settlement.fills:
            self._fills[order.venue, order.symbol, fill.trade_id] = fill
        rest = () if settlement.residual is None else (settlement.residual,)
        queueable = self._plan(rest, now_ms, residual_of=order.client_order_id)
        return LedgerReceipt(order.client_order_id, next(iter(queueable), None), now_ms)

    def _plan(
        self, orders: Sequence[Order], now_ms: int, *, residual_of: ClientOrderId | None
    ) -> tuple[Order, ...]:
        for order in orders:
            if order.client_order_id not in self._entries:
                self._put(Entry(order, OrderState.PLANNED, residual_of=residual_of))
                self._append(order.client_order_id, OrderState.PLANNED, None, now_ms)
        ids = dict.fromkeys(order.client_order_id for order in orders)
        standing = [self._entries[key] for key in ids]
        return tuple(entry.order for entry in standing if entry.state is OrderState.PLANNED)

    def _require_agreement(self, settlement: Settlement, booked: Entry | None) -> None:
        order = settlement.order
        if booked is not None and booked.order != order:
            raise BooksDisagree(f"{order.client_order_id}: another order stands under this id")
        for fill in settlement.fills:
            known = self._fills.get((order.venue, order.symbol, fill.trade_id), fill)
            if known != fill:
                raise BooksDisagree(f"trade {fill.trade_id}: {known}, now {fill}")
        if booked is not None and booked.state in FINAL_STATES:
            again = _closed(booked, settlement, booked.settled_at_ms)
            if replace(again, reason=booked.reason) != booked:
                raise BooksDisagree(f"{order.client_order_id}: {booked}, now {again}")

    def _entry(self, order: Order, now_ms: int) -> Entry:
        self._plan([order], now_ms, residual_of=None)
        return self._entries[order.client_order_id]

    def _put(self, entry: Entry) -> None:
        self._entries[entry.order.client_order_id] = entry

    def _append(
        self, client_order_id: ClientOrderId, state: OrderState, detail: str | None, now_ms: int
    ) -> None:
        event = Event(client_order_id, now_ms, state, detail)
        self._events.setdefault((client_order_id, now_ms, state), event)

    def _commit(self) -> None:
        if self._commits_left == 0:
            raise StoreUnavailable("the fake books are away; wait for them to come back")
        if self._commits_left is not None:
            self._commits_left -= 1


def _closed(entry: Entry, settlement: Settlement, at_ms: int | None) -> Entry:
    outcome = settlement.outcome
    return replace(
        entry,
        state=settlement.state,
        filled_base=settlement.filled_base,
        paid_quote=settlement.paid_quote,
        venue_order_id=outcome.venue_order_id if isinstance(outcome, Accepted) else None,
        reason=settlement.reason,
        settled_at_ms=at_ms,
    )
