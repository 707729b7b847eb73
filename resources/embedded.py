"""PostgreSQL and Redis for a machine that has neither: started from their wheels, shared, stopped.

Here: who may start, join and stop the servers of one home folder. How each server is run is in
`embedded_postgresql` and `embedded_redis`; how a process is launched is in `embedded_process`.
Connecting to the servers belongs to those who use them.

Two locks in the home folder make it safe. `start.lock` is held alone while somebody starts or
stops servers. `users.lock` is held in common by everyone who uses them: the kernel lets go of it
when its holder dies, however it dies. Who can take it alone on the way out was the last user.
"""

import errno
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rebalancer.errors import BadConfig
from resources.embedded_postgresql import PostgresServer
from resources.embedded_process import Launcher, open_lock
from resources.embedded_redis import RedisServer

LOCK_WAIT_SECONDS = 60
POLL_SECONDS = 0.01
DISK_FREE_MB_MIN = 200


@dataclass(frozen=True, slots=True)
class ServerUrls:
    """Where the servers of one home folder answer, passwords included: never log one."""

    database_url: str
    dagster_database_url: str
    redis_url: str

    def __repr__(self) -> str:
        """Say which home this is by its ports, without the passwords."""
        places = (url.rpartition("@")[2] for url in (self.database_url, self.redis_url))
        return f"ServerUrls({', '.join(places)})"


@contextmanager
def running_servers(home: Path) -> Iterator[ServerUrls]:
    """Lend PostgreSQL and Redis for as long as the block lasts.

    Starts the servers of `home`, or joins them when they already run. The last user out stops
    them. A user that is killed leaves them running for the next one to join.

    Args:
        home: Folder that keeps data, logs, ports and passwords; made when missing.

    Yields:
        The URLs of both servers.

    Raises:
        BadConfig: The home cannot be used or a server cannot run; the message says what to do.
    """
    home = home.expanduser().absolute()
    prepare_home(home)
    with ExitStack() as leaving:
        users = leaving.enter_context(open_lock(home / "users.lock"))
        with locked(home / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            leaving.callback(leave, home, users)
            try:
                urls = start_or_join(home)
            except OSError as problem:
                raise unusable(home, problem) from problem
        yield urls


def start_or_join(home: Path) -> ServerUrls:
    """Make both servers answer. Call with `start.lock` held."""
    launcher = Launcher(home)
    redis, postgres = (
        RedisServer(home / "redis", launcher),
        PostgresServer(home / "postgres", launcher),
    )
    if not (redis.is_running() and postgres.is_running()):
        refuse_full_disk(home)
    return ServerUrls(
        redis_url=redis.start_or_join(),
        database_url=postgres.start_or_join().format(database="trimtab"),
        dagster_database_url=postgres.url().format(database="dagster"),
    )


def leave(home: Path, users: int) -> None:
    """Stop the servers if nobody else uses them."""
    with locked(home / "start.lock"):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        launcher = Launcher(home)
        RedisServer(home / "redis", launcher).stop()
        PostgresServer(home / "postgres", launcher).stop()


def prepare_home(home: Path) -> None:
    """Make the folder and see that it can be written, or say what to do about it."""
    try:
        # Others may pass through, not look around: a server of root runs as another user.
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        for name in ("postgres", "redis"):
            (home / name).mkdir(mode=0o700, exist_ok=True)
        with open_lock(home / "users.lock"):
            pass
    except OSError as problem:
        raise unusable(home, problem) from problem


def unusable(home: Path, problem: OSError) -> BadConfig:
    """What the operating system said about the home, with the cure."""
    return BadConfig(
        f"TRIMTAB_HOME: expected a folder that can be written, was {home} "
        f"({os.strerror(problem.errno or errno.EIO)}). "
        "Point TRIMTAB_HOME at a folder of your own, or set TRIMTAB_DATABASE_URL and "
        "TRIMTAB_REDIS_URL to servers that already run."
    )


def refuse_full_disk(home: Path) -> None:
    """A server that runs out of disk while it starts says so badly; ask first."""
    free_mb = shutil.disk_usage(home).free // 2**20
    if free_mb < DISK_FREE_MB_MIN:
        raise BadConfig(
            f"TRIMTAB_HOME: expected at least {DISK_FREE_MB_MIN} MB free for the embedded servers, "
            f"was {free_mb} MB at {home}. Free some space, or point TRIMTAB_HOME at another disk."
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock alone, waiting for whoever has it."""
    deadline = time.monotonic() + LOCK_WAIT_SECONDS
    with open_lock(path) as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as problem:
                if time.monotonic() > deadline:
                    raise BadConfig(
                        f"TRIMTAB_HOME: another process has been starting or stopping the servers "
                        f"of {path.parent} for {LOCK_WAIT_SECONDS} s. Find it with "
                        f"`fuser {path}`, end it, and try again."
                    ) from problem
                time.sleep(POLL_SECONDS)
        yield
