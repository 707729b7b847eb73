"""Every setting, where it comes from, and what it must be.

One file, `trimtab.toml`; any value again from the environment as `TRIMTAB_…` with `__` between
levels; secrets from the environment or a secrets folder only. docs/settings.md lists them all.
Belongs here: reading and judging settings. Does not belong here: acting on them.
"""

import re
from decimal import Decimal
from pathlib import Path

from pydantic import (
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from rebalancer.errors import BadConfig
from rebalancer.money import Symbol
from rebalancer.orders import PortfolioName, VenueName
from resources.settings_portfolio import PortfolioSettings
from resources.settings_table import Address, FilePath, SettingsTable, refuse_bool
from resources.settings_venue import VenueSettings

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


LEASE_MS_MIN = 10_000
"""Venues take a signed request for some seconds after it was signed (Binance: ccxt asks for 10)."""


class PaperSettings(SettingsTable):
    """The paper exchange that `trimtab up` and `trimtab demo` start beside everything else."""

    port: int = Field(default=8090, ge=0, le=65_535, description="0 takes a free one.")
    seed: int = Field(default=7, ge=0, description="Seed of the synthetic market.")
    replay: FilePath | None = Field(default=None, description="Recorded candles, parquet or CSV.")
    speed: Decimal = Field(
        default=Decimal(1), gt=0, le=100_000, description="Recorded seconds per second."
    )
    exchange_info: FilePath | None = Field(
        default=None, description="Market rules from a recorded exchangeInfo, plain or .gz."
    )
    journal: FilePath | None = Field(
        default=None, description="Where each request is written down."
    )
    faults: FilePath | None = Field(
        default=None, description="Scripted faults, a JSON list; see docs/paper-exchange.md."
    )


class DrainSettings(SettingsTable):
    """The live drain session."""

    budget_ms: int = Field(
        default=480_000, ge=5_000, le=1_800_000, description="How long one session lives at most."
    )
    idle_ms: int = Field(
        default=20_000, ge=100, description="It leaves after this long with nothing to do."
    )
    overlap_ms: int = Field(
        default=20_000, ge=15_000, description="How early its successor is launched."
    )
    concurrency: int = Field(default=64, ge=1, le=256, description="Orders under way at once.")
    lease_ms: int = Field(
        default=30_000,
        ge=LEASE_MS_MIN,
        description="How long a claimed order is ours; then in doubt. An order counts as absent "
        "after two look-ups this far apart, so it must outlast a request stalled on its way.",
    )

    @model_validator(mode="after")
    def _relations(self) -> "DrainSettings":
        if self.overlap_ms >= self.budget_ms:
            raise ValueError("overlap_ms must be under budget_ms")
        return self


class Settings(BaseSettings):
    """Everything Trimtab is told."""

    model_config = SettingsConfigDict(
        env_prefix="TRIMTAB_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    home: FilePath = Field(
        default_factory=lambda: Path.home() / ".trimtab",
        description="Where embedded servers, logs and Dagster's files live.",
    )
    database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL for the books. Unset: an embedded server."
    )
    dagster_database_url: SecretStr | None = Field(
        default=None, description="PostgreSQL database for Dagster's own storage."
    )
    redis_url: SecretStr | None = Field(
        default=None, description="Redis for the queue. Unset: an embedded server."
    )
    sentry_dsn: SecretStr | None = Field(default=None, description="Unset: no alerts are sent.")
    ui_port: int = Field(default=3000, ge=1, le=65_535, description="Port of the Dagster UI.")
    ui_url: Address | None = Field(
        default=None, description="How people reach the UI; links in alerts start with it."
    )
    venues: dict[str, VenueSettings] = Field(min_length=1, description="Accounts, by name.")
    portfolios: dict[str, PortfolioSettings] = Field(min_length=1, description="By name.")
    paper: PaperSettings | None = Field(
        default=None, description="Present: start a paper exchange with these settings."
    )
    drain: DrainSettings = Field(default_factory=DrainSettings, description="The drain session.")

    _no_bool = field_validator("*", mode="before")(refuse_bool)

    @field_validator("venues", "portfolios")
    @classmethod
    def _plain_names(cls, tables: dict[str, object]) -> dict[str, object]:
        for name in tables:
            if not _NAME.fullmatch(name):
                raise ValueError(f"{name!r}: expected lower-case letters, digits and single _")
        return tables

    @model_validator(mode="after")
    def _relations(self) -> "Settings":
        owner: dict[str, str] = {}
        for name, portfolio in self.portfolios.items():
            if portfolio.venue not in self.venues:
                known = ", ".join(sorted(self.venues))
                raise ValueError(
                    f"portfolios.{name}.venue is {portfolio.venue!r}; expected one of: {known}"
                )
            if portfolio.venue in owner:
                raise ValueError(
                    f"portfolios {owner[portfolio.venue]!r} and {name!r} share the account of "
                    f"venue {portfolio.venue!r}; give each its own [venues.…] table and account"
                )
            owner[portfolio.venue] = name
        for name, venue in self.venues.items():
            if 2 * venue.timeout_ms > self.drain.lease_ms:
                raise ValueError(
                    f"drain.lease_ms is {self.drain.lease_ms}; expected at least twice "
                    f"venues.{name}.timeout_ms ({venue.timeout_ms}), or it runs out under way"
                )
        return self

    def symbols_of(self, venue: str) -> tuple[Symbol, ...]:
        """Every symbol any portfolio trades on the venue, sorted."""
        wanted = {
            symbol
            for portfolio in self.portfolios.values()
            if portfolio.venue == venue
            for symbol in portfolio.symbols
        }
        return tuple(sorted(wanted))

    def portfolio(self, name: str) -> tuple[PortfolioName, PortfolioSettings, VenueSettings]:
        """One portfolio with its venue. Raises BadConfig for a name that is not there."""
        if name not in self.portfolios:
            known = ", ".join(sorted(self.portfolios))
            raise BadConfig(f"no portfolio {name!r} in the settings; expected one of: {known}")
        portfolio = self.portfolios[name]
        return PortfolioName(name), portfolio, self.venues[portfolio.venue]

    def venue_names(self) -> tuple[VenueName, ...]:
        return tuple(VenueName(name) for name in sorted(self.venues))
