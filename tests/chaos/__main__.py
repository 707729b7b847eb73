"""`python -m tests.chaos`: break everything on purpose, then prove that nothing was lost.

Belongs here: the options, the progress bar and the exit code: 0 proven, 1 a promise was broken,
130 interrupted before anything was judged.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    from rich.console import Console

    from tests.chaos.plan import read_plan
    from tests.chaos.report import all_violations, print_report
    from tests.chaos.run import run
    from tests.chaos.show import shown_progress

    given = _parser().parse_args(arguments)
    plan = read_plan(given)
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="trimtab-chaos-"))
    # A server of root runs as another user and must pass through.
    folder.chmod(0o711)
    try:
        with shown_progress(plan) as show:
            outcome = run(plan, folder, show)
        print_report(outcome, folder / "journal-0.jsonl", console)
        return 1 if any(all_violations(outcome)) else 0
    except KeyboardInterrupt:
        console.print("interrupted: what it had started is ended, and nothing was judged")
        return 130
    finally:
        if given.keep:
            console.print(f"everything is kept in {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _parser() -> argparse.ArgumentParser:
    shown = argparse.ArgumentDefaultsHelpFormatter
    parser = argparse.ArgumentParser("chaos", description=__doc__, formatter_class=shown)
    add = parser.add_argument
    add("--orders", type=int, default=10_000, help="orders the venue must have taken")
    add("--kills", type=int, default=500, help="workers that must have been killed")
    add("--seed", type=int, default=7, help="decides everything that is asked for")
    add("--minutes-max", type=float, default=60.0, help="the storm ends after this long")
    add("--drains", type=int, choices=(1, 2, 3), default=2, help="drain sessions at once")
    add("--rate", type=int, default=50, help="orders_per_second_max of the venue")
    add("--faults", default=None, metavar="KIND,…", help="only these; `none`, or `all` there are")
    add("--scenarios", default=None, metavar="NAME,…", help="only these; `none`; left out: all")
    add("--short", action="store_true", help="the form for CI: under a minute")
    add("--keep", action="store_true", help="leave the folder with journal, books and logs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
