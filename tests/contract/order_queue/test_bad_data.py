"""What the queue says when Redis is away, or holds what this program never wrote."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from redis import Redis

from rebalancer.errors import BadConfig, BadData, StoreUnavailable
from rebalancer.orders import ClientOrderId
from rebalancer.ports import OrderQueue
from rebalancer.queue import QueueEmpty, Tenure
from resources.order_codec import encode_order
from resources.redis_connection import open_redis
from resources.redis_queue import DAY_MS, RedisOrderQueue
from tests.contract.order_queue.steps import (
    FAST,
    LEASE_MS,
    NO_CAPS,
    NOTHING,
    claim_order,
    open_gate,
    receipt_of,
)
from tests.factories import NOW_MS, PORTFOLIO, VENUE, enqueue, make_order

ORDER = make_order()
TEXT = encode_order(ORDER)
KEY = "{bad}:orders"


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with open_redis(redis_url) as client:
        yield client


@pytest.fixture
def queue(client: Redis) -> OrderQueue:
    queue = RedisOrderQueue(client, name="bad", rates=FAST, limits=NO_CAPS)
    queue.recover(NOTHING)
    return queue


def write(client: Redis, text: str | bytes) -> None:
    client.hset(KEY, ORDER.client_order_id, text)


CORRUPT = {
    "nothing": b"",
    "half of it": TEXT[: len(TEXT) // 2],
    "no text": b"\xff\xfe",
    "a list": "[]",
    "not a number": TEXT.replace('"1"', '"NaN"'),
    "an endless number": TEXT.replace('"1"', '"Infinity"'),
    "a binary fraction": TEXT.replace('"1"', "0.1"),
    "an unknown side": TEXT.replace('"buy"', '"hold"'),
    "a field too few": json.dumps({**json.loads(TEXT), "venue": None}),
    "another order": encode_order(make_order("ETH")),
}


@pytest.mark.parametrize("text", CORRUPT.values(), ids=CORRUPT.keys())
def test_an_unreadable_order_is_named_with_its_key_and_holds_nobody_up(
    client: Redis, queue: OrderQueue, tenure: Tenure, now_ms: int, text: str | bytes
) -> None:
    enqueue(queue, [ORDER])
    enqueue(queue, [make_order("ZEC", planned_at_ms=NOW_MS + 1)])
    write(client, text)
    with pytest.raises(BadData, match=f"{KEY} field {ORDER.client_order_id}"):
        queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    assert claim_order(queue, tenure, now_ms).order.symbol.base == "ZEC"
    with pytest.raises(BadData, match=KEY):
        queue.claim(tenure, now_ms=now_ms + LEASE_MS, lease_ms=LEASE_MS)
    with pytest.raises(BadData, match=KEY):
        queue.live_orders(PORTFOLIO)


def test_a_claimed_order_that_became_unreadable_is_neither_permitted_nor_forgotten(
    client: Redis, queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [ORDER])
    claim = claim_order(queue, tenure, now_ms)
    write(client, "{")
    with pytest.raises(BadData, match=r"look .* up at the venue"):
        queue.permit(open_gate(claim))
    with pytest.raises(BadData, match=ORDER.client_order_id):
        queue.acknowledge(receipt_of(ORDER))
    assert queue.depth().waiting == 1


def test_an_order_without_its_rank_is_reported(
    client: Redis, queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [ORDER])
    queue.release(claim_order(queue, tenure, now_ms), retry_at_ms=now_ms)
    client.delete("{bad}:ranks")
    with pytest.raises(BadData, match=ORDER.client_order_id):
        queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    empty = queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
    assert isinstance(empty, QueueEmpty)


STEPS: dict[str, Callable[[OrderQueue, Tenure], object]] = {
    "orders": lambda queue, _: enqueue(queue, [ORDER]),
    "known": lambda queue, _: enqueue(queue, [ORDER]),
    "later": lambda queue, tenure: queue.claim(tenure, now_ms=1, lease_ms=1),
    "sent": lambda queue, tenure: queue.claim(tenure, now_ms=1, lease_ms=1),
    "ready": lambda queue, tenure: queue.claim(tenure, now_ms=1, lease_ms=1),
    "live": lambda queue, _: queue.live_orders(PORTFOLIO),
    "ranks": lambda queue, _: queue.acknowledge(receipt_of(ORDER)),
    "planned": lambda queue, _: queue.depth(),
    "tenures": lambda queue, tenure: queue.renew_tenure(tenure, ttl_ms=1),
}


@pytest.mark.parametrize("part", STEPS)
def test_a_key_of_another_program_is_refused_with_its_name_and_the_cure(
    client: Redis, queue: OrderQueue, tenure: Tenure, part: str
) -> None:
    client.set(f"{{bad}}:{part}", "not ours")
    with pytest.raises(BadData, match=r"\{bad\}:\*.*TRIMTAB_REDIS_URL"):
        STEPS[part](queue, tenure)


def test_nonsense_in_an_index_is_bad_data(client: Redis, queue: OrderQueue) -> None:
    client.zadd("{bad}:ranked", {"nonsense": 0})
    with pytest.raises(BadData, match="rank"):
        queue.depth()


def test_a_name_with_a_control_character_is_never_queued(queue: OrderQueue) -> None:
    with pytest.raises(BadData, match="portfolio"):
        enqueue(queue, [make_order(portfolio="a\x1fb")])
    assert queue.depth().waiting == 0


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    expected = pytest.raises(StoreUnavailable, match=f"127.0.0.1:{port}.*TRIMTAB_REDIS_URL")
    with open_redis(f"redis://:secret@127.0.0.1:{port}/0") as client, expected as told:
        RedisOrderQueue(client, name="bad", rates=FAST, limits=NO_CAPS).depth()
    assert "secret" not in str(told.value)


def test_a_wrong_password_is_a_store_that_is_unavailable(redis_url: str) -> None:
    expected = pytest.raises(StoreUnavailable, match="password")
    with open_redis(redis_url.replace("redis://:", "redis://:wrong")) as client, expected:
        RedisOrderQueue(client, name="bad", rates=FAST, limits=NO_CAPS).depth()


@pytest.mark.parametrize(
    "url", ["", "localhost:6379", "http://:secret@host", "redis://:secret@h:x"]
)
def test_an_address_that_is_none_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(BadConfig, match="TRIMTAB_REDIS_URL: expected redis://") as told:
        open_redis(url)
    assert "secret" not in str(told.value)


def test_scripts_are_loaded_again_when_the_server_forgot_them(
    client: Redis, queue: OrderQueue
) -> None:
    enqueue(queue, [ORDER])
    client.script_flush()
    assert queue.depth().waiting == 1


def test_known_ids_are_forgotten_a_while_after_their_order_and_nothing_else_is(
    client: Redis, queue: OrderQueue
) -> None:
    live, old = make_order("ETH"), ClientOrderId("old")
    enqueue(queue, [live])
    long_ago_ms = 2 * DAY_MS
    client.zadd("{bad}:known", {old: long_ago_ms, live.client_order_id: long_ago_ms})
    enqueue(queue, [ORDER])
    assert client.zrange("{bad}:known", 0, -1) == [ORDER.client_order_id.encode()]
    assert enqueue(queue, [live]) == 0
    queue.acknowledge(receipt_of(live))
    assert enqueue(queue, [live]) == 0


def test_nothing_of_an_order_expires_by_itself_and_nothing_is_left_of_it(
    client: Redis, queue: OrderQueue, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [ORDER, make_order("ETH", "sell")])
    assert all(client.ttl(key) == -1 for key in client.scan_iter())
    for order in (make_order("ETH", "sell"), ORDER):
        claim = claim_order(queue, tenure, now_ms)
        queue.permit(open_gate(claim))
        queue.acknowledge(receipt_of(order))
    left = {key.decode().partition(":")[2] for key in client.scan_iter()}
    # That the venue was sent something counts against its rate for a second more.
    assert left - {f"flights:{VENUE}"} == {
        "known", "sequence", "tenures", "buckets", "generation", "turnover"
    }  # fmt: skip
