"""Controls that nobody can read: refused to whoever asks, and nothing is sent past them."""

from collections.abc import Iterator

import pytest
from redis import Redis

from rebalancer.controls import EVERYTHING, HaltKind, MaintenanceWindow, Scope, ScopeKind
from rebalancer.controls import TradingHalt as Halt
from rebalancer.errors import BadConfig, BadData
from rebalancer.ports import OrderQueue
from rebalancer.queue import NotNowReason, SendPermit
from resources.redis_connection import open_redis
from resources.redis_controls import RedisTradingControls, decode_window, encode_window
from resources.redis_queue import RedisOrderQueue
from resources.system_clock import SystemClock
from tests.contract.order_queue.steps import (
    FAST,
    NO_CAPS,
    NOTHING,
    claim_order,
    open_gate,
    refusal_of,
)
from tests.factories import VENUE, enqueue, make_order

HALTS, WINDOWS = "{corrupt}:halts", "{corrupt}:windows"
SOUND = encode_window(MaintenanceWindow("w", None, 0, 1, 5, 10**14, note="n"))
PART = "\x1f"


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with open_redis(redis_url) as client:
        yield client


@pytest.fixture
def controls(client: Redis) -> RedisTradingControls:
    return RedisTradingControls(client, name="corrupt")


@pytest.fixture
def queue(client: Redis) -> OrderQueue:
    queue = RedisOrderQueue(client, name="corrupt", rates=FAST, limits=NO_CAPS)
    queue.recover(NOTHING)
    enqueue(queue, [make_order()])
    return queue


def refusal_now(queue: OrderQueue) -> object:
    tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
    assert tenure is not None
    return refusal_of(queue, claim_order(queue, tenure, SystemClock().now_ms()))


FIELDS = {
    "no JSON": ("all|halt", "{"),
    "nothing": ("all|halt", ""),
    "no text": ("all|halt", b"\xff"),
    "a list": ("all|halt", "[]"),
    "a field too few": ("all|halt", '{"reason":"x","actor":"y"}'),
    "an instant that is none": ("all|halt", '{"reason":"x","actor":"y","at_ms":true}'),
    "a kind of another version": (f"venue:{VENUE}|strike", '{"reason":"","actor":"","at_ms":1}'),
    "a scope of another version": ("asset:BTC|halt", '{"reason":"","actor":"","at_ms":1}'),
    "no scope": ("nonsense", '{"reason":"","actor":"","at_ms":1}'),
    "a scope without a name": ("venue:|halt", '{"reason":"","actor":"","at_ms":1}'),
    "everything with a name": ("all:x|halt", '{"reason":"","actor":"","at_ms":1}'),
}


@pytest.mark.parametrize(("field", "text"), FIELDS.values(), ids=FIELDS.keys())
def test_a_halt_that_cannot_be_read_still_halts_and_is_named(
    client: Redis,
    controls: RedisTradingControls,
    queue: OrderQueue,
    field: str,
    text: str | bytes,
) -> None:
    client.hset(HALTS, field, text)
    assert refusal_now(queue) is NotNowReason.HALTED
    with pytest.raises(BadData, match=r"\{corrupt\}:halts field .*It halts all the same"):
        controls.halts()


LINES = {
    "nothing": "",
    "text": "tonight",
    "a part too few": PART.join(SOUND.split(PART)[:4]),
    "no text": b"\xff\xfe",
    "a start that is no number": SOUND.replace(f"{PART}0{PART}", f"{PART}x{PART}"),
    "a start beyond belief": SOUND.replace(f"{PART}0{PART}", PART + "9" * 400 + PART),
    "repeating at once": SOUND.replace(f"{PART}5{PART}", f"{PART}0{PART}"),
}


@pytest.mark.parametrize("line", LINES.values(), ids=LINES.keys())
def test_a_window_that_cannot_be_read_stops_every_order_until_it_is_removed(
    client: Redis, controls: RedisTradingControls, queue: OrderQueue, line: str | bytes
) -> None:
    client.hset(WINDOWS, "w", line)
    with pytest.raises(BadData, match=r"\{corrupt\}:windows field w.*maintenance remove"):
        controls.windows()
    tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
    assert tenure is not None
    claim = claim_order(queue, tenure, SystemClock().now_ms())
    assert refusal_of(queue, claim) is NotNowReason.MAINTENANCE
    assert controls.remove_window("w")
    assert isinstance(queue.permit(open_gate(claim)), SendPermit)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("planned", "guessed"),
        (f"{PART}1{PART}", f"{PART}0{PART}"),
        (f"{PART}1{PART}", f"{PART}6{PART}"),
    ],
    ids=["an unknown origin", "no duration", "repeating before its end"],
)
def test_a_window_that_makes_no_sense_is_refused(old: str, new: str) -> None:
    with pytest.raises(BadData, match=r"^here: expected a maintenance window"):
        decode_window("w", SOUND.replace(old, new, 1), where="here")


@pytest.mark.parametrize("part", ["halts", "windows", "taps", "turnover"])
def test_a_key_of_another_program_lets_nothing_out(
    client: Redis, queue: OrderQueue, part: str
) -> None:
    tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
    assert tenure is not None
    claim = claim_order(queue, tenure, SystemClock().now_ms())
    client.delete(f"{{corrupt}}:{part}")
    client.lpush(f"{{corrupt}}:{part}", "not ours")
    with pytest.raises(BadData, match="corrupt"):
        queue.permit(open_gate(claim))
    assert queue.depth().in_doubt == 0


def test_a_sum_of_turnover_that_cannot_be_read_lets_nothing_out(
    client: Redis, queue: OrderQueue
) -> None:
    tenure = queue.open_tenure(0, owner="me", ttl_ms=60_000)
    assert tenure is not None
    claim = claim_order(queue, tenure, SystemClock().now_ms())
    client.hset("{corrupt}:turnover", claim.order.portfolio, "much")
    with pytest.raises(BadData, match="turnover of core: expected day:sum, was much"):
        queue.permit(open_gate(claim))
    assert queue.depth().in_doubt == 0


def test_what_could_not_be_read_back_is_not_written(controls: RedisTradingControls) -> None:
    with pytest.raises(BadConfig, match="printable"):
        controls.halt(Halt(Scope(ScopeKind.VENUE, "a\nb"), HaltKind.FREEZE, "", "", 1))
    for window in (
        MaintenanceWindow("w", None, 10**16, 1, None, None, note=""),
        MaintenanceWindow("w", None, 0, 1, None, None, note="two\nlines"),
    ):
        with pytest.raises(BadConfig, match="maintenance window"):
            controls.add_window(window)
    assert controls.halts() == ()
    assert controls.windows() == ()
    assert not controls.lift(EVERYTHING, HaltKind.FREEZE)
