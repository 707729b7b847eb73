"""halt of a drain at work: by the exchange's journal, nothing leaves a second later."""

import subprocess
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from rebalancer.money import ceil_to_step, divide_down, exact, floor_to_step, to_decimal
from resources.embedded import ServerUrls
from services.paper_exchange.market_table import BY_BASE
from tests.contract.cli import command
from tests.contract.cli_desk import HandDesk, open_desk

WAIT_SECONDS = 90
GRACE_MS = 1_000
BASES = ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "AVAX", "LINK", "DOT", "LTC")
SLOWLY = {"TRIMTAB_VENUES__PAPER__ORDERS_PER_SECOND_MAX": "1"}
"""One order a second: eleven orders keep a drain busy for longer than a halt takes."""


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


def small_buy(base: str) -> dict[str, Any]:
    """Worth some 20 USDC, at a price that takes at once."""
    row = BY_BASE[base]
    with exact():
        mid = to_decimal(row.price_usd)
        price = floor_to_step(mid * to_decimal("1.004"), to_decimal(row.price_step))
        amount = ceil_to_step(divide_down(to_decimal("20"), mid), to_decimal(row.amount_step))
    return {"limit_price_quote": price, "arrival_mid_quote": mid, "amount_base": amount}


def sends(desk: HandDesk) -> list[dict[str, Any]]:
    return desk.paper.journal_lines(method="POST", path_end="/order")


def test_a_halt_stops_a_busy_drain_within_a_second_by_the_journals_clock(desk: HandDesk) -> None:
    with desk.stores() as stores:
        for base in BASES:
            desk.queued(stores, base, **small_buy(base))
    with subprocess.Popen(
        command("drain"),
        env={**desk.env, **SLOWLY},
        cwd=desk.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as drain:
        deadline = time.monotonic() + WAIT_SECONDS
        while len(sends(desk)) < 2:
            assert time.monotonic() < deadline, "the drain sent nothing"
            time.sleep(0.05)
        halted = desk.run("halt", "--reason", "strange prices", "--json")
        assert halted.code == 0, halted.said
        assert drain.wait(WAIT_SECONDS) == 1
    halted_at_ms = datetime.fromisoformat(halted.json()["halt"]["at"]).timestamp() * 1_000
    sent = sends(desk)
    assert max(line["acted_at_ms"] for line in sent) <= halted_at_ms + GRACE_MS
    listed = desk.run("orders", "--json").json()
    states = sorted(order["state"] for order in listed)
    unsent = len(BASES) - len(sent)
    assert unsent > 0, "the drain was not busy any more"
    assert states == ["expired"] * unsent + ["filled"] * len(sent)
    assert all("halt" in o["refused_because"] for o in listed if o["state"] == "expired")
