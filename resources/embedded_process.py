"""Launching a server process that outlives us, as a user the server accepts.

Here: privileges, locks, ports, secrets on disk. Nothing here knows which server it launches.
"""

import fcntl
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from rebalancer.errors import BadConfig

POLL_SECONDS = 0.005
OVERFLOW_ID = 65534
# The shell returns at once, so the server belongs to nobody here and is reaped when it ends.
DETACH = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 &'
SERVED_LOCK = "served.lock"
# Nothing else goes along: our environment may hold the venue's keys.
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
# A server must reach its folder and be allowed to run its program.
TRY_OUT = 'cd "$1" && shift && exec "$@"'


class Way(NamedTuple):
    """How a server is run: words before its command, and the user it becomes (None: us)."""

    prefix: tuple[str, ...]
    user_id: int | None
    owner_id: int


class Launcher:
    """Runs programs for one home folder without root's rights.

    PostgreSQL refuses to run as root. From root we become `nobody`; where nobody may not pass
    (a virtual environment or a home below a folder of mode 0700), a user namespace takes root's
    rights away and leaves root's files readable.
    """

    def __init__(self, home: Path) -> None:
        self.home = home

    def way(self, folder: Path, program: Path) -> Way:
        """The first way in which `program` runs and reaches the home; `folder` becomes its own."""
        said = ""
        for way in self._ways:
            result = run(
                way, ["sh", "-c", TRY_OUT, "sh", str(self.home), str(program), "--version"]
            )
            if result.returncode == 0:
                give_folder(folder, way.owner_id)
                return way
            said = result.stderr.strip() or f"exit code {result.returncode}"
        raise BadConfig(
            f"Embedded servers: {program} cannot run below {self.home}: {said}. As root it needs "
            "`nobody` to pass both folders, or user namespaces; run as an ordinary user, or set "
            "TRIMTAB_DATABASE_URL and TRIMTAB_REDIS_URL to servers that already run."
        )

    @cached_property
    def _ways(self) -> tuple[Way, ...]:
        if os.geteuid() != 0:
            return (Way((), None, os.geteuid()),)
        try:
            nobody = pwd.getpwnam("nobody").pw_uid
        except KeyError:
            nobody = OVERFLOW_ID
        ways = [Way((), nobody, nobody)]
        if unshare := shutil.which("unshare"):
            ids = (f"--map-user={OVERFLOW_ID}", f"--map-group={OVERFLOW_ID}")
            ways.append(Way((unshare, "-U", *ids, "--"), None, 0))
        return tuple(ways)

    def launch(self, way: Way, command: list[str], *, folder: Path, log: Path) -> None:
        """Start a server in a session of its own, holding the lock that `is_served` asks for."""
        detached = ["sh", "-c", DETACH, "sh", str(log), *way.prefix, *command]
        result = run_alone(way._replace(prefix=()), detached, folder=folder)
        if result.returncode != 0:
            raise BadConfig(f"Embedded servers: {command[0]} did not start: {result.stderr}")


def run(
    way: Way,
    command: list[str],
    *,
    said: str = "",
    cwd: Path | None = None,
    keep: tuple[int, ...] = (),
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*way.prefix, *command],
        input=said,
        capture_output=True,
        text=True,
        errors="replace",
        cwd=cwd,
        env=ENVIRONMENT,
        user=way.user_id,
        group=None if way.user_id is None else OVERFLOW_ID,
        extra_groups=None if way.user_id is None else [],
        pass_fds=keep,
        start_new_session=True,
        check=False,
    )


@contextmanager
def open_lock(path: Path) -> Iterator[int]:
    """A file to lock; closing it lets go of the lock."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def run_alone(
    way: Way, command: list[str], *, folder: Path, said: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run a command that owns the folder, and owns it still if we are killed while it runs.

    The command and its children inherit the lock; the last of them to end frees it.
    """
    with open_lock(folder / SERVED_LOCK) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return run(way, command, said=said, cwd=folder, keep=(lock,))


def is_served(folder: Path) -> bool:
    """Does anybody work in this folder? The kernel knows: pids are reused, locks are not."""
    with open_lock(folder / SERVED_LOCK) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def end_server(folder: Path, pid: int, signals: tuple[signal.Signals, ...], seconds: float) -> None:
    """Stop the server of a folder: gently first, then less so; wait until nothing of it is left."""
    for number in signals:
        if not is_served(folder):
            return
        if pid:
            send_signal(pid, number)
        wait_until(lambda: not is_served(folder), seconds=seconds)


def program_of(package: str, pattern: str) -> Path:
    """A program inside an installed wheel, found without importing the wheel's own code."""
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        for path in sorted(Path(place).glob(pattern)):
            return path
    raise BadConfig(
        f"Embedded servers: the package {package} has no program for this machine. Install "
        "the pinned requirements again, or set TRIMTAB_DATABASE_URL and TRIMTAB_REDIS_URL."
    )


def give_folder(folder: Path, owner_id: int) -> None:
    """Make a folder and all in it belong to the user who will run the server."""
    if os.geteuid() != 0 or folder.stat().st_uid == owner_id:
        return
    for place, folders, files in os.walk(folder, topdown=False):
        for name in (*folders, *files):
            os.chown(Path(place, name), owner_id, -1, follow_symlinks=False)
    # Last, so that a walk cut short is walked again.
    os.chown(folder, owner_id, -1)


def read_or_make_secret(path: Path, owner_id: int) -> str:
    """The password in a file that only its owner reads; made once, in one step."""
    if not path.exists():
        draft = path.with_suffix(".draft")
        write_private(draft, secrets.token_urlsafe(32), owner_id)
        draft.rename(path)
    return path.read_text().strip()


def write_private(path: Path, text: str, owner_id: int) -> None:
    """Write a file that nobody else can read, not even for a moment."""
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        if os.geteuid() == 0:
            os.fchown(handle, owner_id, -1)
        file.write(text)


def choose_port(record: Path, *, fresh: bool) -> int:
    """The port used last time if it is still free, or another one; kept in `record`."""
    known = int(text) if record.exists() and (text := record.read_text().strip()).isdigit() else 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 0 if fresh else known))
        except OSError:
            probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    record.write_text(f"{port}\n")
    return port


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll until the condition holds; False when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def send_signal(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process that may have just ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def last_words(log: Path, lines: int = 5) -> str:
    """The end of a log, for an error message."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return " | ".join(line.strip() for line in text.splitlines()[-lines:]) or "it left no log"
