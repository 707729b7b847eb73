"""Who is asking for something, and whether they mean it.

Belongs here: the name that goes on record, and the question before a step that lets orders out.
"""

import getpass
import os
import socket
import sys

import typer

from services.cli.failures import CommandFailed, Exit


def actor() -> str:
    """The person at this machine, as `user@host`: halts and orders keep it on record."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def confirm(question: str, *, is_sure: bool) -> None:
    """Go on only when the person said yes: before (`--yes`), or now at a terminal.

    Raises:
        CommandFailed: they did not, or nobody is there to be asked. Nothing was changed.
    """
    if is_sure:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(
            "nothing was changed: this asks first, and no terminal is there to answer. Read what "
            "would happen, then say so with --yes",
            Exit.BAD_INPUT,
        )
    if not typer.confirm(question, default=False, err=True):
        raise CommandFailed("nothing was changed", Exit.GOAL_MISSED)
