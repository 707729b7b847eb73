"""What a person may choose about a demo, and what is said of a choice that cannot be."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from resources.settings import PaperSettings
from services.cli.failures import CommandFailed, Exit

EXPECTED = {
    "speed": "a number above 0 such as 10 or 0.5, at most 100000",
    "seed": "a whole number from 0 on",
}


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What a person may choose about a demo."""

    seed: int = 7
    replay: Path | None = None
    speed: str = "1"
    exchange_info: Path | None = None
    keep: bool = False
    debug: bool = False

    def for_paper(self) -> dict[str, Any]:
        """The same as settings of the paper exchange."""
        return {
            "seed": self.seed,
            "replay": self.replay.absolute() if self.replay else None,
            "speed": self.speed,
            "exchange_info": self.exchange_info.absolute() if self.exchange_info else None,
        }


def paper_settings(options: DemoOptions) -> PaperSettings:
    """The options as settings of an exchange on a free port, so that two demos never meet.

    Raises:
        CommandFailed: an option cannot be; the message names it as it was typed.
    """
    try:
        return PaperSettings(port=0, **options.for_paper())
    except ValidationError as error:
        faults = [
            _told(str(fault["loc"][0]), fault["input"], otherwise=fault["msg"])
            for fault in error.errors(include_url=False)
        ]
    raise CommandFailed("; ".join(faults), Exit.BAD_INPUT)


def _told(name: str, value: object, *, otherwise: str) -> str:
    option = f"--{name.replace('_', '-')}"
    if name in EXPECTED:
        return f"{option}: expected {EXPECTED[name]}, was {str(value)!r}"
    return f"{option}: {otherwise}, was {str(value)!r}"
