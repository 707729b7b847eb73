"""What must not be sent is refused in the step that would have marked it as sent."""

from dataclasses import replace

import pytest

from rebalancer.controls import (
    EVERYTHING,
    HaltKind,
    MaintenanceWindow,
    Scope,
    ScopeKind,
    TradingHalt,
)
from rebalancer.orders import VenueName
from rebalancer.ports import OrderQueue, TradingControls
from rebalancer.queue import CallKind, NotNow, NotNowReason, SendPermit, Tenure
from resources.rate_limit import RateLimit
from tests.contract.order_queue.steps import (
    FAST,
    LEASE_MS,
    QueueMaker,
    claim_doubt,
    claim_order,
    open_gate,
    receipt_of,
    refusal_of,
    send,
)
from tests.factories import PORTFOLIO, VENUE, enqueue, make_order

HOUR_MS = 3_600_000
OTHER_VENUE = VenueName("other")
COVERING = [EVERYTHING, Scope(ScopeKind.VENUE, VENUE), Scope(ScopeKind.PORTFOLIO, PORTFOLIO)]
ELSEWHERE = [
    Scope(ScopeKind.VENUE, PORTFOLIO),
    Scope(ScopeKind.PORTFOLIO, VENUE),
    Scope(ScopeKind.VENUE, f"{VENUE} 2"),
    Scope(ScopeKind.PORTFOLIO, "cor"),
]


def make_halt(scope: Scope, kind: HaltKind = HaltKind.BY_HAND) -> TradingHalt:
    return TradingHalt(scope, kind, reason="a test", actor="me", at_ms=1)


@pytest.mark.parametrize("kind", HaltKind)
@pytest.mark.parametrize("scope", COVERING, ids=str)
def test_a_halt_of_any_kind_and_scope_stops_a_claimed_order_until_it_is_lifted(
    queue: OrderQueue,
    controls: TradingControls,
    tenure: Tenure,
    now_ms: int,
    scope: Scope,
    kind: HaltKind,
) -> None:
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    controls.halt(make_halt(scope, kind))
    assert refusal_of(queue, claim) is NotNowReason.HALTED
    assert queue.depth().in_doubt == 0
    assert controls.lift(scope, kind)
    assert isinstance(queue.permit(open_gate(claim)), SendPermit)


@pytest.mark.parametrize("scope", ELSEWHERE, ids=str)
def test_a_halt_of_something_else_stops_nothing(
    queue: OrderQueue, controls: TradingControls, tenure: Tenure, now_ms: int, scope: Scope
) -> None:
    controls.halt(make_halt(scope))
    enqueue(queue, [make_order()])
    send(queue, tenure, now_ms)


def test_two_kinds_of_halt_must_both_be_lifted(
    queue: OrderQueue, controls: TradingControls, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    controls.halt(make_halt(EVERYTHING, HaltKind.BY_HAND))
    controls.halt(make_halt(EVERYTHING, HaltKind.FREEZE))
    controls.lift(EVERYTHING, HaltKind.BY_HAND)
    assert refusal_of(queue, claim) is NotNowReason.HALTED


def test_a_halt_lets_look_ups_cancels_and_the_end_of_orders_through(
    queue: OrderQueue, controls: TradingControls, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order()])
    send(queue, tenure, now_ms)
    controls.halt(make_halt(EVERYTHING))
    assert queue.spend(VENUE, CallKind.LOOK_UP) is None
    assert queue.spend(VENUE, CallKind.CANCEL) is None
    doubt = claim_doubt(queue, tenure, now_ms + LEASE_MS)
    queue.acknowledge(receipt_of(doubt.order))
    assert queue.depth().in_doubt == 0


OPEN = {
    "once": {},
    "of every venue": {"venue": None},
    "repeating, begun days ago": {"starts_at_ms": -100 * HOUR_MS, "every_ms": 5 * HOUR_MS},
    "repeating without a pause": {"every_ms": HOUR_MS},
    "ending for good later": {"until_ms": HOUR_MS},
    "announced": {"is_announced": True},
}
CLOSED = {
    "not begun": {"starts_at_ms": HOUR_MS},
    "over": {"starts_at_ms": -3 * HOUR_MS},
    "between two times": {"starts_at_ms": -102 * HOUR_MS, "every_ms": 5 * HOUR_MS},
    "over for good": {"starts_at_ms": -5 * HOUR_MS, "every_ms": 5 * HOUR_MS, "until_ms": -1},
    "of another venue": {"venue": OTHER_VENUE},
}
INSTANTS = ("starts_at_ms", "until_ms")


