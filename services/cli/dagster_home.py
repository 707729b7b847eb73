"""The folder Dagster calls its home: its settings, its logs, and the environment that names it.

Belongs here: what Dagster is told. Secrets are not written down: the files name environment
variables, and `environment_for` fills those for this process and its children.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from resources.embedded import ServerUrls, unusable
from resources.settings import Settings
from resources.settings_file import CONFIG_VARIABLE

URL_VARIABLE = "TRIMTAB_DAGSTER_DATABASE_URL"
SERVED_FILE = "dagster.yaml"
IN_PROCESS_FILE = "in-process.yaml"
PAPER_KEY = "paper"
PAPER_SECRET = "paper-secret"
LOOPBACK = ("127.0.0.1", "localhost", "::1")

# Artifacts and the output of runs stay where Dagster puts them by itself: below this folder.
_SHARED = """\
# Written anew by each `trimtab` command. Changes here do not last.
storage:
  postgres:
    postgres_url:
      env: TRIMTAB_DAGSTER_DATABASE_URL
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
run_monitoring:
  enabled: true
  start_timeout_seconds: 120
  cancel_timeout_seconds: 60
  poll_interval_seconds: 30
retention:
  schedule:
    purge_after_days: {skipped: 7, failure: 90, success: 30}
  sensor:
    purge_after_days: {skipped: 1, failure: 30, success: 30}
telemetry:
  enabled: false
nux:
  enabled: false
"""
assert f"env: {URL_VARIABLE}\n" in _SHARED
# A run in the command's own process must not have the terminal taken from it.
_NO_OUTPUT = """\
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
"""


def write_dagster_home(home: Path) -> Path:
    """Write Dagster's settings below `home` and return their folder.

    Raises:
        BadConfig: the folder cannot be written.
    """
    folder = home / "dagster"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / SERVED_FILE).write_text(_SHARED)
        (folder / IN_PROCESS_FILE).write_text(_SHARED + _NO_OUTPUT)
    except OSError as problem:
        raise unusable(home, problem) from problem
    return folder


def environment_for(
    settings: Settings, urls: ServerUrls, *, config_file: Path, dagster_home: Path
) -> Mapping[str, str]:
    """What tells this process and its children where everything is, keys of paper included."""
    return {
        "DAGSTER_HOME": str(dagster_home),
        CONFIG_VARIABLE: str(config_file.absolute()),
        "TRIMTAB_DATABASE_URL": urls.database_url,
        URL_VARIABLE: _with_driver(urls.dagster_database_url),
        "TRIMTAB_REDIS_URL": urls.redis_url,
        **paper_keys(settings),
    }


def paper_keys(settings: Settings) -> dict[str, str]:
    """The paper exchange's own key, for venues on this machine that were given none."""
    found: dict[str, str] = {}
    for name, venue in settings.venues.items():
        is_here = venue.rest_url is not None and urlsplit(venue.rest_url).hostname in LOOPBACK
        if settings.paper is not None and is_here and venue.api_key is None:
            prefix = f"TRIMTAB_VENUES__{name.upper()}__"
            found |= {f"{prefix}API_KEY": PAPER_KEY, f"{prefix}API_SECRET": PAPER_SECRET}
    return found


def _with_driver(url: str) -> str:
    """Plain "postgresql://" means another driver to SQLAlchemy, one that breaks Dagster."""
    scheme, _, rest = url.partition("://")
    is_postgres = scheme.partition("+")[0] in ("postgresql", "postgres")
    return f"postgresql+psycopg2://{rest}" if is_postgres else url
