"""Orders decided about by hand: approved, rejected, declared absent; and the truth of each."""

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import redis

from rebalancer.controls import HaltKind
from rebalancer.order_states import OrderState
from rebalancer.queue import Recovery, SendPermit, Stage
from resources.embedded import ServerUrls
from resources.system_clock import SystemClock
from tests.contract.cli import Ended
from tests.contract.cli_desk import HOUR_MS, HandDesk, open_desk

GOAL_MISSED, BAD_INPUT = 1, 2


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


def expect(ended: Ended, code: int, *words: str) -> None:
    assert ended.code == code, (ended.out, ended.said)
    assert "Traceback" not in ended.said
    for word in words:
        assert word in ended.said, ended.said


def resting() -> dict[str, Any]:
    """What makes a small buy rest far below the market, inside its collar all the same."""
    return {
        "amount_base": Decimal("0.01"),
        "limit_price_quote": Decimal(30_000),
        "arrival_mid_quote": Decimal(30_010),
        "style": "post",
    }


def test_an_order_whose_permit_was_given_is_told_as_sent_while_the_books_say_queued(
    desk: HandDesk,
) -> None:
    with desk.stores() as stores:
        sent = desk.permitted(stores, "BTC")
        waiting = desk.queued(stores, "ETH")
        lost = desk.planned(stores, "SOL")
        desk.note(stores, lost, OrderState.QUEUED)
    told = {row["client_order_id"]: row for row in desk.run("orders", "--json").json()}
    assert told[sent.client_order_id]["state"] == "queued"
    assert told[sent.client_order_id]["now"] == "sent, unconfirmed"
    assert told[waiting.client_order_id]["now"] == "queued"
    assert told[lost.client_order_id]["now"] == "lost by the queue"
    one = desk.run("orders", sent.client_order_id[:8])
    assert one.code == 0, one.said
    assert "Now: sent, unconfirmed." in one.out


def test_orders_are_told_by_the_books_while_redis_is_down(desk: HandDesk) -> None:
    with desk.stores() as stores:
        desk.queued(stores)
    ended = desk.run("orders", "--json", TRIMTAB_REDIS_URL="redis://:hidden@127.0.0.1:1/0")
    assert ended.code == 0, ended.said
    assert [row["now"] for row in ended.json()] == ["queued"]
    assert "by the books alone" in ended.said
    assert "hidden" not in ended.said