def window_at(now_ms: int, changes: dict[str, object]) -> MaintenanceWindow:
    """A window of an hour around now; its instants are told as seen from now."""
    moved = {
        name: now_ms + value if name in INSTANTS and isinstance(value, int) else value
        for name, value in changes.items()
    }
    around = MaintenanceWindow("w", VENUE, now_ms - HOUR_MS // 2, HOUR_MS, None, None, note="x")
    return replace(around, **moved)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", OPEN.values(), ids=OPEN.keys())
def test_an_open_window_stops_orders_and_says_when_to_ask_again(
    queue: OrderQueue,
    controls: TradingControls,
    tenure: Tenure,
    now_ms: int,
    changes: dict[str, object],
) -> None:
    window = window_at(now_ms, changes)
    assert window.ends_at_ms(now_ms) is not None
    controls.add_window(window)
    enqueue(queue, [make_order()])
    claim = claim_order(queue, tenure, now_ms)
    answer = queue.permit(open_gate(claim))
    assert isinstance(answer, NotNow)
    assert answer.reason is NotNowReason.MAINTENANCE
    # Sooner than the window closes: it may be removed, and the order may expire.
    assert 0 < answer.retry_after_ms <= 10_000
    assert queue.spend(VENUE, CallKind.LOOK_UP) is None
    assert controls.remove_window("w")
    assert isinstance(queue.permit(open_gate(claim)), SendPermit)


@pytest.mark.parametrize("changes", CLOSED.values(), ids=CLOSED.keys())
def test_a_window_that_is_not_open_stops_nothing(
    queue: OrderQueue,
    controls: TradingControls,
    tenure: Tenure,
    now_ms: int,
    changes: dict[str, object],
) -> None:
    controls.add_window(window_at(now_ms, changes))
    enqueue(queue, [make_order()])
    send(queue, tenure, now_ms)


def test_a_closed_tap_lets_nothing_out_and_the_later_closing_wins(
    queue_of: QueueMaker, now_ms: int
) -> None:
    queue = queue_of({**FAST, OTHER_VENUE: RateLimit(1)})
    tenure = queue.open_tenure(0, owner="first", ttl_ms=60_000)
    assert tenure is not None
    enqueue(queue, [make_order("A"), make_order("B", venue=OTHER_VENUE)])
    one, two = (claim_order(queue, tenure, now_ms) for _ in range(2))
    queue.close_tap(VENUE, for_ms=HOUR_MS)
    queue.close_tap(VENUE, for_ms=1)
    assert refusal_of(queue, one) is NotNowReason.TAP_CLOSED
    for kind in (CallKind.LOOK_UP, CallKind.CANCEL):
        refused = queue.spend(VENUE, kind)
        assert refused is not None
        assert refused.reason is NotNowReason.TAP_CLOSED
        assert refused.retry_after_ms > 1
    assert HOUR_MS - 60_000 < queue.tap_closed_ms(VENUE) <= HOUR_MS
    assert queue.tap_closed_ms(OTHER_VENUE) == 0
    assert isinstance(queue.permit(open_gate(two)), SendPermit)


def test_a_tap_closed_for_no_time_is_open(queue: OrderQueue, tenure: Tenure, now_ms: int) -> None:
    enqueue(queue, [make_order()])
    queue.close_tap(VENUE, for_ms=0)
    assert queue.tap_closed_ms(VENUE) == 0
    send(queue, tenure, now_ms)


def test_of_several_reasons_the_one_a_person_must_know_first_is_told(
    queue: OrderQueue, controls: TradingControls, tenure: Tenure, now_ms: int
) -> None:
    enqueue(queue, [make_order("BTC")])
    buy = claim_order(queue, tenure, now_ms)
    enqueue(queue, [make_order("ETH", "sell")])
    queue.close_tap(VENUE, for_ms=HOUR_MS)
    controls.add_window(window_at(now_ms, {}))
    controls.halt(make_halt(EVERYTHING))
    assert refusal_of(queue, buy) is NotNowReason.HALTED
    controls.lift(EVERYTHING, HaltKind.BY_HAND)
    assert refusal_of(queue, buy) is NotNowReason.MAINTENANCE
    controls.remove_window("w")
    assert refusal_of(queue, buy) is NotNowReason.TAP_CLOSED
