"""drain: an empty queue is no success where nothing may be sent, and the exit code says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.embedded import ServerUrls
from tests.contract.cli_desk import HandDesk, open_desk

GOAL_MISSED, BAD_INPUT, UNAVAILABLE = 1, 2, 3


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


def test_a_drain_that_finds_a_key_that_may_withdraw_says_so_though_nothing_waits(
    tmp_path: Path, servers: ServerUrls
) -> None:
    with open_desk(tmp_path, servers, "--key-may-withdraw") as desk:
        ended = desk.run("drain")
        assert ended.code == BAD_INPUT, ended.out
        assert "venue paper key denied" in ended.out
        for word in ("may withdraw", "trimtab doctor", "trimtab resume --venue paper"):
            assert word in ended.said
        again = desk.run("drain", "--json")
        assert again.code == BAD_INPUT
        assert [halt["kind"] for halt in again.json()["halts"]] == ["denied"]


def test_a_drain_of_a_venue_in_maintenance_is_told_as_not_to_be_had(desk: HandDesk) -> None:
    desk.paper.set_fault("maintenance", for_ms=60_000)
    ended = desk.run("drain")
    assert ended.code == UNAVAILABLE, ended.out
    assert "maintenance" in ended.said
    assert "OPEN until" in ended.out


def test_a_drain_under_a_halt_says_so_and_fails_only_when_an_order_was_not_sent(
    desk: HandDesk,
) -> None:
    assert desk.run("halt", "--reason", "strange prices").code == 0
    empty = desk.run("drain")
    assert empty.code == 0, empty.said
    assert "strange prices" in empty.out
    assert "trimtab resume" in empty.out
    with desk.stores() as stores:
        desk.queued(stores)
    ended = desk.run("drain")
    assert ended.code == GOAL_MISSED
    assert "1 expired" in ended.out
    assert "1 order ended as expired and not sent" in ended.said
    assert desk.paper.journal_lines(method="POST", path_end="/order") == []
