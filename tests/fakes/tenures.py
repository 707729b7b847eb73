"""Drain slots in a dictionary: one owner each, and the later epoch always wins."""

from collections.abc import Sequence
from dataclasses import dataclass

from rebalancer.errors import LeaseLost
from rebalancer.ports import Clock
from rebalancer.queue import Tenure, TenureState

FOREVER_MS = 10**15


@dataclass(slots=True)
class Slot:
    """A drain slot: `owner` None when it is closed."""

    epoch: int
    owner: str | None
    until_ms: int


class FakeTenures:
    """The slots of one queue, with some tenures already open."""

    def __init__(self, clock: Clock, tenures: Sequence[Tenure]) -> None:
        self._clock = clock
        self._slots = {tenure.slot: Slot(tenure.epoch, "test", FOREVER_MS) for tenure in tenures}

    def state(self, slot: int) -> TenureState:
        held = self._slots.get(slot, Slot(0, None, 0))
        is_held = held.owner is not None and self._clock.now_ms() < held.until_ms
        return TenureState(held.epoch, is_held=is_held)

    def open(self, slot: int, *, owner: str, ttl_ms: int) -> Tenure | None:
        now_ms = self._clock.now_ms()
        held = self._slots.get(slot, Slot(0, None, 0))
        if held.owner not in (None, owner) and now_ms < held.until_ms:
            return None
        self._slots[slot] = Slot(held.epoch + 1, owner, now_ms + ttl_ms)
        return Tenure(slot, held.epoch + 1)

    def renew(self, tenure: Tenure, *, ttl_ms: int) -> None:
        self.require_current(tenure)
        self._slots[tenure.slot].until_ms = self._clock.now_ms() + ttl_ms

    def close(self, tenure: Tenure) -> None:
        if self._is_current(tenure):
            self._slots[tenure.slot].owner = None

    def require_current(self, tenure: Tenure) -> None:
        if not self._is_current(tenure):
            raise LeaseLost(f"slot {tenure.slot} has passed to a later owner than {tenure}")

    def _is_current(self, tenure: Tenure) -> bool:
        slot = self._slots.get(tenure.slot)
        return slot is not None and slot.epoch == tenure.epoch and slot.owner is not None
