"""OrderQueue in Redis. The rules are in lua/*.lua, one script an operation; here is their caller.

What lies where, all under one hash tag `{name}:`

    orders    hash  id → order JSON                 ranks     hash  id → its place among all
    ready     zset  ranks that may be claimed       parked    zset  buys behind a sell of theirs
    later     zset  id → when it is ready again     sent      zset  id → when to look it up
    claims    hash  id → token of the lease         tries, absences   hash  id → count
    ranked    zset  ranks of all not sent           planned   zset  id → planned_at_ms, not sent
    live      zset  portfolio, symbol, id           sells     hash  group → sells not settled
    waking    zset  groups with buys to move        known     zset  id → last seen, at least 24 h
    tenures   hash  slot → epoch, owner, until      buckets   hash  venue → micro-tokens, instant

An order that is not sent is in exactly one of ready, parked and later; a sent one is in sent. A
group is a cycle and a portfolio. Sorted sets are used as text that sorts, so that a priority of 24
decimals is exact, and no call reads more than it moves: at most 100 orders, whatever the depth.

**Nothing here expires by itself.** An order that outlives `expires_at_ms` is claimed, judged by the
gate, recorded as expired in PostgreSQL and only then removed; a Redis TTL would drop it in silence.
Only the record of known ids is trimmed: an id is remembered for `known_ms` after it was last seen,
which is far longer than an order may live, and the books refuse an order that ended before.

**Whose clock.** `claim`, `release` and their kin take the caller's: it only says when to look
again. What a lease protects never rests on a clock: the token of the lease must still be the one in
Redis, the epoch of the tenure must be the latest of its slot, and the mark `sent` is written in the
same step, so two sessions can never both be permitted, however wrong their clocks are. `permit`
compares the gate's verdict, the lease's end and the rate budget with the clock of Redis; clocks
that disagree make it say NotNow, never yes twice. Slots are leased by the clock of Redis alone.
"""

from collections.abc import Mapping, Sequence

from redis import Redis

from rebalancer.errors import BadConfig, BadData, LeaseLost
from rebalancer.gate import GateOpen
from rebalancer.money import ZERO
from rebalancer.orders import Order, PortfolioName, VenueName
from rebalancer.ports import OrderQueue
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
from resources.order_codec import decode_order, encode_order, rank_head, urgency_of
from resources.rate_limit import RateLimit
from resources.redis_scripts import QueueScripts, Reply, texts

DAY_MS = 86_400_000
KNOWN_MS = 2 * DAY_MS
ENQUEUE_MAX = 100
"""Orders in one script. A longer list is queued in several steps, each of them whole."""


