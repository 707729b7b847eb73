"""Dagster's three long-running programs: the code server, the UI and the daemon.

Belongs here: their command lines, their order, and knowing when they are ready. One code server
serves both others, so the definitions are loaded once; its socket is a file that only we can open.
"""

import json
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from services.cli.children import Child, Children
from services.cli.failures import CommandFailed, Exit
from services.cli.ports import HOST

READY_SECONDS = 180.0
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.2
LOCATION = "trimtab"
_LOADED = "{ workspaceOrError { ... on Workspace { locationEntries { name loadStatus " + (
    "locationOrLoadError { __typename ... on PythonError { message } } } } } }"
)


@dataclass(frozen=True, slots=True)
class DagsterServices:
    """The three of them, started step by step. `run_dir` holds the socket; its path is short."""

    children: Children
    env: Mapping[str, str]
    run_dir: Path
    ui_port: int

    @property
    def ui_url(self) -> str:
        return f"http://{HOST}:{self.ui_port}"

    @property
    def _socket(self) -> Path:
        return self.run_dir / "code.sock"

    def start_code_server(self) -> Child:
        options = [
            "--empty-working-directory",
            "--module-name",
            "pipelines.definitions",
            "--location-name",
            LOCATION,
        ]
        return self._start(
            "code server", "dagster", "api", "grpc", "--socket", self._socket, *options
        )

    def await_code_server(self, child: Child) -> None:
        self._await(child, self._code_server_answers)

    def start_ui_and_daemon(self) -> Child:
        """Start both; returns the UI, which is the one to wait for."""
        workspace = self.run_dir / "workspace.yaml"
        workspace.write_text(
            "load_from:\n  - grpc_server:\n"
            f"      socket: {json.dumps(str(self._socket))}\n      location_name: {LOCATION}\n"
        )
        at = ["-h", HOST, "-p", str(self.ui_port), "--suppress-warnings"]
        ui = self._start("dagster webserver", "dagster_webserver", "-w", workspace, *at)
        self._start("dagster daemon", "dagster._daemon", "run", "-w", workspace)
        return ui

    def await_ui(self, child: Child) -> None:
        """Wait until the UI shows our definitions: that it answers at all proves nothing."""
        self._await(child, self._definitions_are_loaded)

    def _start(self, name: str, module: str, *arguments: str | Path) -> Child:
        command = [sys.executable, "-m", module, *(str(argument) for argument in arguments)]
        return self.children.start(name, command, env=self.env)

    def _await(self, child: Child, is_ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not is_ready():
            if (dead := self.children.dead()) is not None:
                raise dead.death()
            if time.monotonic() > deadline:
                raise CommandFailed(
                    f"{child.name} was not ready after {READY_SECONDS:.0f} s. The end of its log "
                    f"{child.log}:\n{child.last_words()}",
                    Exit.UNAVAILABLE,
                )
            time.sleep(POLL_SECONDS)

    def _code_server_answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._socket))
            except OSError:
                return False
        return True

    def _definitions_are_loaded(self) -> bool:
        question = Request(
            f"{self.ui_url}/graphql",
            data=json.dumps({"query": _LOADED}).encode(),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urlopen(question, timeout=ANSWER_SECONDS) as answer:
                entries = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
        except (URLError, TimeoutError, ConnectionError):
            return False
        for entry in entries:
            found = entry["locationOrLoadError"] or {}
            if found.get("__typename") == "PythonError":
                raise CommandFailed(
                    f"Dagster cannot load the definitions: {found['message'].strip()}",
                    Exit.GOAL_MISSED,
                )
        return bool(entries) and all(entry["loadStatus"] == "LOADED" for entry in entries)
