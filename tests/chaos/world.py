"""The run's own machines: PostgreSQL, Redis and the paper exchange, all on loopback in one folder.

Belongs here: starting them, killing one with -9 and starting it again, cutting its connections,
the settings the engine runs with. Ends only what it started, by pid.
"""

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from resources.embedded import ServerUrls, locked, running_servers, start_or_join
from resources.embedded_postgresql import PostgresServer
from resources.embedded_process import Launcher, is_served, wait_until
from resources.embedded_redis import RedisServer
from tests.plugins.paper import API_KEY, API_SECRET, PaperProcess, running_papers

VENUE, PORTFOLIO, CASH = "paper", "core", "USDC"
BASES = ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "AVAX", "LINK", "DOT", "LTC")
BAND_BPS = 40
REACH_BPS = 100
ORDERS_MAX = 20
TIMEOUT_MS = 700
LEASE_MS = 2_000
"""A fifteenth of what the settings choose, or a run would spend its time waiting for leases. Sound
here only because no request can be on its way for that long: see `faults.STALL_MS_MAX`."""

ORDER_QUOTE_MAX = 800
OPEN_ORDERS_MAX = 8
CYCLE_SHARE_BPS_MAX = 6_000
TURNOVER_QUOTE_MAX = 1_000_000_000
"""Caps that bite and let a run go on; the turnover of a day is squeezed by a scenario."""

BALANCES = {"BTC": "1", "ETH": "10", "SOL": "200", "USDC": "120000"}

SETTINGS = """\
home = "{home}"
[venues.paper]
exchange = "binance"
rest_url = "{url}"
ws_url = "{ws_url}"
latency_ms_max = 400
hold_ms = 200
timeout_ms = {timeout_ms}
orders_per_second_max = {rate}
[portfolios.core]
venue = "paper"
quote = "USDC"
drift_bps_min = {band}
reach_bps_max = {reach}
orders_max = {orders_max}
order_ttl_ms = 30000
slices_max = 40
[portfolios.core.limits]
order_quote_max = {order_quote_max}
open_orders_max = {open_orders_max}
cycle_share_bps_max = {cycle_share}
turnover_quote_day_max = {turnover}
[portfolios.core.targets_bps]
{targets}
"""


@dataclass(frozen=True, slots=True)
class World:
    """Where everything of one run is."""

    folder: Path
    paper: PaperProcess
    rate: int

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def settings_file(self) -> Path:
        return self.folder / "trimtab.toml"

    @property
    def urls_file(self) -> Path:
        return self.folder / "urls.json"

    @property
    def deaths_file(self) -> Path:
        return self.folder / "deaths.jsonl"

    @property
    def diary_file(self) -> Path:
        """What cycles and sessions wrote about themselves."""
        return self.folder / "diary.jsonl"

    def restart_servers(self) -> None:
        """Start what does not run, and tell the workers where."""
        with locked(self.home / "start.lock"):
            write_urls(self.urls_file, start_or_join(self.home))

    def crash(self, server: str) -> int:
        """kill -9 a server; returns its pid."""
        pid = self._redis.pid() if server == "redis" else self._postgres.owner()[0]
        if pid:
            os.kill(pid, signal.SIGKILL)
        return pid

    def lose_redis(self) -> None:
        """kill -9 Redis, and take its disk away before it starts again."""
        self.crash("redis")
        wait_until(lambda: not is_served(self.home / "redis"), seconds=10)
        for path in (self.home / "redis" / "appendonlydir").glob("*"):
            path.unlink()
        self.restart_servers()

    def cut(self, server: str) -> None:
        """Drop every connection to a server, and leave it running."""
        if server == "redis":
            self.ask_redis("CLIENT KILL TYPE normal SKIPME yes")
            return
        with closing(connect(read_urls(self.urls_file).database_url)) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
                )

    def ask_redis(self, command: str) -> str:
        return self._redis.ask(command)

    @property
    def _redis(self) -> RedisServer:
        return RedisServer(self.home / "redis", Launcher(self.home))

    @property
    def _postgres(self) -> PostgresServer:
        return PostgresServer(self.home / "postgres", Launcher(self.home))


@contextmanager
def running_world(folder: Path, *, rate: int, seed: int) -> Iterator[World]:
    """Everything of a run; stopped at the end of the block."""
    with ExitStack() as stack:
        make_paper = stack.enter_context(running_papers(folder))
        paper = make_paper(
            *("--seed", str(seed), "--tick-ms", "1000"),
            *("--orders-per-10s-max", "1000000", "--orders-per-day-max", "10000000"),
            *("--weight-per-minute-max", "100000000"),
            *(
                word
                for asset, held in BALANCES.items()
                for word in ("--balance", f"{asset}={held}")
            ),
        )
        world = World(folder, paper, rate)
        urls = stack.enter_context(running_servers(world.home))
        write_urls(world.urls_file, urls)
        write_settings(world)
        yield world


def write_settings(world: World, *, turnover_quote_max: int = TURNOVER_QUOTE_MAX) -> None:
    """In one step: a worker may read them at any time."""
    share = 10_000 // (len(BASES) + 1)
    targets = dict.fromkeys(BASES, share)
    targets[CASH] = 10_000 - sum(targets.values())
    draft = world.settings_file.with_suffix(".draft")
    draft.write_text(
        SETTINGS.format(
            home=world.home,
            url=world.paper.url,
            ws_url=world.paper.ws_url,
            timeout_ms=TIMEOUT_MS,
            rate=world.rate,
            band=BAND_BPS,
            reach=REACH_BPS,
            orders_max=ORDERS_MAX,
            order_quote_max=ORDER_QUOTE_MAX,
            open_orders_max=OPEN_ORDERS_MAX,
            cycle_share=CYCLE_SHARE_BPS_MAX,
            turnover=turnover_quote_max,
            targets="\n".join(f"{asset} = {bps}" for asset, bps in targets.items()),
        )
    )
    draft.rename(world.settings_file)


def take_environment(world: World) -> None:
    """Make this process one of the run's: its settings, its keys, its servers, nobody else's."""
    for name in [name for name in os.environ if name.startswith("TRIMTAB_")]:
        del os.environ[name]
    urls = read_urls(world.urls_file)
    os.environ.update(
        TRIMTAB_CONFIG=str(world.settings_file),
        TRIMTAB_VENUES__PAPER__API_KEY=API_KEY,
        TRIMTAB_VENUES__PAPER__API_SECRET=API_SECRET,
        TRIMTAB_DATABASE_URL=urls.database_url,
        TRIMTAB_DAGSTER_DATABASE_URL=urls.dagster_database_url,
        TRIMTAB_REDIS_URL=urls.redis_url,
    )


def write_urls(path: Path, urls: ServerUrls) -> None:
    """In one step: a worker may read it at any time."""
    draft = path.with_suffix(".draft")
    words = (urls.database_url, urls.dagster_database_url, urls.redis_url)
    draft.write_text(json.dumps(words))
    draft.chmod(0o600)
    draft.rename(path)


def read_urls(path: Path) -> ServerUrls:
    return ServerUrls(*json.loads(path.read_text()))


def connect(database_url: str):  # type: ignore[no-untyped-def]
    """A plain connection, past the engine's own code."""
    import psycopg2

    return psycopg2.connect(database_url.replace("+psycopg2", ""), connect_timeout=5)


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
