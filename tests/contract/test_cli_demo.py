"""`trimtab demo` from an empty home, and again."""

import json
import signal
import subprocess
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from tests.contract.cli import Ended, command, environment, trimtab


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def first(home: Path) -> Ended:
    # Settings of somebody's real portfolio, which a demo must not touch.
    env = environment(TRIMTAB_HOME=home, TRIMTAB_DATABASE_URL="postgresql://nobody@127.0.0.1:1/x")
    return trimtab("demo", "--json", env=env, cwd=home)


def processes_of(home: Path) -> list[str]:
    """Command lines of everything that still works for a home."""
    lines = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    return [line for words in lines if str(home) in (line := " ".join(words))]


def test_a_demo_ends_in_its_band_and_says_so_in_one_json_object(first: Ended) -> None:
    assert first.code == 0, first.said
    told = first.json()
    assert set(told) == {
        "weights_before", "weights_after", "targets", "within_band", "orders", "skipped", "fills",
        "elapsed_seconds",
    }  # fmt: skip
    assert told["within_band"] is True
    assert sum(told["targets"].values()) == 10_000
    for asset, target in told["targets"].items():
        assert abs(Decimal(told["weights_after"][asset]) - target) <= 200
    assert any(
        abs(Decimal(told["weights_before"][asset]) - target) > 200
        for asset, target in told["targets"].items()
    )


def test_every_order_of_a_demo_is_told_with_its_reason_and_money_is_text(first: Ended) -> None:
    orders = first.json()["orders"]
    assert orders
    for order in orders:
        assert order["state"] == "filled"
        assert len(order["client_order_id"]) == 32
        base = order["symbol"].partition("/")[0]
        assert order["reason"].startswith(f"{base} is ")
        assert all(isinstance(order[name], str) for name in ("amount", "urgency", "slippage_bps"))
    sides = [order["side"] for order in orders]
    assert sides == sorted(sides, reverse=True)
    filled = {fill["client_order_id"] for fill in first.json()["fills"]}
    assert filled == {order["client_order_id"] for order in orders}


def test_a_demo_leaves_nothing_running(first: Ended, home: Path) -> None:
    assert first.code == 0
    assert processes_of(home) == []


def test_a_second_demo_works_on_the_same_home_and_orders_shows_both(
    first: Ended, home: Path
) -> None:
    env = environment(TRIMTAB_HOME=home)
    second = trimtab("demo", "--json", "--seed", "11", env=env, cwd=home)
    assert second.code == 0, second.said
    shown = trimtab("orders", "--json", env=env, cwd=home)
    assert shown.code == 0, shown.said
    both = {
        order["client_order_id"] for ended in (first, second) for order in ended.json()["orders"]
    }
    assert {order["client_order_id"] for order in shown.json()} == both


def test_ctrl_c_ends_a_demo_that_was_kept_and_all_it_started(home: Path) -> None:
    with subprocess.Popen(
        command("demo", "--json", "--keep"),
        env=environment(TRIMTAB_HOME=home),
        cwd=home,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            line = process.stdout.readline()
            assert line, process.stderr.read()
            lines.append(line)
        assert json.loads("".join(lines))["within_band"] is True
        assert processes_of(home)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert processes_of(home) == []
