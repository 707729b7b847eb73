"""`trimtab`: the commands, their options, and how each of them ends.

Belongs here: the command line alone. Every command loads its own machinery when it is called, so
that `trimtab --help` answers at once.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from services.cli.bench import bench
from services.cli.commands_controls import Json, add_controls
from services.cli.commands_orders import orders
from services.cli.failures import CommandFailed, Exit, explain, is_interrupt
from services.cli.paper_commands import paper
from services.cli.terminal import complain

app = typer.Typer(
    name="trimtab",
    help="Keeps crypto portfolios on their target weights.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    epilog="Exit codes: 0 done · 1 the goal was not reached · 2 settings or options are wrong · "
    "3 a server, venue or port is not to be had · 130 Ctrl-C",
)

File = Annotated[Path | None, typer.Option(metavar="FILE")]


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"trimtab {version('trimtab')}")
        raise typer.Exit


@app.callback()
def _global_options(
    context: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Tracebacks, and Dagster's log.")] = False,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Settings; else $TRIMTAB_CONFIG, else ./trimtab.toml."),
    ] = None,
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print it and end."),
    ] = False,
) -> None:
    del version
    context.obj = debug
    if config is not None:
        if not config.expanduser().exists():
            raise CommandFailed(
                f"settings file {config} does not exist; check --config", Exit.BAD_INPUT
            )
        os.environ["TRIMTAB_CONFIG"] = str(config.expanduser().absolute())


@app.command()
def demo(
    context: typer.Context,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the synthetic market.")] = 7,
    replay: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Recorded candles, parquet or CSV.")
    ] = None,
    speed: Annotated[str, typer.Option(help="Recorded seconds per second.")] = "1",
    exchange_info: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Market rules of a recorded exchangeInfo (.gz too)."),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave it all running until Ctrl-C.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Rebalance a paper portfolio from beginning to end, on this machine alone."""
    from services.cli.demo_command import run_demo
    from services.cli.demo_options import DemoOptions

    options = DemoOptions(seed, replay, speed, exchange_info, keep, context.obj)
    run_demo(options, as_json=as_json)


@app.command()
def up(context: typer.Context) -> None:
    """Run everything, with the Dagster UI, until Ctrl-C."""
    from services.cli.up import up as run_up

    run_up(debug=context.obj)


Portfolio = Annotated[
    str | None, typer.Option(metavar="NAME", help="One portfolio; else all of them.")
]


@app.command()
def rebalance(context: typer.Context, portfolio: Portfolio = None, as_json: Json = False) -> None:
    """Run one cycle and its drain, through the Dagster jobs."""
    from services.cli.cycle import rebalance as run_rebalance

    run_rebalance(portfolio, as_json=as_json, debug=context.obj)


@app.command()
def plan(portfolio: Portfolio = None, as_json: Json = False) -> None:
    """Show what a cycle would send, and why not the rest. Sends and writes nothing."""
    from services.cli.plan import show_plan

    show_plan(portfolio, as_json=as_json)


@app.command()
def drain(context: typer.Context, as_json: Json = False) -> None:
    """Send the orders that wait, until none does."""
    from services.cli.draining import drain as run_drain

    run_drain(as_json=as_json, debug=context.obj)


@app.command()
def status(as_json: Json = False) -> None:
    """Show venues, queue, books and the last drifts."""
    from services.cli.status import show_status

    show_status(as_json=as_json)


add_controls(app)
app.add_typer(orders)
app.add_typer(paper)
app.add_typer(bench)


def main() -> None:
    """The entry point of the `trimtab` program."""
    if not __debug__:
        complain("python -O and PYTHONOPTIMIZE remove the checks that guard money; unset them")
        sys.exit(Exit.BAD_INPUT)
    # SIGINT too: a script's background job inherits it as ignored, and Dagster then gives SIGTERM
    # whatever SIGINT has, so that nothing but SIGKILL would end us.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        app()
    except SystemExit:
        raise
    # Dagster's own word for Ctrl-C is no Exception.
    except BaseException as error:
        if is_interrupt(error):
            sys.exit(Exit.INTERRUPTED)
        told = explain(error)
        if told is None or "--debug" in sys.argv[1:]:
            raise
        message, code = told
        complain(message)
        sys.exit(code)


def _interrupt(number: int, frame: object) -> NoReturn:
    """Whoever ends us gets the same tidy end as Ctrl-C."""
    del number, frame
    raise KeyboardInterrupt
