"""Whatever the keys of the queue hold, it gives back orders it was given, or says what is wrong.

The law: with any one key replaced, bent or gone, every operation ends in a value or in BadData,
StoreUnavailable or LeaseLost; each order that comes back is one that was queued, to the digit; and
no corruption lets more orders through than the rate allows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from redis import Redis

from rebalancer.errors import BadData, LeaseLost, StoreUnavailable
from rebalancer.orders import Order
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
from resources.embedded import ServerUrls
from resources.order_codec import AT_MS_MAX, encode_order
from resources.rate_limit import RateLimit
from resources.redis_connection import open_redis
from resources.redis_queue import RedisOrderQueue
from resources.redis_scripts import PARTS
from resources.system_clock import SystemClock
from tests.contract.order_queue.steps import FAST, LEASE_MS, NO_CAPS, NOTHING, open_gate, receipt_of
from tests.factories import PORTFOLIO, VENUE, enqueue, make_order
from tests.property.junk import NOT_JSON, ODD_NUMBERS

ALLOWED = (BadData, StoreUnavailable, LeaseLost)
HASHES = (
    "orders", "ranks", "claims", "tries", "absences", "sells", "tenures", "buckets", "sent_at",
    "turnover", "reserved", "halts", "windows", "taps",
)  # fmt: skip
TEXTS = ("sequence", "generation")
JUNK = (*ODD_NUMBERS, *NOT_JSON, "\x00\xff", ":", "{}", "\x1f", "0:0:0")
ORDERS = (
    make_order("BTC", "sell"),
    make_order("ETH", "buy"),
    make_order("SOL", "sell", cycle_id="c2"),
    make_order("XRP", "buy", cycle_id="c3"),
)
NAMES = count()
MESSAGE_LENGTH_MAX = 2_000

bounded = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
junk_bytes = st.sampled_from(JUNK).map(str.encode) | st.binary(max_size=12)
Bend = Callable[[Redis, str], None]


@dataclass(frozen=True, slots=True)
class Scene:
    """A queue with orders in every place: ready, parked, leased, sent and given back."""

    client: Redis
    name: str
    queue: RedisOrderQueue
    tenure: Tenure
    claim: Claim
    doubt: InDoubt

    def key(self, part: str) -> str:
        return f"{{{self.name}}}:{part}"


def make_scene(client: Redis) -> Scene:
    name, now_ms = f"fuzz{next(NAMES)}", SystemClock().now_ms()
    queue = RedisOrderQueue(client, name=name, rates=FAST, limits=NO_CAPS)
    queue.recover(NOTHING)
    enqueue(queue, ORDERS)
    tenure = queue.open_tenure(0, owner="fuzz", ttl_ms=60_000)
    assert tenure is not None
    sent = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    assert isinstance(sent, Claim)
    assert isinstance(queue.permit(open_gate(sent)), SendPermit)
    doubt = queue.claim(tenure, now_ms=now_ms + LEASE_MS, lease_ms=LEASE_MS)
    assert isinstance(doubt, InDoubt)
    claim = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    assert isinstance(claim, Claim)
    return Scene(client, name, queue, tenure, claim, doubt)


@pytest.fixture(scope="module")
def client(servers: ServerUrls) -> Iterator[Redis]:
    with open_redis(servers.redis_url) as client:
        yield client


def steps_of(scene: Scene) -> list[Callable[[], object]]:
    """Every operation of the queue, the reading ones twice."""
    queue, tenure, late_ms = scene.queue, scene.tenure, SystemClock().now_ms() + 10 * LEASE_MS
    return [
        lambda: queue.live_orders(PORTFOLIO),
        queue.depth,
        lambda: queue.tenure_state(0),
        lambda: queue.permit(open_gate(scene.claim)),
        lambda: queue.claim(tenure, now_ms=SystemClock().now_ms(), lease_ms=LEASE_MS),
        lambda: queue.return_unsent(scene.claim, retry_at_ms=5),
        lambda: queue.release(scene.claim, retry_at_ms=5),
        lambda: queue.note_absent(scene.doubt, retry_at_ms=5),
        lambda: queue.claim(tenure, now_ms=late_ms, lease_ms=LEASE_MS),
        lambda: queue.claim(tenure, now_ms=late_ms, lease_ms=LEASE_MS),
        lambda: queue.acknowledge(receipt_of(scene.doubt.order)),
        lambda: enqueue(queue, ORDERS),
        lambda: queue.live_orders(PORTFOLIO),
        queue.depth,
        lambda: queue.renew_tenure(tenure, ttl_ms=60_000),
        lambda: queue.close_tenure(tenure),
        lambda: queue.open_tenure(0, owner="later", ttl_ms=60_000),
    ]


def orders_in(value: object) -> tuple[Order, ...]:
    if isinstance(value, Claim | InDoubt | SendPermit):
        return (value.order,)
    return tuple(one for one in value if isinstance(one, Order)) if isinstance(value, tuple) else ()


def assert_sane(value: object) -> None:
    """Its counts and instants are such as this program writes."""
    match value:
        case Claim(tries=number) | InDoubt(absences=number) | TenureState(epoch=number):
            assert 0 <= number <= AT_MS_MAX
        case NotNow(retry_after_ms=number) | QueueEmpty(next_at_ms=int(number)):
            assert 0 <= number <= AT_MS_MAX
        case BadData() | StoreUnavailable() | LeaseLost():
            assert 0 < len(str(value)) < MESSAGE_LENGTH_MAX
        case QueueDepth():
            assert 0 <= value.waiting <= AT_MS_MAX
            assert 0 <= value.in_doubt <= AT_MS_MAX
            assert 0 <= value.urgency_max <= 1
            assert 0 <= (value.oldest_planned_at_ms or 0) <= AT_MS_MAX


def assert_honest(scene: Scene) -> None:
    """Take every step; what comes back was queued, what fails fails in an allowed way."""
    permits = 0
    for step in steps_of(scene):
        try:
            value: object = step()
        except ALLOWED as error:
            value = error
        permits += isinstance(value, SendPermit)
        assert set(orders_in(value)) <= set(ORDERS)
        assert_sane(value)
    assert permits <= 1
    scene.client.delete(*map(scene.key, PARTS))


@bounded
@given(st.sampled_from(PARTS), st.sampled_from(["string", "list", "hash", "zset", "set", "gone"]))
def test_a_key_of_any_type_or_none_is_survived(client: Redis, part: str, kind: str) -> None:
    scene = make_scene(client)
    key = scene.key(part)
    client.delete(key)
    if kind == "string":
        client.set(key, "9" * 400)
    elif kind == "list":
        client.rpush(key, "x")
    elif kind == "hash":
        client.hset(key, "x", "y")
    elif kind == "zset":
        client.zadd(key, {"x": 1})
    elif kind == "set":
        client.sadd(key, "x")
    assert_honest(scene)


@bounded
@given(st.sampled_from(HASHES), st.integers(0, 5), junk_bytes)
@example("tenures", 0, b"1e400")
@example("tries", 1, "٣".encode())
@example("tries", 3, b"-1")
@example("absences", 0, b"1_0")
@example("absences", 2, b" 7")
@example("tenures", 0, b"9" * 30)
@example("orders", 0, b"[" * 100_000)
def test_any_value_of_a_field_is_survived(
    client: Redis, part: str, index: int, value: bytes
) -> None:
    scene = make_scene(client)
    fields = sorted(client.hgetall(scene.key(part)))
    fields = fields or [order.client_order_id.encode() for order in ORDERS]
    client.hset(scene.key(part), fields[index % len(fields)], value)
    assert_honest(scene)


@bounded
@given(
    st.sampled_from([part for part in PARTS if part not in (*HASHES, *TEXTS)]),
    junk_bytes,
    st.floats(allow_nan=False) | st.sampled_from([0.0, -1.0, 1.5, 1e300]),
)
def test_any_member_of_an_index_is_survived(
    client: Redis, part: str, member: bytes, score: float
) -> None:
    scene = make_scene(client)
    client.zadd(scene.key(part), {member: score})
    assert_honest(scene)


@bounded
@given(st.sampled_from(["ready", "parked", "later", "sent", "planned", "ranked"]), st.floats())
def test_any_score_of_an_order_is_survived(client: Redis, part: str, score: float) -> None:
    scene = make_scene(client)
    for member in client.zrange(scene.key(part), 0, -1):
        assert isinstance(member, bytes)
        client.zadd(scene.key(part), {member: 0.5 if score != score else score})
    assert_honest(scene)


@bounded
@given(junk_bytes, junk_bytes)
@example(b"nan", b"0")
@example(b"inf", b"0")
@example(b"-inf", b"-inf")
@example(b"1e300", b"nan")
@example(b"0", b"-1e300")
def test_no_corruption_of_the_rate_budget_lets_more_through(
    client: Redis, tokens: bytes, at_us: bytes
) -> None:
    name, now_ms = f"rate{next(NAMES)}", SystemClock().now_ms()
    queue = RedisOrderQueue(client, name=name, rates={VENUE: RateLimit(1)}, limits=NO_CAPS)
    queue.recover(NOTHING)
    buckets = f"{{{name}}}:buckets"
    client.hset(buckets, f"{VENUE}\x1ftokens", tokens)
    client.hset(buckets, f"{VENUE}\x1fat_us", at_us)
    enqueue(queue, [make_order(base) for base in ("BTC", "ETH", "SOL")])
    tenure = queue.open_tenure(0, owner="fuzz", ttl_ms=60_000)
    assert tenure is not None
    permits = 0
    for _ in range(3):
        claim = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
        assert isinstance(claim, Claim)
        try:
            permits += isinstance(queue.permit(open_gate(claim)), SendPermit)
        except BadData:
            continue
    assert permits <= 1
    client.delete(*(f"{{{name}}}:{part}" for part in PARTS))


@bounded
@given(st.sampled_from(ORDERS), st.sampled_from(ORDERS))
def test_an_order_under_the_name_of_another_is_never_given_out(
    client: Redis, one: Order, other: Order
) -> None:
    scene = make_scene(client)
    client.hset(scene.key("orders"), one.client_order_id, encode_order(other))
    assert_honest(scene)
