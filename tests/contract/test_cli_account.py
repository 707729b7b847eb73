"""A frozen portfolio: what its account shows, and what a person may decide about it."""

import asyncio
import os
import pty
import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from rebalancer.account import OpenOrder
from rebalancer.controls import HaltKind
from rebalancer.money import Asset
from rebalancer.order_states import OrderState
from rebalancer.orders import Order, PortfolioName
from rebalancer.queue import SendPermit, Stage
from rebalancer.reconciliation import Baseline
from resources.embedded import ServerUrls
from resources.system_clock import SystemClock
from tests.contract.cli import COMMAND_SECONDS, Ended, command
from tests.contract.cli_desk import HOUR_MS, HandDesk, open_desk
from tests.factories import make_order

GOAL_MISSED, BAD_INPUT = 1, 2
ADOPT = ("orders", "adopt", "--portfolio", "core")


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


@pytest.fixture
def frozen(desk: HandDesk) -> HandDesk:
    """A portfolio that is frozen because the account holds more than the books expect."""
    with desk.stores() as stores:
        desk.halt(stores, HaltKind.FREEZE)
        totals = {Asset("BTC"): Decimal("0.1"), Asset("ETH"): Decimal(1), Asset("SOL"): Decimal(1)}
        before = Baseline(PortfolioName("core"), totals, SystemClock().now_ms() - HOUR_MS)
        asyncio.run(stores.ledger.record_baseline(before))
    return desk


def expect(ended: Ended, code: int, *words: str) -> None:
    assert ended.code == code, (ended.out, ended.said)
    assert "Traceback" not in ended.said
    for word in words:
        assert word in ended.said, ended.said


def place_foreign(desk: HandDesk) -> tuple[Order, OpenOrder]:
    """An order that rests at the venue and is on no books of ours, and how it is listed there."""
    order = make_order(
        amount_base=Decimal("0.01"),
        limit_price_quote=Decimal(30_000),
        style="post",
        cycle_id="somebody-else",
    )
    permit = SendPermit(order, SystemClock().now_ms() + HOUR_MS)
    desk.at_venue(lambda venue: venue.submit(permit))
    (found,) = desk.at_venue(lambda venue: venue.fetch_open_orders([order.symbol]))
    return order, found


def kinds_of_halts(desk: HandDesk) -> list[HaltKind]:
    with desk.stores() as stores:
        return [halt.kind for halt in stores.controls.halts()]


def test_adopting_an_account_shows_the_differences_asks_and_ends_the_freeze(
    frozen: HandDesk,
) -> None:
    asked = frozen.run(*ADOPT)
    expect(asked, BAD_INPUT, "--yes")
    assert "by the books" in asked.out
    assert kinds_of_halts(frozen) == [HaltKind.FREEZE]
    adopted = frozen.run(*ADOPT, "--yes", "--json")
    expect(adopted, 0)
    assert set(adopted.json()["differences"]) == {"BTC", "ETH", "SOL"}
    assert kinds_of_halts(frozen) == []
    with frozen.stores() as stores:
        assert asyncio.run(stores.ledger.read_halts()) == ()
    expect(again := frozen.run(*ADOPT, "--yes", "--json"), 0)
    assert again.json()["differences"] == {}


def test_at_a_terminal_a_no_changes_nothing_and_a_yes_does(frozen: HandDesk) -> None:
    assert _at_terminal(frozen, "n\n") == GOAL_MISSED
    assert kinds_of_halts(frozen) == [HaltKind.FREEZE]
    assert _at_terminal(frozen, "y\n") == 0
    assert kinds_of_halts(frozen) == []


def _at_terminal(desk: HandDesk, typed: str) -> int:
    keyboard, terminal = pty.openpty()
    try:
        os.write(keyboard, typed.encode())
        ended = subprocess.run(
            command(*ADOPT),
            env=desk.env,
            cwd=desk.folder,
            stdin=terminal,
            capture_output=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    finally:
        os.close(keyboard)
        os.close(terminal)
    return ended.returncode


def test_an_account_is_not_taken_while_an_order_of_ours_is_out(frozen: HandDesk) -> None:
    with frozen.stores() as stores:
        for halt in stores.controls.halts():
            stores.controls.lift(halt.scope, halt.kind)
        order = frozen.permitted(stores)
    expect(
        frozen.run(*ADOPT, "--yes"), GOAL_MISSED, order.client_order_id[:8], "trimtab orders end"
    )


def test_a_foreign_order_must_be_settled_first_and_may_be_left_alone(frozen: HandDesk) -> None:
    _, found = place_foreign(frozen)
    venue_order_id = found.venue_order_id
    expect(frozen.run(*ADOPT, "--yes"), GOAL_MISSED, venue_order_id, "ignore", "0.01 BTC/USDC")
    ignore = ("orders", "ignore", venue_order_id, "--portfolio", "core", "--reason", "by hand")
    expect(frozen.run(*ignore), BAD_INPUT, "--yes")
    expect(frozen.run(*ignore, "--yes"), 0)
    expect(frozen.run(*ignore, "--yes"), BAD_INPUT, repr(venue_order_id), "none")
    expect(frozen.run(*ADOPT, "--yes"), 0)
    assert kinds_of_halts(frozen) == []


def test_a_foreign_order_that_is_adopted_is_ours_and_in_doubt(frozen: HandDesk) -> None:
    order, found = place_foreign(frozen)
    adopt = ("orders", "adopt", found.venue_order_id, "--portfolio", "core")
    expect(frozen.run(*adopt), BAD_INPUT, "--yes")
    adopted = frozen.run(*adopt, "--yes", "--json")
    expect(adopted, 0)
    name = order.client_order_id
    assert adopted.json()["client_order_id"] == name
    with frozen.stores() as stores:
        assert stores.queue.stages([name]) == {name: Stage.SENT}
        (row,) = stores.archive.read_orders(limit=1)
    assert (row.order.client_order_id, row.state) == (name, OrderState.IN_DOUBT)
    assert row.order.amount_base == order.amount_base
    # Its trades are asked for since then.
    assert row.order.planned_at_ms == found.placed_at_ms
    expect(frozen.run(*ADOPT, "--yes"), GOAL_MISSED, name[:8])


def test_an_id_the_venue_does_not_have_is_refused_with_those_it_has(desk: HandDesk) -> None:
    _, found = place_foreign(desk)
    ended = desk.run("orders", "adopt", "999", "--portfolio", "core", "--yes")
    expect(ended, BAD_INPUT, "'999'", found.venue_order_id)


def test_an_unknown_portfolio_is_refused_with_those_there_are(desk: HandDesk) -> None:
    expect(desk.run("orders", "adopt", "--portfolio", "cor", "--yes"), BAD_INPUT, "'cor'", "core")
