"""doctor: one line for each thing that was looked at, and the cure where it is not well."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.embedded import ServerUrls
from tests.contract.cli import Ended, write_settings
from tests.contract.cli_desk import NOBODY, HandDesk, open_desk

BAD_INPUT, UNAVAILABLE = 2, 3


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path_factory.mktemp("doctor"), servers) as opened:
        yield opened


def health(ended: Ended) -> dict[tuple[str, str], str]:
    return {(one["subject"], one["check"]): one["health"] for one in ended.json()["findings"]}


def detail(ended: Ended, subject: str, check: str) -> str:
    (found,) = [
        one["detail"]
        for one in ended.json()["findings"]
        if (one["subject"], one["check"]) == (subject, check)
    ]
    return str(found)


def test_a_sound_installation_is_told_as_sound(desk: HandDesk) -> None:
    with desk.stores():
        pass  # Makes the tables.
    ended = desk.run("doctor", "--json")
    assert ended.code == 0, (ended.out, ended.said)
    assert ended.json()["healthy"] is True
    found = health(ended)
    assert "failed" not in found.values()
    for check in ("exchange", "answers", "status", "key rights", "clock"):
        assert ("venue paper", check) in found
    assert found["PostgreSQL", "tables"] == found["Redis", "answers"] == "ok"
    assert found["venue paper", "market rules"] == "warning"


def test_books_without_tables_are_told_as_new_and_not_as_wrong(
    tmp_path: Path, servers: ServerUrls
) -> None:
    with open_desk(tmp_path, servers) as desk:
        ended = desk.run("doctor", "--json")
        assert ended.code == 0, (ended.out, ended.said)
        assert health(ended)["PostgreSQL", "tables"] == "ok"
        assert "none yet" in detail(ended, "PostgreSQL", "tables")


def test_a_key_that_may_withdraw_fails_with_its_cure(tmp_path: Path, servers: ServerUrls) -> None:
    with open_desk(tmp_path, servers, "--key-may-withdraw") as desk:
        ended = desk.run("doctor", "--json")
    assert ended.code == BAD_INPUT
    assert health(ended)["venue paper", "key rights"] == "failed"
    assert "may withdraw" in detail(ended, "venue paper", "key rights")
    assert "venue paper (key rights)" in ended.said


def test_servers_that_refuse_fail_by_name_and_the_rest_is_looked_at_all_the_same(
    desk: HandDesk,
) -> None:
    ended = desk.run(
        "doctor",
        "--json",
        TRIMTAB_DATABASE_URL=f"postgresql://me:hidden@{NOBODY}/trimtab",
        TRIMTAB_REDIS_URL=f"redis://:hidden@{NOBODY}/0",
    )
    assert ended.code == UNAVAILABLE
    found = health(ended)
    assert found["PostgreSQL", "answers"] == found["Redis", "answers"] == "failed"
    assert found["venue paper", "key rights"] == "ok"
    assert NOBODY in detail(ended, "Redis", "answers")
    assert "hidden" not in ended.out + ended.said


def test_a_venue_that_does_not_answer_fails_with_its_address(
    tmp_path: Path, servers: ServerUrls
) -> None:
    with open_desk(tmp_path, servers) as desk:
        write_settings(desk.folder, f"http://{NOBODY}")
        ended = desk.run("doctor")
    assert ended.code == UNAVAILABLE
    assert "Traceback" not in ended.said
    assert "venue paper (answers)" in ended.said
