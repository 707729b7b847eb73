"""maintenance: a calendar that every permit obeys, kept in Redis and on the books."""

import asyncio
from collections.abc import Iterator

import pytest

from resources.embedded import ServerUrls
from resources.system_clock import SystemClock
from services.cli.order_words import moment
from tests.contract.cli import Ended
from tests.contract.cli_desk import HOUR_MS, HandDesk, open_desk

BAD_INPUT = 2


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path_factory.mktemp("calendar"), servers) as opened:
        yield opened


def add(desk: HandDesk, *more: str) -> Ended:
    return desk.run("maintenance", "add", "--json", *more)


def test_a_window_is_added_listed_shown_in_status_and_removed(desk: HandDesk) -> None:
    at = moment(SystemClock().now_ms() - HOUR_MS)
    words = ("--venue", "paper", "--at", at, "--for", "2h", "--every", "7d", "--note", "[weekly]")
    added = add(desk, *words)
    assert added.code == 0, added.said
    window = added.json()
    assert (window["venue"], window["note"]) == ("paper", "[weekly]")
    assert window["open_until"] is not None
    again = add(desk, *words).json()
    assert (window["was_there"], again["was_there"]) == (False, True)
    assert again["id"] == window["id"]
    assert "Nothing changed" in desk.run("maintenance", "add", *words).out
    assert "Changed" in desk.run("maintenance", "add", *words[:-1], "other").out
    assert "Changed" in desk.run("maintenance", "add", *words).out
    assert [one["id"] for one in desk.run("maintenance", "list", "--json").json()] == [window["id"]]
    assert "OPEN until" in desk.run("maintenance", "list").out
    status = desk.run("status")
    assert "OPEN until" in status.out
    assert "[weekly]" in status.out
    with desk.stores() as stores:
        assert [w.window_id for w in stores.controls.windows()] == [window["id"]]
        assert [w.window_id for w in asyncio.run(stores.ledger.read_windows())] == [window["id"]]
    removed = desk.run("maintenance", "remove", window["id"])
    assert removed.code == 0, removed.said
    assert desk.run("maintenance", "list", "--json").json() == []
    gone = desk.run("maintenance", "remove", window["id"])
    assert gone.code == BAD_INPUT
    assert window["id"] in gone.said


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--at", "2099-12-01T02:00", "--for", "2h"), ("--at", "zone")),
        (("--at", "tomorrow", "--for", "2h"), ("--at", "'tomorrow'")),
        (("--at", "2099-12-01T02:00Z", "--for", "2"), ("--for", "'2'", "30m")),
        (("--at", "2001-12-01T02:00Z", "--for", "2h"), ("over already", "--every")),
        (("--at", "2099-12-01T02:00Z", "--for", "2d", "--every", "1d"), ("--every 1d", "2d")),
        (
            ("--at", "2099-12-01T02:00Z", "--for", "2h", "--until", "2099-11-01T02:00Z"),
            ("--until", "after"),
        ),
        (("--at", "2099-12-01T02:00Z", "--for", "2h", "--venue", "papr"), ("'papr'", "paper")),
    ],
)
def test_a_window_that_cannot_be_meant_is_refused(
    desk: HandDesk, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    ended = add(desk, *words)
    assert ended.code == BAD_INPUT
    assert ended.out == ""
    for word in told:
        assert word in ended.said, ended.said
