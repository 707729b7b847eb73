"""halt and resume: effective at once, with one server down, and nothing let out unasked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rebalancer.controls import EVERYTHING, HaltKind, Scope, ScopeKind
from resources.embedded import ServerUrls
from resources.system_clock import SystemClock
from services.cli.order_words import moment
from tests.contract.cli_desk import NOBODY, HandDesk, open_desk

GOAL_MISSED, BAD_INPUT, UNAVAILABLE = 1, 2, 3
NO_POSTGRES = f"postgresql://me:hidden@{NOBODY}/trimtab"
NO_REDIS = f"redis://:hidden@{NOBODY}/0"


@pytest.fixture
def desk(tmp_path: Path, servers: ServerUrls) -> Iterator[HandDesk]:
    with open_desk(tmp_path, servers) as opened:
        yield opened


def halts_in_redis(desk: HandDesk) -> dict[str, str]:
    with desk.stores() as stores:
        return {halt.scope.key: halt.reason for halt in stores.controls.halts()}


def test_a_halt_is_in_force_and_on_the_books_and_tells_what_is_under_way(desk: HandDesk) -> None:
    with desk.stores() as stores:
        sent = desk.permitted(stores, "BTC")
        waiting = desk.queued(stores, "ETH")
    ended = desk.run("halt", "--reason", "strange prices", "--json")
    assert ended.code == 0, ended.said
    told = ended.json()
    assert told["effective"] is True
    assert [order["client_order_id"] for order in told["under_way"]] == [sent.client_order_id]
    assert [order["client_order_id"] for order in told["waiting"]] == [waiting.client_order_id]
    assert halts_in_redis(desk) == {"all": "strange prices"}
    assert desk.run("status", "--json").json()["trading"]["halts"][0]["reason"] == "strange prices"


def test_a_second_halt_changes_nothing_and_tells_of_the_first(desk: HandDesk) -> None:
    assert desk.run("halt", "--reason", "first").code == 0
    again = desk.run("halt", "--reason", "second")
    assert again.code == 0
    assert "halted already" in again.out
    assert "first" in again.out
    assert halts_in_redis(desk) == {"all": "first"}


def test_a_halt_works_while_postgresql_is_down_and_says_so(desk: HandDesk) -> None:
    ended = desk.run("halt", "--venue", "paper", TRIMTAB_DATABASE_URL=NO_POSTGRES)
    assert ended.code == 0, ended.said
    assert "NOT done" in ended.out
    assert NOBODY in ended.said
    assert "hidden" not in ended.said
    assert list(halts_in_redis(desk)) == ["venue:paper"]


def test_a_halt_without_redis_is_on_the_books_and_does_not_claim_to_be_in_force(
    desk: HandDesk,
) -> None:
    ended = desk.run("halt", "--json", TRIMTAB_REDIS_URL=NO_REDIS)
    assert ended.code == UNAVAILABLE
    assert ended.json()["effective"] is False
    assert ended.json()["books"]["done"] is True
    assert "not confirmed in Redis" in ended.said
    assert "hidden" not in ended.said
    halts = desk.run("status", "--json").json()["trading"]["halts"]
    assert [halt["scope"] for halt in halts] == ["all"]


def test_a_halt_that_reaches_neither_server_says_it_is_none(desk: HandDesk) -> None:
    ended = desk.run("halt", TRIMTAB_REDIS_URL=NO_REDIS, TRIMTAB_DATABASE_URL=NO_POSTGRES)
    assert ended.code == UNAVAILABLE
    assert "NOT halted" in ended.said
    assert "trimtab halt" in ended.said


@pytest.mark.parametrize("name", ["halt", "resume"])
def test_a_scope_that_is_none_is_refused_with_those_there_are(desk: HandDesk, name: str) -> None:
    wrong = desk.run(name, "--venue", "papr")
    assert wrong.code == BAD_INPUT
    assert "'papr'" in wrong.said
    assert "paper" in wrong.said
    two = desk.run(name, "--venue", "paper", "--portfolio", "core")
    assert two.code == BAD_INPUT
    assert "one of the two" in two.said


def test_resume_says_first_what_would_happen_and_needs_a_yes(desk: HandDesk) -> None:
    with desk.stores() as stores:
        desk.queued(stores, "BTC", expires_at_ms=1_700_000_000_000, planned_at_ms=1_600_000_000_000)
        desk.queued(stores, "ETH")
    assert desk.run("halt").code == desk.run("halt", "--venue", "paper").code == 0
    asked = desk.run("resume")
    assert asked.code == BAD_INPUT
    assert "--yes" in asked.said
    assert "Not sent yet: 2 orders" in asked.out
    assert "1 too old" in asked.out
    assert set(halts_in_redis(desk)) == {"all", "venue:paper"}
    resumed = desk.run("resume", "--yes", "--json")
    assert resumed.code == 0, resumed.said
    assert [halt["scope"] for halt in resumed.json()["lifted"]] == ["all"]
    assert [halt["ended_by"] for halt in resumed.json()["remaining"]] == [
        "trimtab resume --venue paper"
    ]
    assert list(halts_in_redis(desk)) == ["venue:paper"]


def test_resume_says_what_stops_trading_all_the_same(desk: HandDesk) -> None:
    at = moment(SystemClock().now_ms())
    assert desk.run("maintenance", "add", "--at", at, "--for", "2h").code == 0
    with desk.stores() as stores:
        desk.halt(stores, HaltKind.FREEZE)
        desk.queued(stores)
    assert desk.run("halt", "--venue", "paper").code == 0
    asked = desk.run("resume", "--venue", "paper")
    for word in ("Open maintenance", "OPEN until", "portfolio core frozen", "would not be sent"):
        assert word in asked.out, asked.out
    lifted = desk.run("resume", "--venue", "paper", "--yes")
    assert lifted.code == 0, lifted.said
    assert "still stopped" in lifted.out
    assert "New orders come" not in lifted.out


def test_a_halt_that_was_lifted_does_not_come_back_from_the_books(desk: HandDesk) -> None:
    assert desk.run("halt").code == desk.run("resume", "--yes").code == 0
    assert desk.run("status", "--json").json()["trading"]["halts"] == []
    nothing = desk.run("resume", "--yes", "--json")
    assert (nothing.code, nothing.json()["resumed"]) == (0, False)


def test_resume_never_ends_a_freeze_and_names_what_does(desk: HandDesk) -> None:
    with desk.stores() as stores:
        desk.halt(stores, HaltKind.FREEZE)
    ended = desk.run("resume", "--portfolio", "core", "--yes", "--json")
    assert ended.json()["resumed"] is False
    (frozen,) = ended.json()["remaining"]
    assert frozen["ended_by"] == "trimtab orders adopt --portfolio core"
    assert list(halts_in_redis(desk)) == ["portfolio:core"]


def test_a_denied_key_is_looked_at_again_before_its_halt_is_lifted(desk: HandDesk) -> None:
    with desk.stores() as stores:
        desk.halt(stores, HaltKind.DENIED, venue="paper")
    ended = desk.run("resume", "--venue", "paper", "--yes")
    assert ended.code == 0, ended.said
    assert halts_in_redis(desk) == {}


def test_a_key_that_may_withdraw_keeps_its_venue_halted(
    tmp_path: Path, servers: ServerUrls
) -> None:
    with open_desk(tmp_path, servers, "--key-may-withdraw") as desk:
        with desk.stores() as stores:
            desk.halt(stores, HaltKind.DENIED, venue="paper")
        ended = desk.run("resume", "--venue", "paper", "--yes")
        assert ended.code == BAD_INPUT
        assert "may withdraw" in ended.said
        assert "still halted" in ended.said
        with desk.stores() as stores:
            (halt,) = stores.controls.halts()
        assert halt.scope == Scope(ScopeKind.VENUE, "paper") != EVERYTHING
