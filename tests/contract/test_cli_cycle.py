"""The commands of a portfolio, on a paper exchange and real servers: plan, rebalance, orders, …"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from resources.embedded import ServerUrls
from tests.contract.cli import Ended, environment, trimtab, write_settings
from tests.plugins.paper import PaperProcess, running_papers
from tests.plugins.servers import fresh_database, own_redis


@dataclass(frozen=True, slots=True)
class Desk:
    """A portfolio's settings, its exchange, and the environment that names the servers."""

    folder: Path
    paper: PaperProcess
    env: dict[str, str]

    def run(self, *arguments: str) -> Ended:
        return trimtab(*arguments, env=self.env, cwd=self.folder)

    def orders_sent(self) -> int:
        return len(self.paper.journal_lines(method="POST", path_end="/order"))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, servers: ServerUrls) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    with (
        running_papers(folder) as make_paper,
        fresh_database(servers) as books,
        fresh_database(servers) as dagster,
    ):
        paper = make_paper("--seed", "7")
        write_settings(folder, paper.url)
        env = environment(
            TRIMTAB_HOME=folder / "home",
            TRIMTAB_DATABASE_URL=books,
            TRIMTAB_DAGSTER_DATABASE_URL=dagster,
            TRIMTAB_REDIS_URL=own_redis(servers, 5),
        )
        yield Desk(folder, paper, env)


@pytest.fixture(scope="module")
def first(desk: Desk) -> Ended:
    return desk.run("rebalance", "--json")


@pytest.fixture(scope="module")
def second(desk: Desk, first: Ended) -> tuple[Ended, int]:
    """The cycle after, and how many orders it sent."""
    assert first.code == 0, first.said
    before = desk.orders_sent()
    return desk.run("rebalance", "--json"), desk.orders_sent() - before


def test_a_plan_needs_only_the_venue_and_sends_and_writes_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    write_settings(tmp_path, desk.paper.url)
    home = tmp_path / "home"
    before = desk.orders_sent()
    planned = trimtab("plan", "--json", env=environment(TRIMTAB_HOME=home), cwd=tmp_path)
    assert planned.code == 0, planned.said
    (told,) = planned.json()
    assert [order["side"] for order in told["orders"]]
    assert told["live_orders_known"] is False
    assert desk.orders_sent() == before
    assert not home.exists()


def test_one_rebalance_brings_the_portfolio_into_its_band(desk: Desk, first: Ended) -> None:
    assert first.code == 0, first.said
    (told,) = first.json()
    assert told["within_band"] is True
    assert {order["state"] for order in told["orders"]} == {"filled"}
    assert desk.orders_sent() >= len(told["orders"])


def test_a_second_rebalance_right_after_the_first_sends_nothing(
    second: tuple[Ended, int],
) -> None:
    ended, sent = second
    assert ended.code == 0, ended.said
    (told,) = ended.json()
    assert told["orders"] == []
    assert {skip["reason"] for skip in told["skipped"]} == {"BELOW_BAND"}
    assert sent == 0


def test_orders_tells_the_books_and_one_order_its_history(desk: Desk, first: Ended) -> None:
    (told,) = first.json()
    listed = desk.run("orders", "--portfolio", "core", "--state", "filled", "--json")
    ids = {order["client_order_id"] for order in told["orders"]}
    assert {order["client_order_id"] for order in listed.json()} >= ids
    one = desk.run("orders", told["orders"][0]["client_order_id"][:10], "--json").json()
    assert [event["state"] for event in one["history"]] == ["planned", "queued", "filled"]


def test_status_tells_what_answers_and_how_far_off_the_last_cycle_was(
    desk: Desk, second: tuple[Ended, int]
) -> None:
    ended = desk.run("status", "--json")
    assert ended.code == 0, ended.said
    told = ended.json()
    assert told["venues"]["paper"]["reachable"] is True
    assert told["queue"]["waiting"] == 0
    assert told["session"]["alive"] is False
    cycle_id = second[0].json()[0]["cycle_id"]
    assert told["portfolios"]["core"]["last_cycle_id"] == cycle_id


def test_a_drain_of_an_empty_queue_leaves_at_once(desk: Desk, second: tuple[Ended, int]) -> None:
    del second
    ended = desk.run("drain", "--json")
    assert ended.code == 0, ended.said
    assert ended.json()["settled"] == {}
    assert ended.json()["left_because"] == "idle"


def test_a_refused_ticker_is_named_with_its_value_by_the_cycle_it_stopped(
    desk: Desk, second: tuple[Ended, int]
) -> None:
    del second
    desk.paper.set_quote("ETHUSDC", bidPrice="NaN")
    ended = desk.run("rebalance", "--json")
    desk.paper.clear_quotes()
    assert ended.code == 1
    assert "ETH/USDC: NOT_FINITE (bid was 'NaN')" in ended.said
    assert "Traceback" not in ended.said
