"""docs/settings.md says what the settings are, and a command line that is quick to help."""

import json
import subprocess
import sys
from pathlib import Path

from services.cli.settings_reference import PAGE, reference

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("dagster", "ccxt", "sqlalchemy", "redis", "pydantic", "pandas", "pandera", "aiohttp")


def test_the_page_of_settings_is_what_the_settings_say() -> None:
    cure = "run: python -m services.cli.settings_reference"
    assert (ROOT / PAGE).read_text() == reference(), cure


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = (
        "import json, sys, services.cli.main;"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == []
