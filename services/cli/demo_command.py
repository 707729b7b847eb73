"""How a demo is shown, and how long it stays."""

import signal

from services.cli.demo import demo
from services.cli.demo_options import DemoOptions
from services.cli.failures import CommandFailed, Exit
from services.cli.paper_home import FILE_NAME
from services.cli.terminal import note


def run_demo(options: DemoOptions, *, as_json: bool) -> None:
    """Run it, print it, and raise unless the portfolio ended in its band."""
    with demo(options) as result:
        from services.cli.demo_report import print_demo_json, show_demo

        if as_json:
            print_demo_json(result)
        else:
            show_demo(result)
        if options.keep:
            note("Everything keeps running. Look around from another terminal; Ctrl-C ends it.")
            note(f"export TRIMTAB_CONFIG={result.home / FILE_NAME}")
            signal.pause()
    if result.code is not Exit.OK:
        raise CommandFailed("the portfolio did not end in its band", result.code)
