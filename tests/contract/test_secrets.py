"""No secret is ever written down: the real thing runs with marked secrets, then all is searched.

Searched: logs and files under the home, Dagster's and the books' whole databases, Redis, what the
commands print (failures and --debug too), the command lines of all children, and what Sentry got.
"""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg2
import pytest
import redis

from resources.embedded import ServerUrls
from tests.contract.cli import Ended, command, environment, trimtab, write_settings
from tests.plugins.paper import PaperProcess, running_papers
from tests.plugins.servers import execute, fresh_database, own_redis

KEY, SECRET, PHRASE, DSN_KEY, PASSWORD = (
    "kEy-4f1aMARK", "sEcRet-77c2MARK", "pHrase-9d3bMARK", "dSn5e8MARK", "pAss-1b6aMARK",
)  # fmt: skip
MARKS = (KEY, SECRET, PHRASE, DSN_KEY, PASSWORD)
POLL_SECONDS = 0.05


@dataclass(slots=True)
class Marked:
    """A portfolio whose every secret is marked, and all that was said about it."""

    folder: Path
    paper: PaperProcess
    env: dict[str, str]
    databases: tuple[str, str]
    redis_url: str
    said: list[str] = field(default_factory=list)
    command_lines: set[str] = field(default_factory=set)

    def run(self, *arguments: str, **env: str) -> Ended:
        """Run a command to its end, and look at every command line it starts meanwhile."""
        process = subprocess.Popen(
            command(*arguments),
            env=self.env | env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            while process.poll() is None:
                self.command_lines |= set(lines_of(process.pid))
                time.sleep(POLL_SECONDS)
            assert process.stdout is not None
            out = process.stdout.read()
        self.said.append(out)
        return Ended(process.returncode, out, out)


def lines_of(pid: int) -> Iterator[str]:
    """The command lines of a process and all its children, as `ps` shows them."""
    try:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            yield " ".join(process.cmdline())
    except psutil.Error:
        return


@contextmanager
def owner_with_marked_password(servers: ServerUrls) -> Iterator[str]:
    """A user of PostgreSQL whose password is marked."""
    execute(servers, f"CREATE ROLE marked SUPERUSER LOGIN PASSWORD '{PASSWORD}'")
    try:
        yield f"marked:{PASSWORD}"
    finally:
        execute(servers, "DROP ROLE marked")


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory, servers: ServerUrls) -> Iterator[Marked]:
    """One rebalance and several failures, all done; only looking is left to the tests."""
    folder = tmp_path_factory.mktemp("marked")
    with (
        running_papers(folder) as make_paper,
        owner_with_marked_password(servers) as user,
        fresh_database(servers) as books,
        fresh_database(servers) as dagster,
    ):
        paper = make_paper("--api-key", KEY, "--api-secret", SECRET)
        write_settings(folder, paper.url)
        urls = [as_user(url, user) for url in (books, dagster)]
        redis_url = own_redis(servers, 7)
        env = environment(
            TRIMTAB_HOME=folder / "home",
            TRIMTAB_DATABASE_URL=urls[0],
            TRIMTAB_DAGSTER_DATABASE_URL=urls[1],
            TRIMTAB_REDIS_URL=redis_url,
            TRIMTAB_SENTRY_DSN=f"http://{DSN_KEY}@127.0.0.1:9/1",
            TRIMTAB_VENUES__PAPER__API_KEY=KEY,
            TRIMTAB_VENUES__PAPER__API_SECRET=SECRET,
            TRIMTAB_VENUES__PAPER__API_PASSPHRASE=PHRASE,
        )
        scene = Marked(folder, paper, env, (urls[0], urls[1]), redis_url)
        play(scene)
        yield scene


def as_user(url: str, user: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}").geturl()


def play(scene: Marked) -> None:
    """A cycle that works, and every failure that may quote what it was given."""
    assert scene.run("--debug", "rebalance").code == 0, scene.said
    scene.paper.set_quote("ETHUSDC", bidPrice="NaN")
    assert scene.run("rebalance").code == 1
    scene.paper.clear_quotes()
    wrong = {"TRIMTAB_VENUES__PAPER__API_SECRET": f"{SECRET}x"}
    refusing = f"postgresql://marked:{PASSWORD}@127.0.0.1:1/books"
    # With --debug a traceback is printed, which holds every message that is printed without.
    assert scene.run("--debug", "rebalance", **wrong).code != 0
    assert scene.run("--debug", "orders", TRIMTAB_DATABASE_URL=refusing).code != 0
    assert scene.run("--debug", "rebalance", TRIMTAB_DAGSTER_DATABASE_URL=refusing).code != 0
    away = f"redis://:{PASSWORD}@127.0.0.1:1/0"
    assert scene.run("--debug", "status", TRIMTAB_REDIS_URL=away).code != 0
    assert scene.run("--debug", "plan", TRIMTAB_VENUES__PAPER__APIKEY=KEY).code != 0
    assert scene.run("status").code == 0, scene.said[-1]


def marks_in(text: str | bytes) -> list[str]:
    known = text.encode() if isinstance(text, str) else text
    return [mark for mark in MARKS if mark.encode() in known]


def test_no_command_prints_a_secret(marked: Marked) -> None:
    assert len(marked.said) == 8
    told = [said for said in marked.said if marks_in(said)]
    assert not told, told[0][:3_000]


def test_no_command_line_holds_a_secret(marked: Marked) -> None:
    assert marked.command_lines
    assert not [line for line in marked.command_lines if marks_in(line)]


def test_no_file_under_the_home_holds_a_secret(marked: Marked) -> None:
    files = [path for path in (marked.folder / "home").rglob("*") if path.is_file()]
    assert any(path.suffix == ".log" for path in files)
    assert {
        str(path): marks_in(path.read_bytes()) for path in files if marks_in(path.read_bytes())
    } == {}


def test_no_row_of_any_table_holds_a_secret(marked: Marked) -> None:
    rows = 0
    for url in marked.databases:
        with closing(psycopg2.connect(url.replace("+psycopg2", ""))) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables "
                "WHERE schemaname = 'public'"
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f"SELECT t::text FROM {table} t")
                for (text,) in cursor.fetchall():
                    rows += 1
                    assert not marks_in(text), (table, text[:2_000])
    assert rows > 100


def test_nothing_in_redis_holds_a_secret(marked: Marked) -> None:
    with closing(redis.Redis.from_url(marked.redis_url)) as client:
        keys = list(client.scan_iter())
        assert keys
        assert not [key for key in keys if marks_in(key) or marks_in(client.dump(key) or b"")]


def test_the_logs_of_the_servers_do_not_hold_a_secret(marked: Marked, servers: ServerUrls) -> None:
    del marked
    port = urlsplit(servers.redis_url).port
    homes = {
        Path(process.info["cwd"]).parent
        for process in psutil.process_iter(["cwd", "name"])
        if process.info["cwd"]
        and (Path(process.info["cwd"]) / "port").exists()
        and (Path(process.info["cwd"]) / "port").read_text().strip() == str(port)
    }
    assert len(homes) == 1, homes
    for log in homes.pop().rglob("*.log"):
        # The server is told the password of a role in a statement, which it must not log.
        assert not marks_in(log.read_bytes()), log


def test_debug_output_is_what_was_searched(marked: Marked) -> None:
    assert any("Traceback" in said for said in marked.said)
    assert os.environ.get("TRIMTAB_VENUES__PAPER__API_KEY") is None
    assert trimtab("--version", env=marked.env, cwd=marked.folder).code == 0
