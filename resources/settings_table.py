"""What every table of the settings shares: strictness, and the types of names, money, addresses."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_origin
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
)

from rebalancer.money import to_decimal


def _as_asset(name: object) -> object:
    """Environment names arrive in lower case; no venue lists an asset that is all lower case."""
    return name.upper() if isinstance(name, str) and name.islower() else name


AssetName = Annotated[str, BeforeValidator(_as_asset), Field(pattern=r"^[A-Za-z0-9.$-]{1,24}$")]


def _as_path(written: object) -> object:
    """An empty path would be whatever folder the program happens to stand in."""
    if isinstance(written, str) and (not written.strip() or "\0" in written):
        raise ValueError("expected a path")
    return written


def _as_address(written: str) -> str:
    try:
        parts = urlsplit(written)
        is_known = parts.scheme in ("http", "https", "ws", "wss")
        is_address = is_known and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_address = False
    if not is_address or not written.isprintable():
        raise ValueError("expected an address such as http://127.0.0.1:8090")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("expected an address without user, password and query: it is shown")
    return written


Amount = Annotated[Decimal, Field(gt=0), AfterValidator(to_decimal)]
"""Money: a number, or the same in quotes."""
FilePath = Annotated[Path, BeforeValidator(_as_path)]
Address = Annotated[str, AfterValidator(_as_address)]


def told(part: object) -> str:
    """A key as a message may hold it."""
    text = str(part)[:80]
    return text if text.isprintable() else ascii(text)


def refuse_bool(cls: type[BaseModel], written: Any, info: ValidationInfo) -> Any:
    """Where a number is expected, true would be read as 1."""
    expected = cls.model_fields[info.field_name or ""].annotation
    is_table = isinstance(written, dict) and get_origin(expected) is dict
    inside = written if is_table else {info.field_name: written}
    for name, value in inside.items():
        if expected is not bool and isinstance(value, bool):
            raise ValueError(f"{told(name)}: expected no true or false")
    return written


class SettingsTable(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    _no_bool = field_validator("*", mode="before")(refuse_bool)
