"""`trimtab` as a person or a program runs it: a process of its own, judged by what it prints.

Belongs here: running a command, and a settings file to run it with.
Does not belong here: assertions.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND_SECONDS = 120
TARGETS = {"BTC": 4_000, "ETH": 3_000, "SOL": 1_500, "USDC": 1_500}


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that has ended."""

    code: int
    out: str
    said: str

    def json(self) -> Any:
        return json.loads(self.out)


def environment(**names: str | Path) -> dict[str, str]:
    """The environment of this process without our own variables, and with those named."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("TRIMTAB_", "DAGSTER_"))}
    return {**inherited, **{name: str(value) for name, value in names.items()}}


def command(*arguments: str | Path, flags: tuple[str, ...] = ()) -> list[str]:
    return [sys.executable, *flags, "-m", "services.cli", *(str(word) for word in arguments)]


def trimtab(
    *arguments: str | Path, env: Mapping[str, str], cwd: Path, flags: tuple[str, ...] = ()
) -> Ended:
    """Run a command to its end."""
    ended = subprocess.run(
        command(*arguments, flags=flags),
        env=dict(env),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def write_settings(
    folder: Path,
    rest_url: str,
    *,
    targets: Mapping[str, int] = TARGETS,
    exchange: str = "binance",
    paper_port: int = 0,
) -> Path:
    """A settings file for one portfolio on one venue on this machine."""
    file = folder / "trimtab.toml"
    lines = [
        "[paper]",
        f"port = {paper_port}",
        "[venues.paper]",
        f'exchange = "{exchange}"',
        f'rest_url = "{rest_url}"',
        "timeout_ms = 5000",
        # A busy test machine must not look like a slow venue.
        "latency_ms_max = 20000",
        "[portfolios.core]",
        'venue = "paper"',
        'quote = "USDC"',
        "[portfolios.core.targets_bps]",
        *(f"{asset} = {bps}" for asset, bps in targets.items()),
    ]
    file.write_text("\n".join(lines) + "\n")
    return file
