"""What people and programs see: tables and progress for the one, one JSON value for the other.

Belongs here: everything that prints. Results go to stdout; progress, notes and errors to stderr.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

BAR_CELLS = 20
BPS_WHOLE = 10_000


@cache
def out() -> Console:
    """Results. Nothing in them is markup: a reason that a person typed may hold brackets."""
    return Console(highlight=False, markup=False, soft_wrap=False)


@cache
def err() -> Console:
    """Everything that is not a result."""
    # Bound to the stream of now: while a job runs, sys.stderr is its log.
    return Console(file=sys.stderr, highlight=False, markup=False)


def print_json(value: Any) -> None:
    """The one JSON value of a command. Money arrives here as Decimal and leaves as a string."""
    sys.stdout.write(json.dumps(value, default=_written, indent=2, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _written(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(f"no JSON form for {type(value).__name__}")


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show that something is under way, while it is, to a person at a terminal."""
    if not err().is_terminal:
        yield
        return
    with err().status(f"{text} …", spinner="dots"):
        yield


@contextmanager
def step(text: str) -> Iterator[None]:
    """Like `progress`, and leaves a line that says how long it took."""
    started_at = time.monotonic()
    with progress(text):
        yield
    if err().is_terminal:
        seconds = f"{time.monotonic() - started_at:.1f} s"
        err().print(Text.assemble(("✓ ", "green"), text, (f"  {seconds}", "dim")))


def say(text: str = "") -> None:
    """A sentence of the result, left whole for whoever searches it."""
    out().print(text, soft_wrap=True)


def note(text: str) -> None:
    """Tell a person something beside the result."""
    err().print(Text(text, style="dim"), soft_wrap=True)


def complain(message: str) -> None:
    """Say why the command failed."""
    err().print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def heading(text: str) -> None:
    out().print()
    out().print(Text(text, style="bold"))


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    *,
    right: str = "",
    whole: str = "",
) -> None:
    """Print a table.

    Args:
        columns: Their names.
        rows: A cell for each column.
        right: Names of columns, separated by commas, that hold numbers.
        whole: Names of columns whose words are searched for: they stay on one line.
    """
    shown = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    numbers, unbroken = right.split(","), whole.split(",")
    for name in columns:
        is_number = name in numbers
        shown.add_column(
            name,
            justify="right" if is_number else "left",
            no_wrap=is_number or name in unbroken,
            overflow="fold",
            min_width=BAR_CELLS if not name.strip() else None,
        )
    for row in rows:
        shown.add_row(*row)
    out().print(shown)


def weight_bar(weight_bps: Decimal, target_bps: int, *, within: bool) -> Text:
    """A bar of one weight with a mark where its target is."""
    filled = min(round(weight_bps * BAR_CELLS / BPS_WHOLE), BAR_CELLS)
    mark = min(round(Decimal(target_bps) * BAR_CELLS / BPS_WHOLE), BAR_CELLS - 1)
    cells = ["█" if cell < filled else "·" for cell in range(BAR_CELLS)]
    bar = Text(no_wrap=True)
    for position, cell in enumerate(cells):
        if position == mark:
            bar.append("┃", style="bold")
        else:
            bar.append(cell, style=("green" if within else "yellow") if cell == "█" else "dim")
    return bar


def counted(count: int, thing: str) -> str:
    """A number of things, such as "1 order" or "2 orders"."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def percent(bps: Decimal | int) -> str:
    return f"{Decimal(bps) / 100:.2f} %"


def points(bps: Decimal) -> str:
    return f"{bps / 100:+.2f}"
