"""The promises of the embedded servers, kept against real servers and real kills."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psutil
import psycopg2
import pytest
import redis

from rebalancer.errors import BadConfig
from resources.embedded import ServerUrls, running_servers

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 60


class User:
    """Another process that uses the servers of a home until it is told to leave."""

    def __init__(self, home: Path, *prefix: str) -> None:
        command = [*prefix, sys.executable, "-m", "tests.contract.embedded_user", str(home)]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def answer(self) -> dict[str, Any]:
        """What it got; waits for the servers."""
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def leave(self) -> None:
        """Go in order."""
        self.process.communicate(timeout=WAIT_SECONDS)

    def kill(self) -> None:
        """Go without a word."""
        self.process.kill()
        self.process.communicate(timeout=WAIT_SECONDS)


JoinAs = Callable[..., User]


@pytest.fixture
def join(home: Path) -> Iterator[JoinAs]:
    """Makes users of the home; those still there after the test are killed."""
    users: list[User] = []

    def join(*prefix: str) -> User:
        users.append(User(home, *prefix))
        return users[-1]

    yield join
    for user in users:
        if user.process.returncode is None:
            user.kill()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose servers are ended after the test, whatever it did."""
    home = tmp_path / "home"
    yield home
    for process in processes_of(home):
        process.kill()
    shutil.rmtree(home, ignore_errors=True)


