"""Everything a command needs around it: settings, servers, Dagster's home, the environment.

Belongs here: opening it and closing it again. What is done inside is each command's own.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rebalancer.errors import BadConfig
from resources.settings import Settings
from resources.settings_file import (
    CONFIG_VARIABLE,
    FILE_NAME,
    find_settings_file,
    load_settings,
)
from services.cli.dagster_home import environment_for, paper_keys, write_dagster_home
from services.cli.paper_hint import paper_hint
from services.cli.paper_home import last_paper_file
from services.cli.terminal import note


@dataclass(frozen=True, slots=True)
class World:
    """An open world: its servers answer and the environment names them.

    Attributes:
        settings: Read again after the environment was completed, so every URL is in them.
        config_file: The settings file, absolute.
        dagster_home: Where Dagster's settings are.
        logs: Folder for the logs of this command and its children.
    """

    settings: Settings
    config_file: Path
    dagster_home: Path
    logs: Path


@contextmanager
def chosen_settings() -> Iterator[Path]:
    """The settings file a command works with: the user's own, else that of the last paper run.

    Raises:
        BadConfig: there is neither.
    """
    own = find_settings_file()
    if own is not None:
        with paper_hint(own.absolute()):
            yield own.absolute()
        return
    paper = last_paper_file()
    if paper is None:
        raise BadConfig(
            f"no {FILE_NAME} in {Path.cwd()} and {CONFIG_VARIABLE} is not set; copy "
            "trimtab.example.toml to trimtab.toml and edit it, or see it all on paper: trimtab demo"
        )
    note(f"No {FILE_NAME} here: this is the paper portfolio of {paper}")
    with environment({}, without="TRIMTAB_"), paper_hint(paper):
        yield paper


def load_with_paper_keys(config_file: Path) -> Settings:
    """Settings as commands use them: the paper exchange's key stands in where none is given."""
    settings = load_settings(config_file)
    with environment(paper_keys(settings)):
        return load_settings(config_file)


@contextmanager
def open_world(config_file: Path) -> Iterator[World]:
    """Start or join the servers and name them to Dagster, for as long as the block lasts."""
    from resources.wiring import server_urls  # Loads Dagster: only for those who open a world.

    told = load_settings(config_file)
    home = told.home.expanduser().absolute()
    with server_urls(told) as urls:
        dagster_home = write_dagster_home(home)
        names = environment_for(told, urls, config_file=config_file, dagster_home=dagster_home)
        with environment(names):
            yield World(load_settings(config_file), config_file, dagster_home, home / "logs")


@contextmanager
def environment(names: Mapping[str, str], *, without: str | None = None) -> Iterator[None]:
    """Set variables for the length of the block; first drop those that begin with `without`."""
    before = dict(os.environ)
    try:
        if without is not None:
            for name in [name for name in os.environ if name.startswith(without)]:
                del os.environ[name]
        os.environ.update(names)
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
