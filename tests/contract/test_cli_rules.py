"""Rules that change between two cycles: refused once, read again, and right from then on."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from resources.embedded import ServerUrls
from tests.contract.cli_desk import HandDesk, open_desk

STEP = Decimal("0.01")


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


def orders_of_btc(desk: HandDesk) -> list[dict[str, Any]]:
    """Orders of one symbol, the oldest first, each as `orders ID` tells it."""
    ended = desk.run("orders", "--json", "--limit", "50")
    assert ended.code == 0, ended.said
    ids = [row["client_order_id"] for row in ended.json() if row["symbol"] == "BTC/USDC"]
    told = [desk.run("orders", name, "--json").json() for name in ids]
    return sorted(told, key=lambda one: str(one["history"][0]["at"]))


def test_an_order_refused_for_changed_rules_succeeds_in_the_next_cycle_and_names_its_rules(
    desk: HandDesk,
) -> None:
    # Today's rules are on the books before the venue changes them.
    assert desk.run("rebalance", "--json").code == 0
    desk.paper.move_price("BTCUSDC", 2_000)
    desk.paper.set_fault("rules_changed", symbol="BTCUSDC", step_size=str(STEP))

    desk.run("rebalance", "--json")
    refused = orders_of_btc(desk)[-1]
    assert refused["state"] == "refused"
    assert "no longer fits" in refused["refused_because"]
    assert Decimal(refused["amount"]) % STEP != 0

    last = desk.run("rebalance", "--json")
    assert last.code == 0, (last.out, last.said)
    filled = orders_of_btc(desk)[-1]
    assert filled["client_order_id"] != refused["client_order_id"]
    assert filled["state"] == "filled"
    assert Decimal(filled["amount"]) % STEP == 0
    assert filled["rules_version"] != refused["rules_version"]
    shown = desk.run("orders", filled["client_order_id"])
    assert f"made by the market rules of version {filled['rules_version']}" in shown.out
