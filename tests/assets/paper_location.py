"""The code location as `workspace.yaml` loads it, on a paper exchange that stands still."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine

from resources.settings_file import load_settings
from tests.assets.location import Location
from tests.plugins.paper import API_KEY, API_SECRET, PaperFactory, PaperProcess

SETTINGS = """
[venues.paper]
exchange = "binance"
rest_url = "{rest}"
ws_url = "{ws}"
latency_ms_max = 5000
orders_per_second_max = 50
post_ms = 300

[portfolios.core]
venue = "paper"
quote = "USDC"
targets_bps = {{ BTC = 4000, ETH = 3000, SOL = 1500, USDC = 1500 }}
{more}

[drain]
idle_ms = 300
"""
LocationMaker = Callable[[str], Location]


@pytest.fixture
def paper(make_paper: PaperFactory) -> PaperProcess:
    """A market that stands still: nobody meets an order that waits."""
    return make_paper("--tick-ms", "0")


@pytest.fixture
def location_with(
    paper: PaperProcess,
    migrated: tuple[str, Engine],
    books: Engine,
    redis_url: str,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> LocationMaker:
    """Makes a location whose portfolio has these lines more in its settings."""
    del books  # Empty by now.

    def make(more: str) -> Location:
        variables = {
            "DATABASE_URL": migrated[0],
            "DAGSTER_DATABASE_URL": migrated[0],
            "REDIS_URL": redis_url,
            "VENUES__PAPER__API_KEY": API_KEY,
            "VENUES__PAPER__API_SECRET": API_SECRET,
        }
        for name, text in variables.items():
            monkeypatch.setenv(f"TRIMTAB_{name}", text)
        file = tmp_path / "trimtab.toml"
        file.write_text(SETTINGS.format(rest=paper.url, ws=paper.ws_url, more=more))
        return Location(load_settings(file), instance, {}, config_file=file)

    return make
