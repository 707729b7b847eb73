"""OrderQueue in a dictionary: the plainest program that keeps the promises of the port.

It reads every order on every call, so each rule stands as it would be said. What a test wants to
see afterwards is a property; nothing is set up by methods.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebalancer.errors import BadConfig, LeaseLost
from rebalancer.gate import GateOpen
from rebalancer.money import ZERO
from rebalancer.orders import ClientOrderId, Order, PortfolioName, VenueName
from rebalancer.ports import Clock, OrderQueue
from rebalancer.queue import (
    Claim,
    InDoubt,
    NotNow,
    QueueDepth,
    QueueEmpty,
    SendPermit,
    Tenure,
    TenureState,
)
from rebalancer.settlement import LedgerReceipt
from resources.rate_limit import RateLimit
from tests.fakes.bucket import Bucket

FOREVER_MS = 10**15


@dataclass(slots=True)
class Entry:
    """One order and where it stands. `at_ms` None: it may be claimed now."""

    order: Order
    sequence: int
    at_ms: int | None = None
    token: tuple[Tenure, int] | None = None
    is_sent: bool = False
    tries: int = 0
    absences: int = 0


@dataclass(slots=True)
class Slot:
    """A drain slot: `owner` None when it is closed."""

    epoch: int
    owner: str | None
    until_ms: int


class FakeQueue(OrderQueue):
    """A queue that holds `orders`, with `tenures` already open; no rate limit unless one is given.

    `clock` stands for the clock of the server: permits, buckets and tenures go by it.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        rates: Mapping[VenueName, RateLimit] | None = None,
        orders: Sequence[Order] = (),
        tenures: Sequence[Tenure] = (),
    ) -> None:
        self._clock = clock
        self._buckets = None if rates is None else {name: Bucket(rates[name]) for name in rates}
        self._entries: dict[ClientOrderId, Entry] = {}
        self._known: set[ClientOrderId] = set()
        self._slots = {tenure.slot: Slot(tenure.epoch, "test", FOREVER_MS) for tenure in tenures}
        self._permitted: list[Order] = []
        self._acknowledged: list[ClientOrderId] = []
        self.enqueue(orders)

    @property
    def permitted(self) -> tuple[Order, ...]:
        """Every order a permit was given for, in that order."""
        return tuple(self._permitted)

    @property
    def acknowledged(self) -> tuple[ClientOrderId, ...]:
        """Every id that was acknowledged, in that order."""
        return tuple(self._acknowledged)

    def enqueue(self, orders: Sequence[Order]) -> int:
        return sum(self._add(order) for order in orders)

    def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int) -> Claim | InDoubt | QueueEmpty:
        assert lease_ms > 0, lease_ms
        self._require_current(tenure)
        until_ms = now_ms + lease_ms
        if found := self._due_in_doubt(now_ms):
            found.at_ms, found.token = until_ms, (tenure, until_ms)
            return InDoubt(found.order, tenure, until_ms, found.absences)
        if found := self._most_urgent(now_ms):
            found.at_ms, found.token = until_ms, (tenure, until_ms)
            return Claim(found.order, tenure, until_ms, found.tries)
        timed = [entry.at_ms for entry in self._entries.values() if entry.at_ms is not None]
        return QueueEmpty(next_at_ms=min(timed, default=None))

    def permit(self, gate: GateOpen) -> SendPermit | NotNow:
        claim = gate.claim
        self._require_current(claim.tenure)
        entry = self._held(claim)
        if entry.is_sent:
            raise LeaseLost(f"{claim.order.client_order_id} was marked sent already")
        valid_until_ms = min(gate.valid_until_ms, claim.lease_until_ms)
        if self._clock.now_ms() >= valid_until_ms:
            return NotNow("the gate's verdict ran out", 100)
        if self._must_wait_for_sells(claim.order):
            return NotNow("a sell of its cycle is not settled yet", 100)
        if wait_ms := self._take_token(claim.order.venue):
            return NotNow(f"the rate budget of {claim.order.venue} is spent", wait_ms)
        entry.is_sent = True
        self._permitted.append(claim.order)
        return SendPermit(claim.order, valid_until_ms)

    def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        self._give_back(claim, retry_at_ms)

    def return_unsent(self, claim: Claim, *, retry_at_ms: int) -> None:
        entry = self._give_back(claim, retry_at_ms)
        entry.is_sent = False
        entry.tries += 1

    def note_absent(self, doubt: InDoubt, *, retry_at_ms: int) -> None:
        self._give_back(doubt, retry_at_ms).absences += 1

    def acknowledge(self, receipt: LedgerReceipt) -> None:
        if self._entries.pop(receipt.client_order_id, None):
            self._acknowledged.append(receipt.client_order_id)
            self._known.add(receipt.client_order_id)
        if receipt.residual is not None:
            self._add(receipt.residual)

    def live_orders(self, portfolio: PortfolioName) -> tuple[Order, ...]:
        orders = (entry.order for entry in self._entries.values())
        mine = (order for order in orders if order.portfolio == portfolio)
        return tuple(sorted(mine, key=lambda order: str(order.symbol)))

    def depth(self) -> QueueDepth:
        unsent = [entry.order for entry in self._entries.values() if not entry.is_sent]
        return QueueDepth(
            waiting=len(unsent),
            in_doubt=len(self._entries) - len(unsent),
            urgency_max=max((order.urgency for order in unsent), default=ZERO),
            oldest_planned_at_ms=min((order.planned_at_ms for order in unsent), default=None),
        )

    def tenure_state(self, slot: int) -> TenureState:
        held = self._slots.get(slot, Slot(0, None, 0))
        is_held = held.owner is not None and self._clock.now_ms() < held.until_ms
        return TenureState(held.epoch, is_held=is_held)

    def open_tenure(self, slot: int, *, owner: str, ttl_ms: int) -> Tenure | None:
        now_ms = self._clock.now_ms()
        held = self._slots.get(slot, Slot(0, None, 0))
        if held.owner not in (None, owner) and now_ms < held.until_ms:
            return None
        self._slots[slot] = Slot(held.epoch + 1, owner, now_ms + ttl_ms)
        return Tenure(slot, held.epoch + 1)

    def renew_tenure(self, tenure: Tenure, *, ttl_ms: int) -> None:
        self._require_current(tenure)
        self._slots[tenure.slot].until_ms = self._clock.now_ms() + ttl_ms

    def close_tenure(self, tenure: Tenure) -> None:
        if self._is_current(tenure):
            self._slots[tenure.slot].owner = None

    def _add(self, order: Order) -> int:
        place = (order.portfolio, order.symbol)
        busy = {(entry.order.portfolio, entry.order.symbol) for entry in self._entries.values()}
        if order.client_order_id in self._known or place in busy:
            return 0
        self._known.add(order.client_order_id)
        self._entries[order.client_order_id] = Entry(order, sequence=len(self._known))
        return 1

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

    def _take_token(self, venue: VenueName) -> int:
        if self._buckets is None:
            return 0
        if venue not in self._buckets:
            raise BadConfig(f"venue {venue!r} is not in the settings")
        return self._buckets[venue].take(self._clock.now_ms() * 1000)

    def _is_current(self, tenure: Tenure) -> bool:
        slot = self._slots.get(tenure.slot)
        return slot is not None and slot.epoch == tenure.epoch and slot.owner is not None

    def _require_current(self, tenure: Tenure) -> None:
        if not self._is_current(tenure):
            raise LeaseLost(f"slot {tenure.slot} has passed to a later owner than {tenure}")
