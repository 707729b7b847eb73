"""The paper exchange as a child of a command.

Belongs here: its command line from our settings, its first words, and what its refusals mean in
terms of our settings. What the exchange does is in services/paper_exchange.
"""

import json
import os
import select
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from resources.settings import PaperSettings
from services.cli.children import Child, Children
from services.cli.failures import CommandFailed, Exit

START_SECONDS = 60.0
REFUSED_CODE = 2
REFUSAL = "paper exchange: "


@dataclass(frozen=True, slots=True)
class PaperAddress:
    """Where a paper exchange answers, and what it says its prices are."""

    rest_url: str
    ws_url: str
    prices: str


def start_paper(children: Children, options: Sequence[str]) -> Child:
    """Start one; `await_paper` waits until it answers. It is told nothing of our environment."""
    command = [sys.executable, "-m", "services.paper_exchange", *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRIMTAB_")}
    return children.start("paper exchange", command, env=env, pipe=True)


def await_paper(child: Child) -> PaperAddress:
    """Where it answers. Raises CommandFailed with its own words when it refuses to start."""
    pipe = child.process.stdout
    assert pipe is not None
    ready, _, _ = select.select([pipe], [], [], START_SECONDS)
    line = pipe.readline() if ready else ""
    if line:
        told = json.loads(line)
        return PaperAddress(told["url"], told["ws_url"], str(told["prices"]))
    if not ready:
        raise CommandFailed(
            f"the paper exchange was silent for {START_SECONDS:.0f} s; see {child.log}",
            Exit.UNAVAILABLE,
        )
    if child.process.wait() != REFUSED_CODE:
        raise child.death()
    said = child.last_words()
    is_port = "--port" in said
    raise CommandFailed(
        said.removeprefix(REFUSAL).replace("--port", "paper.port")
        + (" (the port is the key paper.port of the settings)" if is_port else ""),
        Exit.UNAVAILABLE if is_port else Exit.BAD_INPUT,
    )


def paper_options(paper: PaperSettings, *, journal: Path) -> list[str]:
    """The settings as the exchange's own options."""
    options = ["--port", str(paper.port), "--seed", str(paper.seed)]
    options += ["--journal", str(paper.journal or journal), "--speed", f"{paper.speed:f}"]
    if paper.replay is not None:
        options += ["--replay", str(paper.replay)]
    if paper.exchange_info is not None:
        options += ["--exchange-info", str(paper.exchange_info)]
    if paper.faults is not None:
        options += ["--faults", str(paper.faults)]
    return options