class RedisOrderQueue(OrderQueue):
    """The queue called `name` on one server; any number of processes may use it at once."""

    def __init__(
        self,
        client: Redis,
        *,
        name: str,
        rates: Mapping[VenueName, RateLimit],
        known_ms: int = KNOWN_MS,
    ) -> None:
        assert name, "a queue needs a name"
        assert not set(name) & set("{}"), name
        assert known_ms >= DAY_MS, known_ms
        self._scripts = QueueScripts(client, name=name)
        self._rates = dict(rates)
        self._known_ms = known_ms

    def enqueue(self, orders: Sequence[Order]) -> int:
        return sum(
            self._enqueue(orders[start : start + ENQUEUE_MAX])
            for start in range(0, len(orders), ENQUEUE_MAX)
        )

    def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int) -> Claim | InDoubt | QueueEmpty:
        assert lease_ms > 0, lease_ms
        until_ms = now_ms + lease_ms
        token = _token(tenure, until_ms)
        reply = self._scripts.run("claim", tenure.slot, tenure.epoch, now_ms, until_ms, token)
        match texts(reply):
            case ["lost"]:
                raise LeaseLost(f"slot {tenure.slot} has passed to a later owner than {tenure}")
            case ["empty"]:
                return QueueEmpty()
            case ["empty", next_at]:
                return QueueEmpty(next_at_ms=self._int(next_at))
            case ["claim", order_id, _, tries]:
                order = self._decode(order_id, reply[2])
                return Claim(order, tenure, until_ms, self._int(tries))
            case ["in_doubt", order_id, _, absences]:
                order = self._decode(order_id, reply[2])
                return InDoubt(order, tenure, until_ms, self._int(absences))
        raise self._corrupt(reply)

    def permit(self, gate: GateOpen) -> SendPermit | NotNow:
        claim = gate.claim
        order, tenure = claim.order, claim.tenure
        valid_until_ms = min(gate.valid_until_ms, claim.lease_until_ms)
        reply = self._scripts.run(
            "permit",
            tenure.slot,
            tenure.epoch,
            order.client_order_id,
            _token(tenure, claim.lease_until_ms),
            claim.lease_until_ms,
            valid_until_ms,
            order.venue,
            *self._rate_of(order.venue).bucket,
        )
        match texts(reply):
            case ["sent"]:
                return SendPermit(order, valid_until_ms)
            case ["not_now", reason, wait_ms]:
                return NotNow(reason, self._int(wait_ms))
        raise self._refusal(order.client_order_id, reply)

    def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        self._give_back("release", claim, retry_at_ms)

    def return_unsent(self, claim: Claim, *, retry_at_ms: int) -> None:
        self._give_back("return_unsent", claim, retry_at_ms)

    def note_absent(self, doubt: InDoubt, *, retry_at_ms: int) -> None:
        self._give_back("note_absent", doubt, retry_at_ms)

    def acknowledge(self, receipt: LedgerReceipt) -> None:
        residual = () if receipt.residual is None else _row(receipt.residual)
        order_id = receipt.client_order_id
        reply = self._scripts.run("acknowledge", order_id, self._known_ms, *residual)
        if texts(reply) != ["acknowledged"]:
            raise self._refusal(order_id, reply)

    def live_orders(self, portfolio: PortfolioName) -> tuple[Order, ...]:
        _, *found = self._scripts.run("live_orders", portfolio)
        ids = texts(found[::2])
        return tuple(self._decode(*pair) for pair in zip(ids, found[1::2], strict=True))

    def depth(self) -> QueueDepth:
        _, waiting, in_doubt, rank, oldest = texts(self._scripts.run("depth"))
        try:
            urgency_max = urgency_of(rank) if rank else ZERO
        except ValueError as problem:
            raise BadData(f"{self._scripts.field('*')}: {problem}") from problem
        return QueueDepth(
            waiting=int(waiting or 0),
            in_doubt=int(in_doubt or 0),
            urgency_max=urgency_max,
            oldest_planned_at_ms=self._int(oldest) if oldest else None,
        )

    def tenure_state(self, slot: int) -> TenureState:
        _, epoch, is_held = texts(self._scripts.run("tenure_state", slot))
        return TenureState(self._int(epoch), is_held=is_held == "1")

    def open_tenure(self, slot: int, *, owner: str, ttl_ms: int) -> Tenure | None:
        assert owner, "a tenure needs an owner"
        assert ttl_ms > 0, ttl_ms
        match texts(self._scripts.run("open_tenure", slot, owner, ttl_ms)):
            case ["opened", epoch]:
                return Tenure(slot, self._int(epoch))
        return None

    def renew_tenure(self, tenure: Tenure, *, ttl_ms: int) -> None:
        assert ttl_ms > 0, ttl_ms
        reply = self._scripts.run("renew_tenure", tenure.slot, tenure.epoch, ttl_ms)
        if texts(reply) != ["renewed"]:
            raise LeaseLost(f"slot {tenure.slot} has passed to a later owner than {tenure}")

    def close_tenure(self, tenure: Tenure) -> None:
        self._scripts.run("close_tenure", tenure.slot, tenure.epoch)

    def _enqueue(self, orders: Sequence[Order]) -> int:
        rows = [word for order in orders for word in _row(order)]
        _, added = texts(self._scripts.run("enqueue", self._known_ms, *rows))
        return int(added or 0)

    def _give_back(self, script: str, claim: Claim | InDoubt, retry_at_ms: int) -> None:
        assert retry_at_ms >= 0, retry_at_ms
        order_id = claim.order.client_order_id
        token = _token(claim.tenure, claim.lease_until_ms)
        reply = self._scripts.run(script, order_id, token, retry_at_ms)
        if texts(reply)[0] == "lost":
            raise self._refusal(order_id, reply)

    def _rate_of(self, venue: VenueName) -> RateLimit:
        if venue not in self._rates:
            raise BadConfig(
                f"venue {venue!r}: an order for it is queued, but the settings have no such venue. "
                f"Put [venues.{venue}] back, or let the order expire."
            )
        return self._rates[venue]

    def _decode(self, order_id: str, text: bytes | int | None) -> Order:
        where = self._scripts.field(order_id)
        order = decode_order(text if isinstance(text, bytes) else None, where=where)
        if order.client_order_id != order_id:
            raise BadData(f"{where}: expected that order, was {order.client_order_id}")
        return order

    def _refusal(self, order_id: str, reply: Reply) -> Exception:
        match texts(reply):
            case ["lost", why]:
                return LeaseLost(f"{order_id}: {why}; stop touching it")
        return self._corrupt(reply)

    def _corrupt(self, reply: Reply) -> BadData:
        _, order_id, *rest = texts(reply)
        return BadData(
            f"{self._scripts.field(order_id)}: expected an order as this program writes it, was "
            f"{''.join(rest)[:200]!r}. Stop the drains, look {order_id} up at the venue, then "
            "delete the keys of this queue: the books in PostgreSQL keep every order."
        )

    def _int(self, text: str) -> int:
        """A whole number as Redis writes one; a count of nothing is 0."""
        try:
            return int(text or 0)
        except ValueError as problem:
            where = self._scripts.field("*")
            raise BadData(f"{where}: expected a whole number, was {text!r}") from problem


def _token(tenure: Tenure, lease_until_ms: int) -> str:
    """What only the holder of this lease knows."""
    return f"{lease_until_ms}:{tenure.slot}:{tenure.epoch}"


def _row(order: Order) -> tuple[str, str, str]:
    return order.client_order_id, encode_order(order), rank_head(order)
