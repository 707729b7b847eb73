"""How a command ends: exit codes, and one message that names the thing, the value and the cure.

Belongs here: turning errors into words and numbers. Does not belong here: printing them.
"""

import errno
from collections.abc import Iterator
from enum import IntEnum

from rebalancer.errors import (
    BadConfig,
    Halt,
    RebalancerError,
    StoreUnavailable,
    UnknownMarket,
    VenueDenied,
    VenueUnavailable,
)


class Exit(IntEnum):
    """What a program that calls us may rely on."""

    OK = 0
    GOAL_MISSED = 1
    """It ran, but the goal was not reached: not in the band, a run failed, a cycle was skipped."""
    BAD_INPUT = 2
    """Settings, options or files are wrong; trying again changes nothing."""
    UNAVAILABLE = 3
    """A venue, a server or a port is not to be had; trying again may work."""
    INTERRUPTED = 130


class CommandFailed(Exception):
    """A command cannot go on. Its message is all a person needs to know."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


_CODES: tuple[tuple[type[RebalancerError], Exit], ...] = (
    (BadConfig, Exit.BAD_INPUT),
    (VenueDenied, Exit.BAD_INPUT),
    (UnknownMarket, Exit.BAD_INPUT),
    (VenueUnavailable, Exit.UNAVAILABLE),
    (StoreUnavailable, Exit.UNAVAILABLE),
    (Halt, Exit.GOAL_MISSED),
)


# Named, not imported: Dagster's driver is its own business, and half a second to load.
_DATABASE_IS_LOST = frozenset({"OperationalError", "InterfaceError"})
SAID_MAX = 300


def code_of(kind: type[BaseException]) -> Exit:
    """The exit code that an error of this class leads to."""
    for known, code in _CODES:
        if issubclass(kind, known):
            return code
    return Exit.GOAL_MISSED


def explain(error: BaseException) -> tuple[str, Exit] | None:
    """The message and exit code of an error a person can cure; None when it is a bug of ours."""
    if isinstance(error, CommandFailed):
        return str(error), error.code
    if isinstance(error, RebalancerError):
        return str(error), code_of(type(error))
    if (faults := _faults_of(error)) is not None:
        return faults, Exit.BAD_INPUT
    if isinstance(error, OSError) and error.filename is not None:
        return _explain_file(error), Exit.BAD_INPUT
    if (said := _said_by_database(error)) is not None:
        return (
            f"PostgreSQL, where Dagster keeps its runs, stopped answering ({said}). Check that it "
            "runs and accepts the password in TRIMTAB_DAGSTER_DATABASE_URL; nothing that was sent "
            "is lost, trimtab drain goes on from here",
            Exit.UNAVAILABLE,
        )
    return None


def is_interrupt(error: BaseException) -> bool:
    """Say whether the error is what became of Ctrl-C or another signal that ends us."""
    return any(is_interruption(type(link).__name__) for link in _chain(error))


def is_interruption(class_name: str | None) -> bool:
    """Say whether errors of this class come of a signal; Dagster has a class of its own."""
    return class_name in ("KeyboardInterrupt", "DagsterExecutionInterruptedError")


def _faults_of(error: BaseException) -> str | None:
    """What pydantic found, without the values: one of them may be a secret."""
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return None
    faults = error.errors(include_url=False, include_input=False, include_context=False)
    told = [
        f"{'.'.join(map(str, fault['loc'])) or error.title}: {fault['msg']}" for fault in faults
    ]
    return "; ".join(told)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those behind it, nearest first."""
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__ or link.__context__


def _said_by_database(error: BaseException) -> str | None:
    """What a lost database said, where one is behind the error; Dagster lets its own pass."""
    for link in _chain(error):
        if not _DATABASE_IS_LOST.isdisjoint(kind.__name__ for kind in type(link).__mro__):
            return " ".join(str(getattr(link, "orig", None) or link).split())[:SAID_MAX]
    return None


def _explain_file(error: OSError) -> str:
    cure = {
        errno.EACCES: "change its rights or name another place",
        errno.EROFS: "name a place that can be written",
        errno.ENOSPC: "free some disk",
        errno.ENOENT: "check the path",
    }.get(error.errno or 0, "check the path and its rights")
    return f"{error.filename}: {error.strerror}; {cure}"
