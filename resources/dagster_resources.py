"""The ports as Dagster resources: what hands them to assets, ops and sensors.

A resource shows Dagster only the settings file's name; addresses and keys are read at run time, so
that none of them appears in the UI or in a run's config.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from rebalancer.ports import Alarm, Clock
from resources.settings import Settings
from resources.settings_file import load_settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, Venues, open_alarm, open_stores


class SettingsResource(dg.ConfigurableResource[Settings]):
    """Everything in trimtab.toml and the environment."""

    config_file: str | None = None

    def create_resource(self, context: dg.InitResourceContext) -> Settings:
        del context
        return load_settings(_path(self.config_file))


class ClockResource(dg.ConfigurableResource[Clock]):
    """The system clock."""

    def create_resource(self, context: dg.InitResourceContext) -> Clock:
        del context
        return SystemClock()


class StoresResource(dg.ConfigurableResource[Stores]):
    """PostgreSQL and Redis, connected for the length of a run."""

    config_file: str | None = None

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Stores]:
        del context
        with open_stores(load_settings(_path(self.config_file))) as stores:
            yield stores


class VenuesResource(dg.ConfigurableResource[Venues]):
    """Clients for the configured venues, opened by the asset that needs one."""

    config_file: str | None = None

    def create_resource(self, context: dg.InitResourceContext) -> Venues:
        del context
        return Venues(load_settings(_path(self.config_file)), SystemClock())


class AlarmResource(dg.ConfigurableResource[Alarm]):
    """Sentry, or silence when no DSN is set."""

    config_file: str | None = None

    def create_resource(self, context: dg.InitResourceContext) -> Alarm:
        del context
        return open_alarm(load_settings(_path(self.config_file)))


def _path(config_file: str | None) -> Path | None:
    return Path(config_file) if config_file else None
