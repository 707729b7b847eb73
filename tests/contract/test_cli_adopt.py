"""Taking an account as it is must not take our own trades with it."""

import asyncio
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from assets.account import account_of
from rebalancer.account_compare import baseline_of
from rebalancer.balances import sanitize_balances
from rebalancer.controls import HaltKind
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.queue import SendPermit
from rebalancer.settlement import Accepted, settle
from resources.embedded import ServerUrls
from resources.system_clock import SystemClock
from resources.wiring import Stores
from tests.contract.cli_desk import HOUR_MS, HandDesk, open_desk

PATIENCE_SECONDS = 20


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


def test_what_an_order_filled_after_its_end_is_booked_before_an_account_is_adopted(
    desk: HandDesk,
) -> None:
    with desk.stores() as stores:
        _take_baseline(desk, stores)
        order = _fill_behind_the_books(desk, stores)
        desk.halt(stores, HaltKind.FREEZE)
    deadline = time.monotonic() + PATIENCE_SECONDS
    adopted = desk.run("orders", "adopt", "--portfolio", "core", "--yes", "--json")
    # Just booked, they may not be in the balances yet: a person is told to come again.
    while adopted.code and "in a moment" in adopted.said and time.monotonic() < deadline:
        adopted = desk.run("orders", "adopt", "--portfolio", "core", "--yes", "--json")
    assert adopted.code == 0, adopted.said
    assert adopted.json()["differences"] == {}
    with desk.stores() as stores:
        [row] = stores.archive.read_orders(states=[OrderState.FILLED], limit=2)
        assert (row.order, row.filled_base) == (order, order.amount_base)
        assert not stores.controls.halts()


def _take_baseline(desk: HandDesk, stores: Stores) -> None:
    name, portfolio, _ = desk.settings.portfolio("core")
    held, _ = sanitize_balances(desk.at_venue(lambda venue: venue.fetch_balances()))
    baseline = baseline_of(account_of(name, portfolio), held, SystemClock().now_ms())
    asyncio.run(stores.ledger.record_baseline(baseline))


def _fill_behind_the_books(desk: HandDesk, stores: Stores) -> Order:
    """An order that traded in full, and that the venue had called over without a trade."""
    far = Decimal(70_000)
    crossing = {"limit_price_quote": far, "worst_price_quote": far, "arrival_mid_quote": far}
    order = desk.permitted(stores, "BTC", amount_base=Decimal("0.01"), **crossing)
    permit = SendPermit(order, SystemClock().now_ms() + HOUR_MS)
    answer = desk.at_venue(lambda venue: venue.submit(permit))
    assert isinstance(answer, Accepted), answer
    unfilled = settle(Accepted(order, answer.venue_order_id, True, Decimal(0)), ())
    receipt = asyncio.run(stores.ledger.record(unfilled, now_ms=SystemClock().now_ms()))
    stores.queue.acknowledge(receipt)
    return order