def processes_of(home: Path) -> list[psutil.Process]:
    """Every living process that works inside this home: both servers and all they started."""
    return [
        process
        for process in psutil.process_iter(["cwd", "status"])
        if (process.info["cwd"] or "").startswith(str(home))
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def postmaster_pid(home: Path) -> int:
    return int((home / "postgres/data/postmaster.pid").read_text().splitlines()[0])


def redis_pid(home: Path) -> int:
    return int((home / "redis/redis.pid").read_text())


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows, if it has any."""
    with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def write(urls: ServerUrls) -> None:
    """Leave a mark in both servers."""
    query(urls.database_url, "CREATE TABLE mark AS SELECT 7 AS value")
    with redis.Redis.from_url(urls.redis_url) as client:
        client.set("mark", "7")


def assert_mark(urls: ServerUrls) -> None:
    """The marks are still there."""
    assert query(urls.database_url, "SELECT value FROM mark") == [(7,)]
    with redis.Redis.from_url(urls.redis_url) as client:
        assert client.get("mark") == b"7"


def assert_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_both_databases_and_redis_answer_and_data_stays_between_two_uses(home: Path) -> None:
    with running_servers(home) as urls:
        write(urls)
        assert query(urls.dagster_database_url, "SELECT current_database()") == [("dagster",)]
    with running_servers(home) as urls:
        assert_mark(urls)


def test_stopping_leaves_no_process_behind(home: Path) -> None:
    with running_servers(home):
        assert len(processes_of(home)) >= 2
    assert processes_of(home) == []


def test_two_starters_at_once_share_one_pair_of_servers(home: Path, join: JoinAs) -> None:
    users = [join() for _ in range(3)]
    answers = [user.answer() for user in users]
    assert answers[0] == answers[1] == answers[2]
    for user in users[:2]:
        user.leave()
    assert psutil.pid_exists(postmaster_pid(home))
    users[2].leave()
    assert processes_of(home) == []


def test_servers_outlive_a_killed_user_and_the_next_user_joins_them(
    home: Path, join: JoinAs
) -> None:
    user = join()
    answer = user.answer()
    pids = (postmaster_pid(home), redis_pid(home))
    user.kill()
    with running_servers(home) as urls:
        assert urls.database_url == answer["database_url"]
        assert (postmaster_pid(home), redis_pid(home)) == pids
    assert processes_of(home) == []


def test_a_user_killed_while_it_starts_leaves_nothing_that_stops_the_next(
    home: Path, join: JoinAs
) -> None:
    for moment in ("postgres/data.draft", "postgres/data", "redis/redis.pid"):
        user = join()
        assert_until((home / moment).exists)
        user.kill()
    with running_servers(home) as urls:
        write(urls)
        assert_mark(urls)


def test_killed_servers_come_back_with_their_data(home: Path, join: JoinAs) -> None:
    user = join()
    user.answer()
    with running_servers(home) as urls:
        write(urls)
        for pid in (postmaster_pid(home), redis_pid(home)):
            os.kill(pid, signal.SIGKILL)
        with running_servers(home) as again:
            assert_mark(again)
    user.leave()
    assert processes_of(home) == []


def test_a_pid_file_of_an_unrelated_living_process_does_not_stop_a_start(home: Path) -> None:
    with running_servers(home) as urls:
        write(urls)
        lines = (home / "postgres/data/postmaster.pid").read_text().splitlines()
    stale = "\n".join([str(os.getpid()), *lines[1:]]) + "\n"
    (home / "postgres/data/postmaster.pid").write_text(stale)
    (home / "redis/redis.pid").write_text(f"{os.getpid()}\n")
    with running_servers(home) as urls:
        assert_mark(urls)


def test_ports_taken_by_somebody_else_are_left_to_them(home: Path) -> None:
    with running_servers(home) as urls:
        write(urls)
    ports = [int((home / name / "port").read_text()) for name in ("postgres", "redis")]
    with ExitStack() as strangers:
        for port in ports:
            strangers.enter_context(socket.create_server(("127.0.0.1", port)))
        moved = strangers.enter_context(running_servers(home))
        assert_mark(moved)
        assert str(ports[0]) not in moved.database_url
        assert str(ports[1]) not in moved.redis_url


def test_passwords_are_private_and_on_no_command_line(home: Path) -> None:
    with running_servers(home) as urls:
        passwords = [(home / name / "password").read_text() for name in ("postgres", "redis")]
        lines = " ".join(" ".join(process.cmdline()) for process in processes_of(home))
        for name in ("postgres/password", "redis/password", "redis/redis.conf"):
            assert (home / name).stat().st_mode & 0o777 == 0o600
    for password in passwords:
        assert len(password) >= 32
        assert password not in lines
        assert password not in repr(urls)


def test_a_wrong_password_opens_neither_server(home: Path) -> None:
    with running_servers(home) as urls:
        place = urls.database_url.rpartition("@")[2]
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            query(f"postgresql://trimtab:wrong@{place}", "SELECT 1")
        wrong = redis.Redis.from_url(urls.redis_url.replace("redis://:", "redis://:x"))
        with wrong, pytest.raises(redis.AuthenticationError):
            wrong.ping()


def test_a_home_that_is_a_file_is_refused_with_its_name_and_the_cure(tmp_path: Path) -> None:
    path = tmp_path / "home"
    path.write_text("not a folder")
    refused = pytest.raises(BadConfig, match=r"TRIMTAB_HOME: .*home .*Point TRIMTAB_HOME")
    with refused, running_servers(path):
        pass


@pytest.fixture
def ordinary() -> tuple[str, ...]:
    """Words before a command that make its user an ordinary one."""
    if os.geteuid() != 0:
        return ()
    words = ("unshare", "-U", "--map-user=1000", "--map-group=1000", "--")
    if shutil.which("unshare") is None or subprocess.run([*words, "true"], check=False).returncode:
        pytest.skip("started by root on a machine without user namespaces")
    return words


def test_an_ordinary_user_runs_the_servers(
    home: Path, join: JoinAs, ordinary: tuple[str, ...]
) -> None:
    user = join(*ordinary)
    answer = user.answer()
    assert answer["user_id"] != 0
    assert query(answer["database_url"], "SELECT 1") == [(1,)]
    user.leave()
    assert processes_of(home) == []


def test_a_read_only_home_is_refused_with_its_name_and_the_cure(
    home: Path, join: JoinAs, ordinary: tuple[str, ...]
) -> None:
    home.mkdir()
    home.chmod(0o500)
    answer = join(*ordinary).answer()
    assert answer["error"] == "BadConfig"
    assert str(home) in answer["message"]
    assert "Point TRIMTAB_HOME at a folder of your own" in answer["message"]
