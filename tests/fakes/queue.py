"""OrderQueue in a dictionary: the plainest program that keeps the promises of the port.

It reads every order on every call, so each rule stands as it would be said. What a test wants to
see afterwards is a property; nothing is set up by methods.
"""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from rebalancer.errors import LeaseLost, QueueLost
from rebalancer.gate import GateOpen
from rebalancer.money import ZERO
from rebalancer.orders import ClientOrderId, Order, PortfolioName, VenueName
from rebalancer.ports import Clock, OrderQueue
from rebalancer.queue import (
    CallKind,
    Claim,
    Denied,
    Generation,
    InDoubt,
    NotNow,
    NotNowReason,
    QueueDepth,
    QueueEmpty,
    Recovery,
    SendPermit,
    Stage,
    Tenure,
    TenureState,
)
from rebalancer.risk import RiskLimits
from rebalancer.settlement import LedgerReceipt
from resources.rate_limit import RateLimit
from resources.turnover import micro_of, quote_of
from tests.fakes.bucket import SOON_MS
from tests.fakes.controls import FakeControls
from tests.fakes.permits import FakePermits
from tests.fakes.queue_entries import GENERATIONS, Entry
from tests.fakes.tenures import FakeTenures
from tests.fakes.turnover import FakeTurnover


class FakeQueue(OrderQueue):
    """A queue that holds `orders`, with `tenures` already open; no rates or caps but those given.

    `clock` stands for the clock of the server: permits, buckets and tenures go by it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rates: Mapping[VenueName, RateLimit] | None = None,
        limits: Mapping[PortfolioName, RiskLimits] | None = None,
        controls: FakeControls | None = None,
        orders: Sequence[Order] = (),
        tenures: Sequence[Tenure] = (),
        is_lost: bool = False,
    ) -> None:
        self._clock = clock
        controls = controls or FakeControls(clock)
        self._permits = FakePermits(clock, controls, rates=rates, limits=limits)
        self._turnover, self._tenures = FakeTurnover(clock), FakeTenures(clock, tenures)
        self._entries: dict[ClientOrderId, Entry] = {}
        self._known: set[ClientOrderId] = set()
        self._permitted: list[Order] = []
        self._acknowledged: list[ClientOrderId] = []
        for order in orders:
            self._add(order)
        self._generation = None if is_lost else next(GENERATIONS)

    @property
    def permitted(self) -> tuple[Order, ...]:
        """Every order a permit was given for, in that order."""
        return tuple(self._permitted)

    @property
    def acknowledged(self) -> tuple[ClientOrderId, ...]:
        """Every id that was acknowledged, in that order."""
        return tuple(self._acknowledged)

    def is_lost(self) -> bool:
        return self._generation is None

    def generation(self) -> Generation:
        return self._require_whole()

    def recover(self, recovery: Recovery) -> int:
        added = sum(self._add_in_doubt(order) for order in recovery.maybe_sent)
        if self._generation is None:
            for portfolio, worth_quote in recovery.turnover_quote.items():
                self._turnover.add(portfolio, micro_of(worth_quote))
            if recovery.maybe_sent or recovery.turnover_quote:
                self._permits.begin_after_loss()
            self._generation = next(GENERATIONS)
        return added

    def enqueue(
        self, orders: Sequence[Order], *, generation: Generation
    ) -> frozenset[ClientOrderId]:
        if generation != self._require_whole():
            raise QueueLost("this queue was lost and filled again since")
        return frozenset(order.client_order_id for order in orders if self._add(order))

    def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int) -> Claim | InDoubt | QueueEmpty:
        assert lease_ms > 0, lease_ms
        self._require_whole()
        self._tenures.require_current(tenure)
        until_ms = now_ms + lease_ms
        if found := self._due_in_doubt(now_ms):
            found.at_ms, found.token = until_ms, (tenure, until_ms)
            assert found.sent_at_ms is not None
            return InDoubt(found.order, tenure, until_ms, found.absences, found.sent_at_ms)
        if found := self._most_urgent(now_ms):
            found.at_ms, found.token = until_ms, (tenure, until_ms)
            return Claim(found.order, tenure, until_ms, found.tries)
        timed = [entry.at_ms for entry in self._entries.values() if entry.at_ms is not None]
        return QueueEmpty(next_at_ms=min(timed, default=None))

    def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        claim = gate.claim
        order = claim.order
        self._permits.require_known(order)
        self._tenures.require_current(claim.tenure)
        entry = self._held(claim)
        if entry.is_sent:
            raise LeaseLost(f"{order.client_order_id} was marked sent already")
        self._require_whole()
        valid_until_ms = min(gate.valid_until_ms, claim.lease_until_ms)
        if refusal := self._refuse(order, valid_until_ms):
            return refusal
        entry.sent_at_ms = self._clock.now_ms()
        self._permits.take_off(claim, entry.sent_at_ms)
        self._turnover.reserve(order)
        self._permitted.append(order)
        return SendPermit(order, valid_until_ms)

    def spend(self, venue: VenueName, kind: CallKind) -> NotNow | None:
        assert kind is not CallKind.ORDER, kind
        return self._permits.check_tap(venue) or self._permits.spend(venue, kind)

    def close_tap(self, venue: VenueName, *, for_ms: int) -> None:
        self._permits.close_tap(venue, for_ms)

    def tap_closed_ms(self, venue: VenueName) -> int:
        return self._permits.tap_closed_ms(venue)

    def retire(self, claim: Claim) -> None:
        entry = self._held(claim)
        if entry.is_sent:
            raise LeaseLost(f"{claim.order.client_order_id} was marked sent already")
        entry.sent_at_ms = self._clock.now_ms()

    def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        entry = self._give_back(claim, retry_at_ms)
        self._permits.land(entry.order, entry.sent_at_ms)

    def return_unsent(self, claim: Claim, *, retry_at_ms: int) -> None:
        entry = self._give_back(claim, retry_at_ms)
        self._permits.land(entry.order, entry.sent_at_ms)
        entry.sent_at_ms = None
        entry.tries += 1
        self._turnover.give_back(entry.order)

    def note_absent(self, doubt: InDoubt, *, retry_at_ms: int) -> None:
        self._give_back(doubt, retry_at_ms).absences += 1

    def acknowledge(self, receipt: LedgerReceipt) -> bool:
        order_id, successor = receipt.client_order_id, receipt.successor
        is_news = order_id not in self._known
        self._known.add(order_id)
        if entry := self._entries.pop(order_id, None):
            self._acknowledged.append(order_id)
            self._permits.land(entry.order, entry.sent_at_ms)
            self._turnover.give_back(entry.order)
            self._turnover.add(entry.order.portfolio, micro_of(receipt.paid_quote))
        elif late := receipt.late:
            self._turnover.add(late.portfolio, micro_of(late.paid_quote))
        if successor is not None and entry is not None:
            self._add(successor)
            return successor.client_order_id not in self._known
        if successor is not None and is_news:
            # An end never heard of: whether the successor was sent since, only the venue can say.
            self._add_in_doubt(successor)
        return False

    def live_orders(self, portfolio: PortfolioName) -> tuple[Order, ...]:
        self._require_whole()
        orders = (entry.order for entry in self._entries.values())
        mine = (order for order in orders if order.portfolio == portfolio)
        return tuple(sorted(mine, key=lambda order: (str(order.symbol), order.client_order_id)))

    def stages(self, order_ids: Collection[ClientOrderId]) -> Mapping[ClientOrderId, Stage]:
        return {
            order_id: Stage.SENT if self._entries[order_id].is_sent else Stage.WAITING
            for order_id in order_ids
            if order_id in self._entries
        }

    def turnover_quote(self, portfolio: PortfolioName) -> Decimal:
        return quote_of(self._turnover.micro_today(portfolio))

    def depth(self) -> QueueDepth:
        unsent = [entry.order for entry in self._entries.values() if not entry.is_sent]
        return QueueDepth(
            waiting=len(unsent),
            in_doubt=len(self._entries) - len(unsent),
            urgency_max=max((order.urgency for order in unsent), default=ZERO),
            oldest_planned_at_ms=min((order.planned_at_ms for order in unsent), default=None),
        )

    def tenure_state(self, slot: int) -> TenureState:
        return self._tenures.state(slot)

    def open_tenure(self, slot: int, *, owner: str, ttl_ms: int) -> Tenure | None:
        return self._tenures.open(slot, owner=owner, ttl_ms=ttl_ms)

    def renew_tenure(self, tenure: Tenure, *, ttl_ms: int) -> None:
        self._tenures.renew(tenure, ttl_ms=ttl_ms)

    def close_tenure(self, tenure: Tenure) -> None:
        self._tenures.close(tenure)

    def _refuse(self, order: Order, valid_until_ms: int) -> NotNow | Denied | None:
        """The first reason against an order that is ours to send, in the order of the port."""
        permits = self._permits
        if refusal := permits.deny(order) or permits.check_controls(order):
            return refusal
        if self._clock.now_ms() >= valid_until_ms:
            return NotNow(NotNowReason.VERDICT_RAN_OUT, "the gate's verdict ran out", SOON_MS)
        if self._must_wait_for_sells(order):
            return NotNow(NotNowReason.SELLS_FIRST, "a sell of its cycle is not settled", SOON_MS)
        mine = [e for e in self._entries.values() if e.order.portfolio == order.portfolio]
        open_orders = sum(entry.is_sent for entry in mine)
        return permits.check_caps(
            order, open_orders=open_orders, turnover=self._turnover
        ) or permits.let_out(order.venue)

    def _require_whole(self) -> Generation:
        if self._generation is None:
            raise QueueLost("this queue is new or has lost its data: recover it first")
        return self._generation

    def _add(self, order: Order) -> int:
        place = (order.portfolio, order.symbol)
        busy = {(entry.order.portfolio, entry.order.symbol) for entry in self._entries.values()}
        return 0 if place in busy else self._enter(order) is not None

    def _add_in_doubt(self, order: Order) -> int:
        entry = self._enter(order)
        if entry is None:
            if self._generation is None and order.client_order_id not in self._entries:
                self._turnover.count_ended(order)
            return 0
        entry.at_ms, entry.sent_at_ms = 0, order.planned_at_ms
        self._turnover.reserve(order)
        return 1

    def _enter(self, order: Order) -> Entry | None:
        if order.client_order_id in self._known:
            return None
        self._known.add(order.client_order_id)
        entry = Entry(order, sequence=len(self._known))
        self._entries[order.client_order_id] = entry
        return entry

    def _due_in_doubt(self, now_ms: int) -> Entry | None:
        due = (e for e in self._entries.values() if e.is_sent and (e.at_ms or 0) <= now_ms)
        return min(due, key=lambda e: (e.at_ms, e.order.client_order_id), default=None)

    def _most_urgent(self, now_ms: int) -> Entry | None:
        unsent = [entry for entry in self._entries.values() if not entry.is_sent]
        for entry in unsent:
            if entry.at_ms is not None and entry.at_ms <= now_ms:
                entry.at_ms, entry.token = None, None
        free = (e for e in unsent if e.at_ms is None and not self._must_wait_for_sells(e.order))
        return min(
            free,
            key=lambda e: (-e.order.urgency, e.order.planned_at_ms, e.sequence),
            default=None,
        )

    def _must_wait_for_sells(self, order: Order) -> bool:
        group = (order.cycle_id, order.portfolio)
        live = (entry.order for entry in self._entries.values())
        sells = {(sell.cycle_id, sell.portfolio) for sell in live if sell.side == "sell"}
        return order.side == "buy" and group in sells

    def _held(self, claim: Claim | InDoubt) -> Entry:
        entry = self._entries.get(claim.order.client_order_id)
        if entry is None or entry.token != (claim.tenure, claim.lease_until_ms):
            raise LeaseLost(f"{claim.order.client_order_id}: its lease is no longer ours")
        return entry

    def _give_back(self, claim: Claim | InDoubt, retry_at_ms: int) -> Entry:
        entry = self._held(claim)
        if isinstance(claim, InDoubt) and not entry.is_sent:
            raise LeaseLost(f"{claim.order.client_order_id} is not in doubt")
        entry.at_ms, entry.token = retry_at_ms, None
        return entry
