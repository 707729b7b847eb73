"""Everything that listens, listens on loopback alone, and what it keeps is its owner's alone.

What `trimtab up` starts is looked at by `test_cli_up`, where it runs anyway.
"""

import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from resources.embedded import ServerUrls, running_servers
from tests.contract.cli import environment
from tests.contract.places import LOOPBACK, places_of, workers_of


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("listening")


@pytest.fixture(scope="module")
def urls(home: Path) -> Iterator[ServerUrls]:
    with running_servers(home) as urls:
        yield urls


def test_the_embedded_servers_listen_on_loopback_alone(urls: ServerUrls, home: Path) -> None:
    places = places_of(workers_of(home))
    ports = {
        int(url.rpartition(":")[2].partition("/")[0]) for url in (urls.redis_url, urls.database_url)
    }
    assert {port for _, port in places} == ports
    assert {address for address, _ in places} <= LOOPBACK


def test_redis_answers_nobody_without_its_password(urls: ServerUrls) -> None:
    bare = "redis://" + urls.redis_url.rpartition("@")[2]
    with redis.Redis.from_url(bare) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis.from_url(urls.redis_url) as owner:
        assert owner.config_get("protected-mode")["protected-mode"] == "yes"


def test_what_the_servers_keep_is_their_owners_alone(urls: ServerUrls, home: Path) -> None:
    del urls
    for path in (home / "redis", home / "postgres", home / "postgres/data"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    for path in (home / "redis/password", home / "postgres/password", home / "redis/redis.conf"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_paper_exchange_listens_on_loopback_alone() -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "services.paper_exchange", "--port", "0"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["url"].startswith("http://127.0.0.1:")
        places = places_of([psutil.Process(process.pid)])
        process.terminate()
    assert {address for address, _ in places} == {"127.0.0.1"}
