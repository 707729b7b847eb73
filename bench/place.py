"""Where a benchmark runs: servers, paper exchange, lean venue and settings, all on loopback.

Belongs here: starting them in a folder of their own and ending what was started.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from rebalancer.orders import PortfolioName, VenueName
from resources.embedded import ServerUrls, running_servers
from resources.settings import Settings
from resources.settings_file import load_settings

VENUE, PORTFOLIO = VenueName("lean"), PortfolioName("core")
API_KEY, API_SECRET = "paper", "paper-secret"
RATE_MAX = 10_000
STOP_SECONDS = 10

SETTINGS = """\
home = "{home}"
[drain]
concurrency = {concurrency}
[venues.lean]
exchange = "binance"
rest_url = "{url}"
orders_per_second_max = {rate}
request_weight_per_minute_max = 1000000
[portfolios.core]
venue = "lean"
quote = "USDC"
targets_bps = {{ X00001 = 5000, USDC = 5000 }}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A running place, and the settings that describe it."""

    folder: Path
    settings: Settings
    urls: ServerUrls
    venue_url: str

    def orders_seen(self) -> dict[str, tuple[int, int, int]]:
        """By client order id: read at, answered at (monotonic ns), times it came. Asked once."""
        with urlopen(f"{self.venue_url}/bench/log", timeout=30) as answer:
            told: dict[str, tuple[int, int, int]] = json.load(answer)
        return told


@contextmanager
def running_place(*, rate: int = RATE_MAX, concurrency: int = 8) -> Iterator[Place]:
    """Everything a benchmark needs; ended with the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="trimtab-bench-")))
        paper = stack.enter_context(_answering(["services.paper_exchange", "--port", "0"], folder))
        lean = stack.enter_context(_answering(["bench.responder", "--upstream", paper], folder))
        urls = stack.enter_context(running_servers(folder / "home"))
        settings_file = folder / "trimtab.toml"
        settings_file.write_text(
            SETTINGS.format(home=folder / "home", url=lean, rate=rate, concurrency=concurrency)
        )
        os.environ |= {
            "TRIMTAB_CONFIG": str(settings_file),
            "TRIMTAB_VENUES__LEAN__API_KEY": API_KEY,
            "TRIMTAB_VENUES__LEAN__API_SECRET": API_SECRET,
            "TRIMTAB_DATABASE_URL": urls.database_url,
            "TRIMTAB_DAGSTER_DATABASE_URL": urls.dagster_database_url,
            "TRIMTAB_REDIS_URL": urls.redis_url,
        }
        yield Place(folder, load_settings(settings_file), urls, lean)


@contextmanager
def _answering(words: list[str], folder: Path) -> Iterator[str]:
    """A program that says its address in its first line; ended with the block."""
    log = folder / f"{words[0]}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", *words], stdout=subprocess.PIPE, stderr=errors, cwd=folder
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{words[0]} did not start: {log.read_text()[-2_000:]}")
        yield json.loads(line)["url"]
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
