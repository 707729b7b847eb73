"""OrderQueue in Redis. The rules are in lua/*.lua, one script an operation; here is their caller.

The keys are told in redis_scripts, the permit in redis_permit.

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

**A queue that lost its data** has no generation. It takes nothing and gives nothing until `recover`
has put back every order of the books that may have been sent, each in doubt; the generation is
begun last, so nobody ever meets a queue that is half filled.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import partial

from redis import Redis

from rebalancer.errors import BadData, LeaseLost, QueueLost, StoreUnavailable
from rebalancer.gate import GateOpen
from rebalancer.money import ZERO
from rebalancer.orders import ClientOrderId, Order, PortfolioName, VenueName
from rebalancer.ports import OrderQueue
from rebalancer.queue import (
    CallKind,
    Claim,
    Claimed,
    Denied,
    Generation,
    InDoubt,
    NotNow,
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
from resources.order_codec import encode_order, rank_head, urgency_of
from resources.rate_limit import RateLimit
from resources.redis_permit import PermitDesk, token_of
from resources.redis_replies import Replies
from resources.redis_scripts import QueueScripts, ScriptCall, texts
from resources.turnover import MICRO_MAX, micro_of, micro_of_order, quote_of

DAY_MS = 86_400_000
KNOWN_MS = 2 * DAY_MS
BATCH_MAX = 100
"""Orders in one script. A longer list takes several steps, each of them whole."""


_OTHER_GENERATION = (
    "the queue lost its data, and was filled again from the books, after these orders were planned"
)


class RedisOrderQueue(OrderQueue):
    """The queue called `name` on one server; any number of processes may use it at once."""

    def __init__(
        self,
        client: Redis,
        *,
        name: str,
        rates: Mapping[VenueName, RateLimit],
        limits: Mapping[PortfolioName, RiskLimits],
        known_ms: int = KNOWN_MS,
    ) -> None:
        assert known_ms >= DAY_MS, known_ms
        self._scripts = QueueScripts(client, name=name)
        self._replies = Replies(self._scripts)
        self._desk = PermitDesk(client, self._scripts, rates, limits)
        self._known_ms = known_ms

    def is_lost(self) -> bool:
        return self._generation() == ""

    def generation(self) -> Generation:
        if found := self._generation():
            return Generation(found)
        raise self._scripts.lost()

    def _generation(self) -> str:
        _, found = texts(self._scripts.run("generation"))
        return found

    def recover(self, recovery: Recovery) -> int:
        rows = [(*_row(order), micro_of_order(order)) for order in recovery.maybe_sent]
        added = 0
        for words in _batches(rows):
            _, count = texts(self._scripts.run("recover", self._known_ms, *words))
            added += self._replies.count(count)
        traded = [
            word
            for portfolio, worth_quote in sorted(recovery.turnover_quote.items())
            for word in (portfolio, micro_of(worth_quote))
        ]
        budgets = self._desk.spent_budgets() if recovery.maybe_sent or traded else ()
        self._scripts.run("begin", len(budgets), *budgets, *traded)
        return added

    def enqueue(
        self, orders: Sequence[Order], *, generation: Generation
    ) -> frozenset[ClientOrderId]:
        added: set[ClientOrderId] = set()
        for number, words in enumerate(_batches([_row(order) for order in orders])):
            reply = texts(self._scripts.run("enqueue", self._known_ms, generation, *words))
            match reply:
                case ["other_generation"] if number == 0:
                    raise QueueLost(_OTHER_GENERATION)
                case ["other_generation"]:
                    raise StoreUnavailable(f"{_OTHER_GENERATION}, and some were in it before")
                case ["added", *ids]:
                    added.update(ClientOrderId(order_id) for order_id in ids)
        return frozenset(added)

    def claim(self, tenure: Tenure, *, now_ms: int, lease_ms: int) -> Claim | InDoubt | QueueEmpty:
        call = self.claiming(tenure, now_ms=now_ms, lease_ms=lease_ms, most=1)
        match self._scripts.ask(call):
            case Claimed(found=(BadData() as error,)):
                raise error
            case Claimed(found=(Claim() | InDoubt() as claim,)):
                return claim
            case Claimed(empty=QueueEmpty() as empty):
                return empty
            case claimed:
                raise AssertionError(claimed)

    def claiming(
        self, tenure: Tenure, *, now_ms: int, lease_ms: int, most: int
    ) -> ScriptCall[Claimed]:
        """What Redis is asked for to claim up to `most` orders."""
        assert lease_ms > 0, lease_ms
        assert 0 < most <= BATCH_MAX, most
        until_ms = now_ms + lease_ms
        words = (tenure.slot, tenure.epoch, now_ms, until_ms, token_of(tenure, until_ms), most)
        return ScriptCall("claim", words, partial(self._replies.claimed, tenure, until_ms))

    def permit(self, gate: GateOpen) -> SendPermit | NotNow | Denied:
        return self._scripts.ask(self.permitting(gate))

    def permitting(self, gate: GateOpen) -> ScriptCall[SendPermit | NotNow | Denied]:
        """What `permit` asks of Redis, for many to be asked at once."""
        return self._desk.permitting(gate)

    def spend(self, venue: VenueName, kind: CallKind) -> NotNow | None:
        return self._desk.spend(venue, kind)

    def close_tap(self, venue: VenueName, *, for_ms: int) -> None:
        self._desk.close_tap(venue, for_ms=for_ms)

    def tap_closed_ms(self, venue: VenueName) -> int:
        reply = self._scripts.run("read_tap", venue)
        match texts(reply):
            case ["closed_for", wait_ms]:
                return self._replies.count(wait_ms)
        raise self._replies.corrupt(reply)

    def retire(self, claim: Claim) -> None:
        self._give_back("retire", claim, claim.lease_until_ms)

    def release(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> None:
        self._give_back("release", claim, retry_at_ms)

    def releasing(self, claim: Claim | InDoubt, *, retry_at_ms: int) -> ScriptCall[None]:
        """What `release` asks of Redis, for many to be asked at once."""
        return self._giving_back("release", claim, retry_at_ms)

    def return_unsent(self, claim: Claim, *, retry_at_ms: int) -> None:
        self._give_back("return_unsent", claim, retry_at_ms)

    def note_absent(self, doubt: InDoubt, *, retry_at_ms: int) -> None:
        self._give_back("note_absent", doubt, retry_at_ms)

    def acknowledge(self, receipt: LedgerReceipt) -> bool:
        return self._scripts.ask(self.acknowledging(receipt))

    def acknowledging(self, receipt: LedgerReceipt) -> ScriptCall[bool]:
        """What `acknowledge` asks of Redis, for many to be asked at once."""
        order_id, successor = receipt.client_order_id, receipt.successor
        paid = micro_of(receipt.paid_quote)
        next_one = () if successor is None else (*_row(successor), micro_of_order(successor))
        late = receipt.late
        told_late = ("", 0) if late is None else (late.portfolio, micro_of(late.paid_quote))
        words = (order_id, self._known_ms, paid, *told_late, *next_one)
        return ScriptCall("acknowledge", words, partial(self._replies.turned_away, order_id))

    @property
    def news_channel(self) -> str:
        """Where the scripts tell that orders came."""
        return self._scripts.key("news")

    @property
    def scripts(self) -> QueueScripts:
        """What asks Redis, for those that ask many things at once."""
        return self._scripts

    def live_orders(self, portfolio: PortfolioName) -> tuple[Order, ...]:
        _, *found = self._scripts.run("live_orders", portfolio)
        ids = texts(found[::2])
        return tuple(self._replies.order(*pair) for pair in zip(ids, found[1::2], strict=True))

    def stages(self, order_ids: Collection[ClientOrderId]) -> Mapping[ClientOrderId, Stage]:
        ids, found = list(order_ids), dict[ClientOrderId, Stage]()
        for start in range(0, len(ids), BATCH_MAX):
            _, *told = texts(self._scripts.run("stages", *ids[start : start + BATCH_MAX]))
            for order_id, stage in zip(told[::2], told[1::2], strict=True):
                found[ClientOrderId(order_id)] = Stage(stage)
        return found

    def turnover_quote(self, portfolio: PortfolioName) -> Decimal:
        _, micro = texts(self._scripts.run("turnover", portfolio))
        return quote_of(self._replies.count(micro, most=MICRO_MAX))

    def depth(self) -> QueueDepth:
        _, waiting, in_doubt, rank, oldest = texts(self._scripts.run("depth"))
        try:
            urgency_max = urgency_of(rank) if rank else ZERO
        except ValueError as problem:
            raise BadData(f"{self._scripts.field('*')}: {problem}") from problem
        return QueueDepth(
            waiting=self._replies.count(waiting),
            in_doubt=self._replies.count(in_doubt),
            urgency_max=urgency_max,
            oldest_planned_at_ms=self._replies.count(oldest) if oldest else None,
        )

    def tenure_state(self, slot: int) -> TenureState:
        _, epoch, is_held = texts(self._scripts.run("tenure_state", slot))
        return TenureState(self._replies.count(epoch), is_held=is_held == "1")

    def open_tenure(self, slot: int, *, owner: str, ttl_ms: int) -> Tenure | None:
        assert owner, "a tenure needs an owner"
        assert ttl_ms > 0, ttl_ms
        match texts(self._scripts.run("open_tenure", slot, owner, ttl_ms)):
            case ["opened", epoch]:
                return Tenure(slot, self._replies.count(epoch))
        return None

    def renew_tenure(self, tenure: Tenure, *, ttl_ms: int) -> None:
        assert ttl_ms > 0, ttl_ms
        reply = self._scripts.run("renew_tenure", tenure.slot, tenure.epoch, ttl_ms)
        if texts(reply) != ["renewed"]:
            raise LeaseLost(f"slot {tenure.slot} has passed to a later owner than {tenure}")

    def close_tenure(self, tenure: Tenure) -> None:
        self._scripts.run("close_tenure", tenure.slot, tenure.epoch)

    def _give_back(self, script: str, claim: Claim | InDoubt, retry_at_ms: int) -> None:
        self._scripts.ask(self._giving_back(script, claim, retry_at_ms))

    def _giving_back(
        self, script: str, claim: Claim | InDoubt, retry_at_ms: int
    ) -> ScriptCall[None]:
        assert retry_at_ms >= 0, retry_at_ms
        order_id = claim.order.client_order_id
        words = (order_id, token_of(claim.tenure, claim.lease_until_ms), retry_at_ms)
        return ScriptCall(script, words, partial(self._replies.given_back, order_id))


def _row(order: Order) -> tuple[str, str, str]:
    return order.client_order_id, encode_order(order), rank_head(order)


def _batches(rows: Sequence[tuple[str | int, ...]]) -> Iterator[list[str | int]]:
    """The words of a few rows at a time. Of no rows one batch: the script is asked all the same."""
    for start in range(0, max(1, len(rows)), BATCH_MAX):
        yield [word for row in rows[start : start + BATCH_MAX] for word in row]
