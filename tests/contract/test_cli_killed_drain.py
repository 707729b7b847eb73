"""kill -9 of a drain in the middle of an order: `trimtab orders` tells the truth throughout."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rebalancer.queue import Stage
from resources.embedded import ServerUrls
from tests.contract.cli import command
from tests.contract.cli_desk import HandDesk, open_desk

WAIT_SECONDS = 90
SHORT_LEASE = {"TRIMTAB_DRAIN__LEASE_MS": "10000"}


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


def wait_for(what: str, happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not happened():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def told(desk: HandDesk, name: str) -> tuple[dict[str, Any], list[str]]:
    """One order as `orders ID` tells it, and the states of its history."""
    ended = desk.run("orders", name[:8], "--json")
    assert ended.code == 0, ended.said
    one = ended.json()
    return one, [event["state"] for event in one["history"]]


def taken_by_venue(desk: HandDesk) -> list[str]:
    lines = desk.paper.journal_lines(method="POST", path_end="/order")
    return [line["client_order_id"] for line in lines if line["acted"]]


def test_an_order_whose_drain_was_killed_is_told_as_sent_until_the_venue_is_asked(
    desk: HandDesk,
) -> None:
    with desk.stores() as stores:
        order = desk.queued(stores, "BTC", side="sell", amount_base=Decimal("0.01"))
    name = order.client_order_id
    assert told(desk, name)[1] == ["planned", "queued"]

    desk.paper.set_fault("accept_then_timeout", hold_ms=60_000)
    with subprocess.Popen(
        command("drain"),
        env={**desk.env, **SHORT_LEASE},
        cwd=desk.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as drain:
        wait_for("the venue has the order", lambda: taken_by_venue(desk) == [name])
        os.kill(drain.pid, signal.SIGKILL)
    assert drain.returncode == -signal.SIGKILL

    one, states = told(desk, name)
    assert one["state"] == "queued"
    assert one["now"] == "sent, unconfirmed"
    assert states == ["planned", "queued", "sent"]
    listed = desk.run("orders")
    assert "1 order was sent and awaits the venue's evidence" in listed.out
    assert "sent, unconfirmed" in listed.out
    shown = desk.run("orders", name[:8])
    assert "Now: sent, unconfirmed. It awaits the venue's evidence" in shown.out
    with desk.stores() as stores:
        assert stores.queue.stages([name]) == {name: Stage.SENT}

    ended = desk.run("drain", "--json", **SHORT_LEASE)
    assert ended.code == 0, ended.said
    one, states = told(desk, name)
    assert one["now"] == "filled"
    assert states[-1] == "filled"
    assert one["fills"][0]["client_order_id"] == name
    assert taken_by_venue(desk) == [name]
