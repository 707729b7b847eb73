"""Where a benchmark runs: servers, paper exchange, lean venue and settings, all on loopback.

Belongs here: starting them in a folder of their own and ending what was started.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from bench.children import running
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.queue import Recovery
from resources.embedded import running_servers
from resources.settings import Settings
from resources.settings_file import load_settings
from resources.wiring import Stores, open_stores

VENUE, PORTFOLIO = VenueName("lean"), PortfolioName("core")
API_KEY, API_SECRET = "paper", "paper-secret"
RATE_MAX = 10_000

SETTINGS = """\
home = "{home}"
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
    """A running place. Programs started in it find everything by the environment."""

    folder: Path
    settings: Settings
    paper_url: str
    venue_url: str
    redis_url: str
    round_trip_ms: float = 0.0
    """What a round trip to the lean venue takes by distance alone."""

    def orders_seen(self) -> dict[str, tuple[int, int, int]]:
        """By client order id: read at, answered at (monotonic ns), times it came. Asked once."""
        with urlopen(f"{self.venue_url}/bench/log", timeout=30) as answer:
            told: dict[str, tuple[int, int, int]] = json.load(answer)
        return told


@contextmanager
def running_place() -> Iterator[Place]:
    """Everything a benchmark needs; ended with the block."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="trimtab-bench-")))
        paper = stack.enter_context(
            running("services.paper_exchange", "--port", "0", folder=folder, name="paper exchange")
        ).first_line()["url"]
        lean = stack.enter_context(_running_lean_venue(folder, paper, 0))
        urls = stack.enter_context(running_servers(folder / "home"))
        settings_file = folder / "trimtab.toml"
        settings_file.write_text(SETTINGS.format(home=folder / "home", url=lean, rate=RATE_MAX))
        names = {
            "TRIMTAB_CONFIG": str(settings_file),
            "TRIMTAB_VENUES__LEAN__API_KEY": API_KEY,
            "TRIMTAB_VENUES__LEAN__API_SECRET": API_SECRET,
            "TRIMTAB_DATABASE_URL": urls.database_url,
            "TRIMTAB_DAGSTER_DATABASE_URL": urls.dagster_database_url,
            "TRIMTAB_REDIS_URL": urls.redis_url,
        }
        # What a person has set for trading must not reach a benchmark.
        stack.enter_context(environment(names, without="TRIMTAB_"))
        yield Place(folder, load_settings(settings_file), paper, lean, urls.redis_url)


@contextmanager
def at_distance(place: Place, round_trip_ms: float) -> Iterator[Place]:
    """The same place with a lean venue that is so far away; at 0 the one it has."""
    if not round_trip_ms:
        yield place
        return
    with _running_lean_venue(place.folder, place.paper_url, round_trip_ms) as url:
        yield replace(place, venue_url=url, round_trip_ms=round_trip_ms)


@contextmanager
def _running_lean_venue(folder: Path, paper_url: str, round_trip_ms: float) -> Iterator[str]:
    words = ("--upstream", paper_url, "--round-trip-ms", str(round_trip_ms))
    name = f"lean venue {round_trip_ms:g} ms away"
    with running("bench.responder", *words, folder=folder, name=name) as venue:
        url: str = venue.first_line()["url"]
        yield url


@contextmanager
def beside(place: Place, number: int, *, rate: int = RATE_MAX) -> Iterator[tuple[Place, Stores]]:
    """The same place with a queue of its own, in another database of the same Redis, and a rate."""
    redis_url = f"{place.redis_url.rpartition('/')[0]}/{number}"
    names = {
        "TRIMTAB_REDIS_URL": redis_url,
        "TRIMTAB_VENUES__LEAN__REST_URL": place.venue_url,
        "TRIMTAB_VENUES__LEAN__ORDERS_PER_SECOND_MAX": str(rate),
    }
    with environment(names):
        settings = load_settings(place.folder / "trimtab.toml")
        with open_stores(settings) as stores:
            # A queue that is new counts as lost, and what is planned until it is not, as in doubt.
            stores.queue.recover(Recovery((), {}))
            yield replace(place, settings=settings, redis_url=redis_url), stores


@contextmanager
def environment(names: Mapping[str, str], *, without: str | None = None) -> Iterator[None]:
    """Set variables for the length of the block; first drop those that begin with `without`."""
    before = dict(os.environ)
    try:
        for name in before:
            if without is not None and name.startswith(without):
                del os.environ[name]
        os.environ.update(names)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
