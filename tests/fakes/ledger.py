"""The books in memory. What stands there before, and outages, go in through the constructor; what
was written comes out as properties."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from rebalancer.account import VenueOrderKey
from rebalancer.controls import MaintenanceWindow, TradingHalt
from rebalancer.errors import BooksDisagree
from rebalancer.ledger import BookedOrder
from rebalancer.money import ZERO, Asset, Symbol, exact, plain
from rebalancer.order_states import FINAL_STATES, STATES_WITH_FILLS, OrderState, Step, judge_step
from rebalancer.orders import ClientOrderId, Order, PortfolioName, VenueName
from rebalancer.reconciliation import Baseline, BookedFill, KnownOrder, KnownOrders
from rebalancer.settlement import Accepted, Fill, LateTrades, LedgerReceipt, Settlement
from tests.fakes.ledger_controls import FakeControlsBook, Ignored
from tests.fakes.ledger_entries import Entry, Event


class FakeLedger(FakeControlsBook):
    """Keeps every promise of the port; with `fails_after`, is away after so many commits."""

    def __init__(
        self,
        *,
        fails_after: int | None = None,
        orders: Sequence[BookedOrder] = (),
        halts: Sequence[TradingHalt] = (),
        windows: Sequence[MaintenanceWindow] = (),
        baselines: Sequence[Baseline] = (),
        ignored: Sequence[Ignored] = (),
    ) -> None:
        super().__init__(
            fails_after=fails_after,
            halts=halts,
            windows=windows,
            baselines=baselines,
            ignored=ignored,
        )
        assert not FINAL_STATES & {booked.state for booked in orders}, orders
        self._entries = {
            one.order.client_order_id: Entry(
                one.order, one.state, one.recorded_at_ms, follows=one.follows
            )
            for one in orders
        }
        self._events: list[Event] = []
        self._fills: dict[tuple[VenueName, Symbol, str], tuple[Fill, int]] = {}

    @property
    def entries(self) -> Mapping[ClientOrderId, Entry]:
        """Every order on the books."""
        return dict(self._entries)

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event in the order it was appended."""
        return tuple(self._events)

    @property
    def fills(self) -> tuple[Fill, ...]:
        """Every fill in the order it was recorded."""
        return tuple(fill for fill, _ in self._fills.values())

    async def record_planned(self, orders: Sequence[Order], *, now_ms: int) -> tuple[Order, ...]:
        self._commit()
        return self._plan(orders, now_ms)

    async def note(
        self, order: Order, state: OrderState, *, detail: str | None, now_ms: int
    ) -> None:
        self._commit()
        booked = self._entries.get(order.client_order_id, Entry(order, OrderState.PLANNED, now_ms))
        step = judge_step(booked.state, state)
        if step in (Step.CONTRADICTION, Step.IMPOSSIBLE):
            raise BooksDisagree(f"{order.client_order_id}: {booked.state}, now {state}")
        self._plan([order], now_ms)
        if step is not Step.FORWARD:
            return
        self._advance(order.client_order_id, state, detail, now_ms)

    async def move(
        self,
        orders: Sequence[Order],
        *,
        before: OrderState,
        after: OrderState,
        detail: str | None,
        now_ms: int,
    ) -> tuple[Order, ...]:
        self._commit()
        assert judge_step(before, after) is Step.FORWARD, (before, after)
        unique = {order.client_order_id: order for order in orders}
        moved = [
            key for key in unique if key in self._entries and self._entries[key].state is before
        ]
        for key in moved:
            self._advance(key, after, detail, now_ms)
        return tuple(unique[key] for key in moved)

    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        self._commit()
        order = settlement.order
        booked = self._entries.get(order.client_order_id, Entry(order, OrderState.PLANNED, now_ms))
        step, late_quote = self._judge(booked, settlement), ZERO
        if step is Step.STALE:
            assert booked.settled_at_ms is not None, booked
            return LedgerReceipt(
                client_order_id=order.client_order_id,
                successor=None,
                paid_quote=booked.paid_quote,
                recorded_at_ms=booked.settled_at_ms,
                contradiction=booked.contradiction,
            )
        if step is Step.SAME:
            contradiction = booked.contradiction or settlement.contradiction
            assert booked.settled_at_ms is not None, booked
            now_ms = booked.settled_at_ms
        else:
            said = _two_ends(booked, settlement) if step is Step.CONTRADICTION else None
            late_quote = settlement.paid_quote - booked.paid_quote
            contradiction = _joined(said, settlement.contradiction)
            self._plan([order], now_ms)
            self._end(settlement, contradiction, now_ms)
        rest = settlement.successor if contradiction is None else None
        queueable = self._plan([rest] if rest else [], now_ms, follows=order.client_order_id)
        return LedgerReceipt(
            client_order_id=order.client_order_id,
            successor=next(iter(queueable), None),
            paid_quote=settlement.paid_quote,
            recorded_at_ms=now_ms,
            contradiction=contradiction,
            late=LateTrades(order.portfolio, late_quote) if step is Step.CONTRADICTION else None,
        )

    async def read_unsettled(self) -> tuple[BookedOrder, ...]:
        self._require_here()
        unsettled = [entry for entry in self._entries.values() if entry.settled_at_ms is None]
        unsettled.sort(key=lambda entry: (entry.recorded_at_ms, entry.order.client_order_id))
        return tuple(one.booked for one in unsettled)

    async def read_ended(
        self, portfolio: PortfolioName, *, since_ms: int
    ) -> tuple[BookedOrder, ...]:
        self._require_here()
        ended = [
            entry
            for entry in self._entries.values()
            if entry.order.portfolio == portfolio and (entry.settled_at_ms or 0) >= since_ms
        ]
        ended.sort(key=lambda entry: (-(entry.settled_at_ms or 0), entry.order.client_order_id))
        return tuple(one.booked for one in ended)

    async def read_turnover(self, *, since_ms: int) -> Mapping[PortfolioName, Decimal]:
        self._require_here()
        paid: dict[PortfolioName, Decimal] = {}
        for entry in self._entries.values():
            if entry.paid_quote and (entry.settled_at_ms or 0) >= since_ms:
                with exact():
                    before = paid.get(entry.order.portfolio, ZERO)
                    paid[entry.order.portfolio] = before + entry.paid_quote
        return paid

    async def read_traded(
        self, portfolio: PortfolioName, *, since_ms: int
    ) -> tuple[BookedFill, ...]:
        self._require_here()
        late = [fill for fill, at_ms in self._fills.values() if at_ms > since_ms]
        orders = {fill: self._entries[fill.client_order_id].order for fill in late}
        booked = [
            BookedFill(order.symbol, order.side, fill)
            for fill, order in orders.items()
            if order.portfolio == portfolio
        ]
        booked.sort(key=lambda one: (one.fill.filled_at_ms, str(one.symbol), one.fill.trade_id))
        return tuple(booked)

    async def read_fee_assets(self, portfolio: PortfolioName, *, since_ms: int) -> frozenset[Asset]:
        self._require_here()
        late = [fill for fill, at_ms in self._fills.values() if at_ms >= since_ms]
        orders = [(fill, self._entries[fill.client_order_id].order) for fill in late]
        return frozenset(
            fill.fee_asset
            for fill, order in orders
            if order.portfolio == portfolio
            and fill.fee_asset not in (None, order.symbol.base, order.symbol.quote)
        )

    async def read_known(
        self,
        venue: VenueName,
        *,
        client_order_ids: Collection[ClientOrderId],
        venue_keys: Collection[VenueOrderKey],
    ) -> KnownOrders:
        self._require_here()
        ours = {_known_of(e) for e in self._entries.values() if e.order.venue == venue}
        asked = frozenset(
            known
            for known in ours
            if known.client_order_id in client_order_ids or known.venue_key in venue_keys
        )
        ignored = {key for at, key in self._ignored if at == venue}
        return KnownOrders(asked, frozenset(venue_keys) & ignored)

    def _judge(self, booked: Entry, settlement: Settlement) -> Step:
        """What the settlement means for the books; raises before anything is written."""
        order, fills = settlement.order, settlement.fills
        if booked.order != order:
            raise BooksDisagree(f"{order.client_order_id}: another order stands under this id")
        told_id = _venue_order_id(settlement)
        if None not in (booked.venue_order_id, told_id) and booked.venue_order_id != told_id:
            raise BooksDisagree(f"{order.client_order_id}: {booked.venue_order_id}, now {told_id}")
        grew = settlement.filled_base > booked.filled_base
        step = judge_step(booked.state, settlement.state, fills_grew=grew)
        if step is Step.IMPOSSIBLE:
            raise BooksDisagree(_two_ends(booked, settlement))
        if step is Step.STALE:
            return step
        for fill in fills:
            known, _ = self._fills.get((order.venue, order.symbol, fill.trade_id), (fill, 0))
            if known != fill:
                raise BooksDisagree(f"trade {fill.trade_id}: {known}, now {fill}")
        mine = {fill for fill in self.fills if fill.client_order_id == order.client_order_id}
        if not mine <= set(fills) or (step is Step.SAME and mine != set(fills)):
            raise BooksDisagree(f"{order.client_order_id}: trades {mine}, now {fills}")
        return step

    def _end(self, settlement: Settlement, contradiction: str | None, now_ms: int) -> None:
        order = settlement.order
        entry = self._entries[order.client_order_id]
        self._entries[order.client_order_id] = replace(
            entry,
            state=settlement.state,
            filled_base=settlement.filled_base,
            paid_quote=settlement.paid_quote,
            venue_order_id=_venue_order_id(settlement) or entry.venue_order_id,
            reason=settlement.reason,
            contradiction=contradiction,
            settled_at_ms=now_ms,
        )
        detail = _joined(settlement.reason, contradiction)
        self._append(order.client_order_id, settlement.state, detail, now_ms)
        for fill in settlement.fills:
            self._fills.setdefault((order.venue, order.symbol, fill.trade_id), (fill, now_ms))

    def _plan(
        self, orders: Sequence[Order], now_ms: int, *, follows: ClientOrderId | None = None
    ) -> tuple[Order, ...]:
        for order in orders:
            if order.client_order_id not in self._entries:
                entry = Entry(order, OrderState.PLANNED, now_ms, follows=follows)
                self._entries[order.client_order_id] = entry
                self._append(order.client_order_id, OrderState.PLANNED, None, now_ms)
        ids = dict.fromkeys(order.client_order_id for order in orders)
        standing = [self._entries[key] for key in ids]
        return tuple(entry.order for entry in standing if entry.state is OrderState.PLANNED)

    def _advance(
        self, client_order_id: ClientOrderId, state: OrderState, detail: str | None, now_ms: int
    ) -> None:
        assert state not in STATES_WITH_FILLS, state
        self._append(client_order_id, state, detail, now_ms)
        entry = replace(self._entries[client_order_id], state=state)
        if state in FINAL_STATES:
            entry = replace(entry, reason=detail, settled_at_ms=now_ms)
        self._entries[client_order_id] = entry

    def _append(
        self, client_order_id: ClientOrderId, state: OrderState, detail: str | None, now_ms: int
    ) -> None:
        self._events.append(Event(client_order_id, now_ms, state, detail))


def _known_of(entry: Entry) -> KnownOrder:
    order, name = entry.order, entry.venue_order_id
    key = None if name is None else VenueOrderKey(order.symbol, name)
    return KnownOrder(order.client_order_id, entry.state, key)


def _two_ends(booked: Entry, settlement: Settlement) -> str:
    return (
        f"{booked.order.client_order_id}: the books said {booked.state} with "
        f"{plain(booked.filled_base)} filled, now it is {settlement.state} with "
        f"{plain(settlement.filled_base)} filled"
    )


def _venue_order_id(settlement: Settlement) -> str | None:
    outcome = settlement.outcome
    return outcome.venue_order_id if isinstance(outcome, Accepted) else None


def _joined(*parts: str | None) -> str | None:
    return "; ".join(part for part in parts if part) or None
