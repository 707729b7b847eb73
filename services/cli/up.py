"""`trimtab up`: everything, with the Dagster UI; one Ctrl-C stops it all.

Belongs here: the order in which things start and what is watched afterwards. Things end in the
opposite order: Dagster first, then the paper exchange, then the servers, so that a drain session
under way can see its orders through.
"""

import os
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from rich.text import Text

from resources.settings import Settings
from resources.settings_file import FILE_NAME, find_settings_file, load_settings
from resources.wiring import Stores, open_stores
from services.cli.children import Children, children
from services.cli.dagster_home import LOOPBACK
from services.cli.dagster_services import DagsterServices
from services.cli.leftovers import begin_on_paper
from services.cli.paper_child import PaperAddress, await_paper, paper_options, start_paper
from services.cli.paper_home import choose_targets, claimed_home, write_paper_settings
from services.cli.ports import require_free
from services.cli.reach import require_servers
from services.cli.runs import open_jobs
from services.cli.status import last_cycle
from services.cli.terminal import counted, err, note, out, points, step
from services.cli.world import World, environment, open_world

POLL_SECONDS = 1.0
SLOT = 0
UI_PORT_VARIABLE = "TRIMTAB_UI_PORT"
SEED = 7


def up(*, debug: bool) -> None:
    """Run until Ctrl-C, or until a child dies."""
    with ExitStack() as leaving:
        world, papers = leaving.enter_context(_world())
        stores = leaving.enter_context(open_stores(world.settings))
        require_servers(stores)
        if world.settings.paper is not None:
            begin_on_paper(stores, world.settings)
        run_dir = Path(leaving.enter_context(tempfile.TemporaryDirectory(prefix="trimtab-")))
        own = leaving.enter_context(children(world.logs))
        services = DagsterServices(own, dict(os.environ), run_dir, world.settings.ui_port)
        _start_dagster(services, world, stores, debug=debug)
        out().print(Text.assemble("Dagster UI  ", (services.ui_url, "bold underline")))
        out().print(Text(f"Logs        {world.logs}", style="dim"))
        note("Ctrl-C stops everything.")
        try:
            _watch(world, stores, (own, papers))
        except KeyboardInterrupt:
            note("Stopping: the orders under way are seen through first.")


def _start_dagster(services: DagsterServices, world: World, stores: Stores, *, debug: bool) -> None:
    with step("market rules and the code server"):
        code_server = services.start_code_server()
        with open_jobs(world, debug=debug) as jobs:
            jobs.sync_missing_precision(stores)
        services.await_code_server(code_server)
    with step("the Dagster UI and its daemon"):
        services.await_ui(services.start_ui_and_daemon())


@contextmanager
def _world() -> Iterator[tuple[World, Children]]:
    """The user's own world, or one on paper; with the paper exchange that belongs to it."""
    file = find_settings_file()
    if file is None:
        with _paper_world() as opened:
            yield opened
        return
    config_file = file.absolute()
    told = load_settings(config_file)
    require_free(told.ui_port, key="ui_port")
    logs = told.home.expanduser().absolute() / "logs"
    with children(logs) as papers, ExitStack() as leaving:
        with step("servers" + (" and the paper exchange" if told.paper else "")):
            if told.paper is not None:
                address = _start_paper(told, papers)
                leaving.enter_context(environment(_moved(told, address)))
            world = leaving.enter_context(open_world(config_file))
        yield world, papers


def _start_paper(settings: Settings, papers: Children) -> PaperAddress:
    assert settings.paper is not None
    if settings.paper.port:
        require_free(settings.paper.port, key="paper.port")
    papers.logs.mkdir(parents=True, exist_ok=True)
    journal = papers.logs / "paper-journal.jsonl"
    return await_paper(start_paper(papers, paper_options(settings.paper, journal=journal)))


def _moved(settings: Settings, address: PaperAddress) -> Mapping[str, str]:
    """Port 0 takes a free port: venues on this machine that also say 0 are told which."""
    moved: dict[str, str] = {}
    for name, venue in settings.venues.items():
        place = urlsplit(venue.rest_url or "")
        if place.hostname in LOOPBACK and place.port == 0:
            prefix = f"TRIMTAB_VENUES__{name.upper()}__"
            moved |= {f"{prefix}REST_URL": address.rest_url, f"{prefix}WS_URL": address.ws_url}
    return moved


@contextmanager
def _paper_world() -> Iterator[tuple[World, Children]]:
    told_port = os.environ.get(UI_PORT_VARIABLE)
    kept = {UI_PORT_VARIABLE: told_port} if told_port else {}
    with ExitStack() as leaving:
        home = leaving.enter_context(claimed_home())
        note(f"No {FILE_NAME} here: everything runs on paper, in {home}.")
        # Settings of a real portfolio must not reach a paper one.
        leaving.enter_context(environment(kept, without="TRIMTAB_"))
        papers = leaving.enter_context(children(home / "logs"))
        with step("PostgreSQL, Redis and the paper exchange"):
            journal = str(home / "paper-journal.jsonl")
            options = ["--port", "0", "--seed", str(SEED), "--journal", journal]
            address = await_paper(start_paper(papers, options))
            quote, targets = choose_targets(address.rest_url, prefer_usdt=False)
            config_file = write_paper_settings(
                home, address, quote=quote, targets_bps=targets, paper={"seed": SEED}
            )
            require_free(load_settings(config_file).ui_port, key="ui_port")
            world = leaving.enter_context(open_world(config_file))
        yield world, papers


def _watch(world: World, stores: Stores, groups: tuple[Children, ...]) -> None:
    """Say how things stand, about once a second, until something ends."""
    with err().status("") as line:
        while True:
            for group in groups:
                if (dead := group.dead()) is not None:
                    raise dead.death()
            line.update(_summary(world, stores))
            time.sleep(POLL_SECONDS)


def _summary(world: World, stores: Stores) -> str:
    depth = stores.queue.depth()
    session = "session alive" if stores.queue.tenure_state(SLOT).is_held else "no session"
    parts = [f"{counted(depth.waiting, 'order')} waiting", f"{depth.in_doubt} in doubt", session]
    for name in sorted(world.settings.portfolios):
        cycle = last_cycle(stores, name)
        if cycle is not None and cycle.drifts:
            worst = max(cycle.drifts, key=lambda drift: abs(drift.drift_bps))
            parts.append(f"{name}: worst drift {points(worst.drift_bps)} points ({worst.asset})")
    return " · ".join(parts)