def test_an_approval_needs_a_yes_and_then_queues_the_order_with_its_reason(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.awaiting(stores)
    name = order.client_order_id
    expect(desk.run("orders", "approve", name[:8]), BAD_INPUT, "--yes")
    ended = desk.run("orders", "approve", name[:8], "--reason", "looks [right]", "--yes", "--json")
    expect(ended, 0)
    assert [row["state"] for row in ended.json()] == ["queued"]
    with desk.stores() as stores:
        assert stores.queue.stages([name]) == {name: Stage.WAITING}
        details = [event.detail or "" for event in stores.archive.read_history(name)]
    assert any("approved by" in d and "looks [right]" in d for d in details)
    expect(desk.run("orders", "approve", name[:8], "--yes"), BAD_INPUT, "queued", "awaiting")


def test_an_order_too_old_to_send_is_not_approved_but_booked_as_expired(desk: HandDesk) -> None:
    now_ms = SystemClock().now_ms()
    with desk.stores() as stores:
        order = desk.awaiting(
            stores, planned_at_ms=now_ms - 2 * HOUR_MS, expires_at_ms=now_ms - HOUR_MS
        )
    expect(desk.run("orders", "approve", "--all", "--yes"), GOAL_MISSED, "too old", "order_ttl_ms")
    with desk.stores() as stores:
        (row,) = stores.archive.read_orders(limit=1)
        assert row.state is OrderState.EXPIRED
        assert stores.queue.stages([order.client_order_id]) == {}


def test_an_order_whose_symbol_turned_busy_is_not_approved_and_never_queued(
    desk: HandDesk,
) -> None:
    with desk.stores() as stores:
        desk.queued(stores, cycle_id="busy")
        order = desk.awaiting(stores, cycle_id="later")
    ended = desk.run("orders", "approve", "--cycle", "later", "--yes", "--json")
    expect(ended, GOAL_MISSED, "another order of BTC/USDC is under way")
    assert [row["state"] for row in ended.json()] == ["expired"]
    with desk.stores() as stores:
        assert stores.queue.stages([order.client_order_id]) == {}
        unsettled = asyncio.run(stores.ledger.read_unsettled())
        assert order not in [booked.order for booked in unsettled]


def test_nothing_is_approved_under_a_halt(desk: HandDesk) -> None:
    with desk.stores() as stores:
        desk.awaiting(stores)
        desk.halt(stores, HaltKind.FREEZE)
    ended = desk.run("orders", "approve", "--all", "--yes")
    expect(ended, GOAL_MISSED, "portfolio core", "trimtab orders adopt --portfolio core")


def test_a_rejection_ends_the_order_with_its_reason(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.awaiting(stores)
    ended = desk.run("orders", "reject", "--all", "--reason", "too much", "--yes", "--json")
    expect(ended, 0)
    with desk.stores() as stores:
        (row,) = stores.archive.read_orders(limit=1)
        assert row.order == order
        assert row.state is OrderState.REJECTED
        assert "too much" in (row.reason or "")
    assert desk.run("orders", "--json").json()[0]["now"] == "rejected"


def test_a_mistyped_decision_is_answered_with_the_one_that_was_meant(desk: HandDesk) -> None:
    expect(desk.run("orders", "aprove", "--all"), BAD_INPUT, "'aprove'", "Did you mean 'approve'?")
    expect(desk.run("orders", "zzzz"), BAD_INPUT, "zzzz")


def test_how_orders_are_chosen_is_one_way_only(desk: HandDesk) -> None:
    expect(desk.run("orders", "approve", "--yes"), BAD_INPUT, "--cycle", "--all")
    expect(desk.run("orders", "approve", "--all", "--yes"), BAD_INPUT, "no order waits")
    expect(desk.run("orders", "approve", "abc", "--yes"), BAD_INPUT, "4 characters", "'abc'")


def test_only_an_order_long_in_doubt_may_be_declared_absent(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.permitted(stores)
    end = ("orders", "end", order.client_order_id[:8], "--reason", "the venue lost it", "--yes")
    expect(desk.run(*end), BAD_INPUT, "is queued", "trimtab drain")
    with desk.stores() as stores:
        desk.note(stores, order, OrderState.IN_DOUBT)
    expect(desk.run(*end), GOAL_MISSED, "drain.lease_ms")


def test_an_order_declared_absent_is_booked_with_the_name_of_who_did(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.permitted(stores)
        desk.note(stores, order, OrderState.IN_DOUBT, ago_ms=HOUR_MS)
    name = order.client_order_id
    ended = desk.run("orders", "end", name[:8], "--reason", "never arrived", "--yes", "--json")
    expect(ended, 0)
    assert "did not find the order" in ended.json()["venue_says"]
    with desk.stores() as stores:
        assert stores.queue.stages([name]) == {}
        (row,) = stores.archive.read_orders(limit=1)
    assert row.state is OrderState.NOT_FOUND
    assert "declared absent by" in (row.reason or "")
    assert "never arrived" in (row.reason or "")


def test_an_order_that_the_venue_has_is_never_declared_absent(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.permitted(stores, **resting())
        desk.note(stores, order, OrderState.IN_DOUBT, ago_ms=HOUR_MS)
    desk.at_venue(lambda venue: venue.submit(SendPermit(order, SystemClock().now_ms() + HOUR_MS)))
    ended = desk.run("orders", "end", order.client_order_id, "--reason", "gone", "--yes")
    expect(ended, GOAL_MISSED, "is not absent", "trimtab drain")


def test_an_order_that_was_seen_just_now_is_not_declared_absent(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.permitted(stores, **resting())
        desk.note(stores, order, OrderState.OPEN)
    name = order.client_order_id
    end = ("orders", "end", name, "--reason", "gone", "--yes")
    expect(desk.run(*end), GOAL_MISSED, "is open since", "drain.lease_ms")


def test_an_order_that_still_rests_is_never_declared_absent(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.permitted(stores, **resting())
        desk.note(stores, order, OrderState.OPEN, ago_ms=HOUR_MS)
    name = order.client_order_id
    end = ("orders", "end", name, "--reason", "gone", "--yes")
    placed = SendPermit(order, SystemClock().now_ms() + HOUR_MS)
    desk.at_venue(lambda venue: venue.submit(placed))
    expect(desk.run(*end), GOAL_MISSED, "is not absent", "(open)")


def test_an_order_that_rested_and_is_gone_is_declared_absent(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.permitted(stores, **resting())
        desk.note(stores, order, OrderState.OPEN, ago_ms=HOUR_MS)
    name = order.client_order_id
    expect(desk.run("orders", "end", name, "--reason", "gone", "--yes"), 0)
    with desk.stores() as stores:
        assert stores.queue.stages([name]) == {}
        (row,) = stores.archive.read_orders(limit=1)
    assert row.state is OrderState.NOT_FOUND


def test_a_queue_that_was_lost_is_filled_again_before_an_approval(desk: HandDesk) -> None:
    with desk.stores() as stores:
        order = desk.awaiting(stores)
    with redis.Redis.from_url(desk.env["TRIMTAB_REDIS_URL"]) as client:
        client.flushall()
    expect(desk.run("orders", "approve", "--all", "--yes"), 0)
    with desk.stores() as stores:
        assert stores.queue.stages([order.client_order_id])
        assert stores.queue.recover(Recovery((), {})) == 0
        assert asyncio.run(stores.ledger.read_unsettled())[0].state is OrderState.QUEUED
