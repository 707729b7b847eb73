"""Bad input: one message naming the thing, the value and the cure; no traceback; an exit code."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.cli import TARGETS, Ended, environment, trimtab, write_settings
from tests.plugins.paper import PaperProcess, running_papers

NOBODY = "http://127.0.0.1:1"
BAD_INPUT, UNAVAILABLE = 2, 3


@pytest.fixture(scope="module")
def paper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PaperProcess]:
    with running_papers(tmp_path_factory.mktemp("paper")) as make_paper:
        yield make_paper()


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield int(holder.getsockname()[1])


def expect(ended: Ended, code: int, *words: str) -> None:
    assert ended.code == code, ended.said
    assert "Traceback" not in ended.said
    assert ended.out == ""
    assert ended.said.count("error: ") == 1, ended.said
    for word in words:
        assert word in ended.said, ended.said


def run(folder: Path, *arguments: str | Path, **env: str | Path) -> Ended:
    return trimtab(
        *arguments, env=environment(**{"TRIMTAB_HOME": folder / "home", **env}), cwd=folder
    )


def test_no_settings_file_is_told_with_both_ways_on(tmp_path: Path) -> None:
    expect(run(tmp_path, "plan"), BAD_INPUT, "trimtab.example.toml", "trimtab demo")


def test_weights_that_do_not_sum_to_the_whole_are_refused(tmp_path: Path) -> None:
    write_settings(tmp_path, NOBODY, targets={"BTC": 4_000, "USDC": 1_500})
    expect(run(tmp_path, "plan"), BAD_INPUT, "portfolios.core.targets_bps", "5500", "10000")


def test_an_asset_the_venue_does_not_list_is_named(tmp_path: Path, paper: PaperProcess) -> None:
    write_settings(tmp_path, paper.url, targets={"BTC": 4_000, "NOPE": 4_500, "USDC": 1_500})
    expect(run(tmp_path, "plan"), BAD_INPUT, "NOPE/USDC", "check the targets")


def test_an_exchange_ccxt_does_not_know_is_refused_with_a_guess(tmp_path: Path) -> None:
    write_settings(tmp_path, NOBODY, exchange="binanc")
    expect(run(tmp_path, "plan"), BAD_INPUT, "'binanc'", "binance")


def test_a_venue_that_is_down_is_named_with_its_address(tmp_path: Path) -> None:
    write_settings(tmp_path, NOBODY)
    hint = "trimtab paper serve --port 1"
    expect(run(tmp_path, "plan"), UNAVAILABLE, "paper", "127.0.0.1:1", "rest_url", hint)


def test_a_wrong_api_key_is_told_as_the_venue_tells_it(tmp_path: Path, paper: PaperProcess) -> None:
    write_settings(tmp_path, paper.url)
    keys = {
        "TRIMTAB_VENUES__PAPER__API_KEY": "wrong-key-1234567",
        "TRIMTAB_VENUES__PAPER__API_SECRET": "wrong-secret-123456",
    }
    ended = run(tmp_path, "plan", **keys)
    expect(ended, BAD_INPUT, "-2015", "paper")
    assert "wrong-secret" not in ended.said


def test_postgresql_that_refuses_is_named_without_its_password(
    tmp_path: Path, redis_url: str
) -> None:
    write_settings(tmp_path, NOBODY)
    refusing = "postgresql://me:hidden@127.0.0.1:1/trimtab"
    ended = run(
        tmp_path,
        "orders",
        TRIMTAB_DATABASE_URL=refusing,
        TRIMTAB_DAGSTER_DATABASE_URL=refusing,
        TRIMTAB_REDIS_URL=redis_url,
    )
    expect(ended, UNAVAILABLE, "127.0.0.1:1/trimtab", "TRIMTAB_DATABASE_URL")
    assert "hidden" not in ended.said


def test_redis_that_refuses_is_named_without_its_password(
    tmp_path: Path, database_url: str
) -> None:
    write_settings(tmp_path, NOBODY)
    ended = run(
        tmp_path,
        "status",
        TRIMTAB_DATABASE_URL=database_url,
        TRIMTAB_DAGSTER_DATABASE_URL=database_url,
        TRIMTAB_REDIS_URL="redis://:hidden@127.0.0.1:1/0",
    )
    expect(ended, UNAVAILABLE, "127.0.0.1:1", "TRIMTAB_REDIS_URL")
    assert "hidden" not in ended.said


def test_a_database_of_dagster_that_refuses_is_told_once_and_named(
    tmp_path: Path, database_url: str, redis_url: str
) -> None:
    write_settings(tmp_path, NOBODY)
    ended = run(
        tmp_path,
        "rebalance",
        TRIMTAB_DATABASE_URL=database_url,
        TRIMTAB_DAGSTER_DATABASE_URL="postgresql://me:hidden@127.0.0.1:1/dagster",
        TRIMTAB_REDIS_URL=redis_url,
    )
    expect(ended, UNAVAILABLE, "127.0.0.1:1/dagster", "TRIMTAB_DAGSTER_DATABASE_URL")
    assert "Retrying" not in ended.said
    assert "hidden" not in ended.said


def test_up_starts_nothing_of_dagster_when_redis_refuses(tmp_path: Path, database_url: str) -> None:
    write_settings(tmp_path, NOBODY)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ui_port = str(free.getsockname()[1])
    ended = run(
        tmp_path,
        "up",
        TRIMTAB_UI_PORT=ui_port,
        TRIMTAB_DATABASE_URL=database_url,
        TRIMTAB_DAGSTER_DATABASE_URL=database_url,
        TRIMTAB_REDIS_URL="redis://:hidden@127.0.0.1:1/0",
    )
    expect(ended, UNAVAILABLE, "127.0.0.1:1", "TRIMTAB_REDIS_URL")
    assert not list((tmp_path / "home" / "logs").glob("dagster*"))


def test_a_plan_whose_redis_refuses_says_one_thing_of_the_live_orders(
    tmp_path: Path, paper: PaperProcess
) -> None:
    write_settings(tmp_path, paper.url)
    ended = run(tmp_path, "plan", TRIMTAB_REDIS_URL="redis://:hidden@127.0.0.1:1/0")
    assert ended.code == 0, ended.said
    assert "unknown because Redis at 127.0.0.1:1" in ended.said
    assert "no queue is running" not in ended.said


def test_a_settings_file_that_is_not_there_is_looked_for_where_it_was_named(tmp_path: Path) -> None:
    expect(run(tmp_path, "--config", "nope.toml", "plan"), BAD_INPUT, "nope.toml", "--config")


def test_a_port_of_the_ui_in_use_is_named_with_its_key(tmp_path: Path, taken_port: int) -> None:
    write_settings(tmp_path, NOBODY)
    ended = run(tmp_path, "up", TRIMTAB_UI_PORT=str(taken_port))
    expect(ended, UNAVAILABLE, "ui_port", str(taken_port), "TRIMTAB_UI_PORT")


def test_a_port_of_the_paper_exchange_in_use_is_named_with_its_key(
    tmp_path: Path, taken_port: int
) -> None:
    write_settings(tmp_path, NOBODY, paper_port=taken_port)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ui_port = str(free.getsockname()[1])
    ended = run(tmp_path, "up", TRIMTAB_UI_PORT=ui_port)
    expect(ended, UNAVAILABLE, "paper.port", str(taken_port), "TRIMTAB_PAPER__PORT")


def test_a_corrupt_recording_is_named(tmp_path: Path) -> None:
    recording = tmp_path / "candles.parquet"
    recording.write_bytes(b"PAR1 and then nothing of use")
    ended = run(tmp_path, "demo", "--replay", recording)
    expect(ended, BAD_INPUT, str(recording), "expected")


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    ended = run(tmp_path, "demo", TRIMTAB_HOME=tmp_path / "file" / "home")
    expect(ended, BAD_INPUT, "TRIMTAB_HOME", str(tmp_path / "file" / "home"))


def test_an_unknown_portfolio_is_refused_with_those_there_are(tmp_path: Path) -> None:
    write_settings(tmp_path, NOBODY, targets=TARGETS)
    expect(run(tmp_path, "plan", "--portfolio", "cor"), BAD_INPUT, "'cor'", "core")


def test_an_unknown_state_is_refused_with_those_there_are(tmp_path: Path) -> None:
    expect(run(tmp_path, "orders", "--state", "done"), BAD_INPUT, "'done'", "filled")


def test_a_paper_option_out_of_range_is_refused(tmp_path: Path) -> None:
    ended = run(tmp_path, "paper", "serve", "--latency-ms", "-1")
    expect(ended, BAD_INPUT, "--latency-ms", "-1")


def test_python_without_its_assertions_is_refused(tmp_path: Path) -> None:
    ended = trimtab("status", env=environment(), cwd=tmp_path, flags=("-O",))
    expect(ended, BAD_INPUT, "python -O")


def test_a_traceback_is_there_for_those_who_ask(tmp_path: Path) -> None:
    ended = run(tmp_path, "--debug", "plan")
    assert ended.code == 1
    assert "Traceback" in ended.said
