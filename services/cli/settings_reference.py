"""Writes docs/settings.md from the settings: `python -m services.cli.settings_reference`.

Belongs here: how a setting is described. What the settings are is in resources/settings.py; a test
keeps the page and them alike.
"""

import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from resources.settings import DrainSettings, PaperSettings, Settings
from resources.settings_limits import LimitsSettings
from resources.settings_portfolio import PortfolioSettings
from resources.settings_venue import VenueSettings

PAGE = Path("docs/settings.md")
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
_TYPES = {
    str: "text",
    bool: "true or false",
    int: "whole number",
    Decimal: "number",
    Path: "path",
    SecretStr: "secret",
}
_TABLES: tuple[tuple[str, str, type[BaseModel], str], ...] = (
    ("The top of the file", "", Settings, "TRIMTAB_"),
    ("[venues.NAME]", "One account at one exchange.", VenueSettings, "TRIMTAB_VENUES__NAME__"),
    (
        "[portfolios.NAME]",
        "One set of target weights, on a venue account of its own.",
        PortfolioSettings,
        "TRIMTAB_PORTFOLIOS__NAME__",
    ),
    (
        "[portfolios.NAME.limits]",
        "The caps of the portfolio. They cut an order or keep it back, and nothing gets past them.",
        LimitsSettings,
        "TRIMTAB_PORTFOLIOS__NAME__LIMITS__",
    ),
    (
        "[paper]",
        "The paper exchange that `trimtab up` starts. Leave the table out for a real venue.",
        PaperSettings,
        "TRIMTAB_PAPER__",
    ),
    ("[drain]", "The live drain session.", DrainSettings, "TRIMTAB_DRAIN__"),
)
_OWN_TABLES = {
    *((Settings, name) for name in ("venues", "portfolios", "paper", "drain")),
    (PortfolioSettings, "limits"),
}
_HEAD = """\
# Settings

Written by `python -m services.cli.settings_reference`; edit `resources/settings.py` instead.

Settings are read from one TOML file: the one named by `--config` or `TRIMTAB_CONFIG`, else
`trimtab.toml` in the current folder. `trimtab.example.toml` is one to start from. An unknown key or
a value that is not allowed is refused at start, with the key, the value and what is allowed.

## Precedence

The first of these that has a value decides:

1. the environment: `TRIMTAB_` and the key in capitals, `__` between levels, such as
   `TRIMTAB_VENUES__PAPER__LATENCY_MS_MAX=200`; tables take JSON, such as
   `TRIMTAB_PORTFOLIOS__CORE__TARGETS_BPS='{"BTC": 6000, "USDC": 4000}'`
2. the secrets folder, see below
3. the file
4. the default

Two variables are no settings: `TRIMTAB_CONFIG` names the file, `TRIMTAB_SECRETS_DIR` the secrets
folder. Any other `TRIMTAB_…` variable that is not in these tables is refused, so that a misspelt
one is noticed. In the tables below `NAME` is the name of a venue or portfolio, in capitals.

## Secrets

Keys of `type` secret are never written into the file: it is refused if they are. They come from

- the environment: `TRIMTAB_VENUES__PAPER__API_KEY`, `TRIMTAB_SENTRY_DSN`, …
- or a folder, named by `TRIMTAB_SECRETS_DIR`, with one file per secret: the file
  `venues__paper__api_key` holds the key and nothing else. This is how container platforms mount
  secrets.

They are not logged, and appear neither in the Dagster UI nor in the configuration of a run. Give
an API key the right to trade and to read, and not the right to withdraw.

A venue on this machine (`rest_url` on a loopback address) beside a `[paper]` table needs no key:
`trimtab` uses the paper exchange's own.
"""


def reference() -> str:
    """The whole page."""
    parts = [_HEAD]
    for title, about, model, prefix in _TABLES:
        heading = f"`{title}`" if title.startswith("[") else title
        parts.append(f"\n## {heading}\n\n" + (f"{about}\n\n" if about else ""))
        parts.append("| key | environment | type | default | allowed | what it does |\n")
        parts.append("| --- | --- | --- | --- | --- | --- |\n")
        parts += [f"| {' | '.join(cells)} |\n" for cells in _rows(model, prefix)]
    return "".join(parts)


def _rows(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        if (model, name) in _OWN_TABLES:
            continue
        yield (
            f"`{name}`",
            f"`{prefix}{name.upper()}`",
            _type_of(field),
            _default_of(field, name),
            _allowed(field),
            _cell(field.description or ""),
        )


def _type_of(field: FieldInfo) -> str:
    names = []
    for kind in _alternatives(field.annotation):
        if kind is type(None):
            continue
        if get_origin(kind) is Literal:
            names += [f'`"{value}"`' for value in get_args(kind)]
        elif get_origin(kind) is dict:
            names.append("table of whole numbers")
        else:
            names.append(_TYPES[kind])
    return " or ".join(names)


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The types a value may have, without the notes attached to them."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, type(int | str)):
        return tuple(kind for part in get_args(annotation) for kind in _alternatives(part))
    return (annotation,)


def _default_of(field: FieldInfo, name: str) -> str:
    if name == "home":
        return "`~/.trimtab`"
    if field.default is PydanticUndefined:
        return "**required**"
    if field.default is None:
        return "none"
    if isinstance(field.default, PurePath | Decimal | int):
        return f"`{field.default}`"
    return f'`"{field.default}"`'


def _allowed(field: FieldInfo) -> str:
    limits = list(field.metadata)
    for part in get_args(field.annotation):
        if get_origin(part) is Annotated:
            limits += [
                limit
                for note in get_args(part)[1:]
                for limit in (note.metadata if isinstance(note, FieldInfo) else [note])
            ]
    said = [
        f"{words} {getattr(limit, bound)}"
        for limit in limits
        for bound, words in _BOUNDS.items()
        if getattr(limit, bound, None) is not None
    ]
    return _cell(", ".join(said))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(reference(), encoding="utf-8")
    sys.stdout.write(f"{PAGE} written\n")
