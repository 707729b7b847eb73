"""The progress bar: how many orders and kills there are so far."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tests.chaos.plan import Plan
from tests.chaos.run import Progress as Now
from tests.chaos.run import Show

NEVER_ENDING = 10**8


@contextmanager
def shown_progress(plan: Plan) -> Iterator[Show]:
    """On standard error, so that the report may be kept by itself."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=Console(file=sys.stderr)) as bars:
        orders = bars.add_task("orders", total=plan.orders or None)
        kills = bars.add_task("kills", total=plan.kills if plan.kills < NEVER_ENDING else None)

        def show(now: Now) -> None:
            bars.update(orders, completed=now.orders, description=f"{now.phase}: orders")
            bars.update(kills, completed=now.kills)

        yield show
