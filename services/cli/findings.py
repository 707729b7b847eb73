"""What `trimtab doctor` finds: one line each, with the cure.

Belongs here: the words and how they are shown. What is looked at is in `doctor_stores` and
`doctor_venues`.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.text import Text

from rebalancer.errors import RebalancerError
from services.cli.failures import Exit, code_of
from services.cli.terminal import table


class Health(StrEnum):
    """How one thing was found."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


_STYLES = {Health.OK: "green", Health.WARNING: "yellow", Health.FAILED: "bold red"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: What it is, such as a venue.
        what: What was looked at.
        health: How it was found.
        detail: With the cure, where it is not well.
        exit_code: How a command ends that found this failed.
    """

    subject: str
    what: str
    health: Health
    detail: str
    exit_code: Exit = Exit.GOAL_MISSED


def well(subject: str, what: str, detail: str) -> Finding:
    return Finding(subject, what, Health.OK, detail)


def warn(subject: str, what: str, detail: str) -> Finding:
    return Finding(subject, what, Health.WARNING, detail)


def fail(subject: str, what: str, detail: str, exit_code: Exit = Exit.GOAL_MISSED) -> Finding:
    return Finding(subject, what, Health.FAILED, detail, exit_code)


def fail_on(subject: str, what: str, error: RebalancerError) -> Finding:
    """A failure that a deliberate error told of, with the exit code of its kind."""
    return fail(subject, what, str(error), code_of(type(error)))


async def look(
    subject: str, what: str, ask: Callable[[], Awaitable[Sequence[Finding]]]
) -> tuple[Finding, ...]:
    """What asking found; a deliberate error is a finding as well."""
    try:
        return tuple(await ask())
    except RebalancerError as error:
        return (fail_on(subject, what, error),)


def findings_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [
        {
            "subject": one.subject,
            "check": one.what,
            "health": one.health.value,
            "detail": one.detail,
        }
        for one in findings
    ]


def show_findings(findings: Sequence[Finding]) -> None:
    table(
        ("subject", "check", "health", "found"),
        [
            (one.subject, one.what, Text(one.health.value, style=_STYLES[one.health]), one.detail)
            for one in findings
        ],
    )
