"""Finding, reading and refusing settings: from a file, the environment and a secrets folder.

Belongs here: where settings come from and how a mistake in them is told. What they may be is in
resources/settings.py.
"""

import os
import tomllib
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsError,
)

from rebalancer.errors import BadConfig
from resources.settings import Settings
from resources.settings_table import told

CONFIG_VARIABLE = "TRIMTAB_CONFIG"
SECRETS_VARIABLE = "TRIMTAB_SECRETS_DIR"
FILE_NAME = "trimtab.toml"
_NOT_SETTINGS = frozenset({CONFIG_VARIABLE, SECRETS_VARIABLE})
_SECRET_KEYS = frozenset(
    {
        "api_key",
        "api_secret",
        "api_passphrase",
        "sentry_dsn",
        "database_url",
        "dagster_database_url",
        "redis_url",
    }
)


# What a whole table or an unknown key was may be a secret with a misspelt name.
_UNTOLD = frozenset({"extra_forbidden", "model_type", "model_attributes_type", "dict_type"})


def find_settings_file() -> Path | None:
    """`$TRIMTAB_CONFIG`, else `trimtab.toml` in this folder, else None."""
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named)
    here = Path.cwd() / FILE_NAME
    return here if here.exists() else None


def load_settings(file: Path | None = None) -> Settings:
    """Read the settings, the environment over the file.

    Args:
        file: The TOML file; None looks for it as `find_settings_file` does.

    Raises:
        BadConfig: no file, an unreadable one, an unknown key, or a value out of range. The message
            names the file, the key, the value and what is allowed.
    """
    file = file or find_settings_file()
    if file is None:
        raise BadConfig(
            f"no {FILE_NAME} in {Path.cwd()} and {CONFIG_VARIABLE} is not set; copy "
            "trimtab.example.toml to trimtab.toml and edit it, or see it all on paper: trimtab demo"
        )
    table = _read_toml(file)
    _refuse_secrets(table, file)
    _refuse_unknown_variables()
    try:
        return _with_sources(table)()
    except ValidationError as error:
        said = _explain(error, file)
    except SettingsError as error:
        said = f"{error}; a table in a variable or a secrets file is written as JSON"
    except (UnicodeDecodeError, RecursionError):
        said = (
            f"the environment or the folder {SECRETS_VARIABLE} names holds a value that cannot be "
            "read; expected text in UTF-8, and tables as JSON"
        )
    # Outside the handler: what pydantic raised quotes what it was given.
    raise BadConfig(said)


def _with_sources(table: Mapping[str, Any]) -> Callable[[], Settings]:
    secrets = os.environ.get(SECRETS_VARIABLE)
    if secrets and not Path(secrets).is_dir():
        raise BadConfig(f"{SECRETS_VARIABLE} is {secrets!r}; expected an existing folder")

    class LoadedSettings(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            del init_settings, dotenv_settings
            sources: tuple[PydanticBaseSettingsSource, ...] = (env_settings,)
            if secrets:
                sources += (
                    NestedSecretsSettingsSource(
                        file_secret_settings,
                        secrets_dir=secrets,
                        secrets_prefix="",
                        secrets_nested_delimiter="__",
                    ),
                )
            return (*sources, InitSettingsSource(settings_cls, init_kwargs=dict(table)))

    return cast(Callable[[], Settings], LoadedSettings)


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise BadConfig(f"settings file {file} does not exist; check {CONFIG_VARIABLE}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"settings file {file} cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"settings file {file} is not valid TOML: {error}") from None
    except (ValueError, ArithmeticError, RecursionError):
        raise BadConfig(
            f"settings file {file} is not valid TOML: a number is too large or tables are nested "
            "too deep to be read"
        ) from None


def _refuse_secrets(table: Mapping[str, Any], file: Path) -> None:
    """A key in the file ends in version control sooner or later."""
    venues = table.get("venues")
    where = [("", table)] + [
        (f"venues.{name}.", venue)
        for name, venue in (venues if isinstance(venues, dict) else {}).items()
        if isinstance(venue, dict)
    ]
    for prefix, values in where:
        for key in _SECRET_KEYS & values.keys():
            variable = "TRIMTAB_" + f"{prefix}{key}".replace(".", "__").upper()
            raise BadConfig(
                f"{file}: {prefix}{key} is a secret and does not belong in a file like this; set "
                f"{variable} in the environment, or put it into the folder {SECRETS_VARIABLE} names"
            )


def _refuse_unknown_variables() -> None:
    known = {f"TRIMTAB_{name}".upper() for name in Settings.model_fields}
    for name in sorted(os.environ):
        if name.startswith("TRIMTAB_") and name not in _NOT_SETTINGS:
            top = name.split("__", 1)[0]
            if top not in known:
                raise BadConfig(
                    f"environment variable {name} is not a setting; docs/settings.md lists them all"
                )


def _explain(error: ValidationError, file: Path) -> str:
    lines = []
    for fault in error.errors(include_url=False):
        key = ".".join(told(part) for part in fault["loc"] if part != "[key]") or "settings"
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "unknown key; docs/settings.md lists them all"
        is_secret = any(part in _SECRET_KEYS for part in fault["loc"]) or fault["type"] in _UNTOLD
        plain = isinstance(fault["input"], (str, int, Decimal)) and not is_secret
        was = f" (was {fault['input']!r:.80})" if plain else ""
        lines.append(f"{_origin(fault['loc'], file)}: {key}: {message}{was}")
    return "; ".join(lines)


def _origin(location: tuple[int | str, ...], file: Path) -> str:
    """The environment variable a value came from, or the file."""
    # Not `in os.environ`, which cannot be asked about every text.
    variables = frozenset(os.environ)
    for length in range(len(location), 0, -1):
        variable = "TRIMTAB_" + "__".join(str(part) for part in location[:length]).upper()
        if variable in variables:
            return f"environment variable {variable}"
    return str(file)
