"""No secret reaches Sentry: what it is sent of trading that fails with marked secrets is searched.

Here Sentry is a local server that takes what it is sent; `test_secrets` looks everywhere else.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from resources.embedded import ServerUrls
from resources.sentry_alarm import SentryAlarm
from resources.settings_file import load_settings
from sensors.failure_sensor import failure_sensor
from services.cli.world import environment as set_variables
from tests.contract.cli import environment, trimtab, write_settings
from tests.contract.test_secrets import (
    DSN_KEY,
    KEY,
    PASSWORD,
    PHRASE,
    SECRET,
    as_user,
    marks_in,
    owner_with_marked_password,
)
from tests.contract.test_sentry_alarm import Sink
from tests.plugins.paper import running_papers
from tests.plugins.servers import fresh_database, own_redis


@pytest.fixture(scope="module")
def sink(tmp_path_factory: pytest.TempPathFactory, servers: ServerUrls) -> Iterator[Sink]:
    """What Sentry was sent when a venue denied the key, and when Dagster told of a failed run."""
    folder = tmp_path_factory.mktemp("marked_sentry")
    with (
        closing(Sink()) as running,
        running_papers(folder) as make_paper,
        owner_with_marked_password(servers) as user,
        fresh_database(servers) as books,
        fresh_database(servers) as dagster,
    ):
        paper = make_paper("--api-key", KEY, "--api-secret", SECRET, "--key-may-not-trade")
        write_settings(folder, paper.url)
        env = environment(
            TRIMTAB_HOME=folder / "home",
            TRIMTAB_DATABASE_URL=as_user(books, user),
            TRIMTAB_DAGSTER_DATABASE_URL=as_user(dagster, user),
            TRIMTAB_REDIS_URL=own_redis(servers, 6),
            TRIMTAB_SENTRY_DSN=running.dsn.replace("publickey", DSN_KEY),
            TRIMTAB_VENUES__PAPER__API_KEY=KEY,
            TRIMTAB_VENUES__PAPER__API_SECRET=SECRET,
            TRIMTAB_VENUES__PAPER__API_PASSPHRASE=PHRASE,
        )
        assert "Traceback" not in trimtab("drain", env=env, cwd=folder).said
        wrong = {"TRIMTAB_VENUES__PAPER__API_SECRET": f"{SECRET}x"}
        assert trimtab("rebalance", env=env | wrong, cwd=folder).code != 0
        tell_of_failed_runs(folder, env)
        yield running


def tell_of_failed_runs(folder: Path, env: dict[str, str]) -> None:
    """One tick of the sensor, as the daemon would run it, over every run there was."""
    home = folder / "home" / "dagster"
    with (
        set_variables(env | {"DAGSTER_HOME": str(home)}),
        dg.DagsterInstance.from_config(str(home)) as instance,
    ):
        settings = load_settings(folder / "trimtab.toml")
        alarm = SentryAlarm(env["TRIMTAB_SENTRY_DSN"])
        with dg.build_sensor_context(
            instance=instance,
            cursor='{"failures": 0, "successes": 0}',
            resources={"settings": settings, "alarm": alarm},
        ) as context:
            failure_sensor.evaluate_tick(context)
        alarm.close()


def test_sentry_was_told_of_the_halt_and_of_the_failed_runs(sink: Sink) -> None:
    told = {event["message"] for event in sink.events}
    assert "Trading halted: venue paper" in told
    assert [title for title in told if title.startswith("rebalance failed at ")]


def test_no_event_holds_a_secret(sink: Sink) -> None:
    # The key of the DSN tells Sentry which project it is for: in the envelope's header only.
    assert sink.events
    assert not [event for event in sink.events if marks_in(f"{event!r}")]
    for mark in (KEY, SECRET, PHRASE, PASSWORD):
        assert mark.encode() not in sink.raw, mark
