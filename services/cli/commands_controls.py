"""The options of halt, resume, maintenance and doctor. Each loads its machinery when called."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value and nothing else.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask: I know what will happen.")]
OneVenue = Annotated[str | None, typer.Option("--venue", metavar="NAME", help="This venue only.")]
OnePortfolio = Annotated[
    str | None, typer.Option("--portfolio", metavar="NAME", help="This portfolio only.")
]

maintenance = typer.Typer(
    name="maintenance", help="Times in which a venue is not traded on.", no_args_is_help=True
)


def add_controls(app: typer.Typer) -> None:
    """Put these commands beside the others."""
    app.command("halt")(_halt)
    app.command("resume")(_resume)
    app.add_typer(maintenance)
    app.command("doctor")(_doctor)


def _halt(
    venue: OneVenue = None,
    portfolio: OnePortfolio = None,
    reason: Annotated[
        str, typer.Option(metavar="TEXT", help="Why; shown wherever the halt is.")
    ] = "halted by hand",
    as_json: Json = False,
) -> None:
    """Stop new orders, of everything or of one venue or portfolio, wherever a drain runs."""
    from services.cli.halting import halt_trading
    from services.cli.scopes import chosen_scope

    halt_trading(chosen_scope(venue, portfolio), reason=reason, as_json=as_json)


def _resume(
    venue: OneVenue = None,
    portfolio: OnePortfolio = None,
    is_sure: Yes = False,
    as_json: Json = False,
) -> None:
    """Say what would happen, ask, and let new orders out again."""
    from services.cli.resuming import resume_trading
    from services.cli.scopes import chosen_scope

    resume_trading(chosen_scope(venue, portfolio), is_sure=is_sure, as_json=as_json)


@maintenance.command("add")
def _add(
    at: Annotated[
        str, typer.Option("--at", metavar="INSTANT", help="Begin, such as 2026-12-01T02:00Z.")
    ],
    lasts: Annotated[str, typer.Option("--for", metavar="DURATION", help="Such as 30m or 2h.")],
    venue: Annotated[
        str | None, typer.Option(metavar="NAME", help="This venue; else every venue.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Again and again, such as 1d or 7d.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="INSTANT", help="Closed for good from here on.")
    ] = None,
    note: Annotated[str, typer.Option(metavar="TEXT", help="What for.")] = "",
    as_json: Json = False,
) -> None:
    """Send no order to a venue in this time. The same words again change nothing."""
    from services.cli.maintenance import Told, add_window

    add_window(Told(venue, at, lasts, every, until, note), as_json=as_json)


@maintenance.command("list")
def _list(as_json: Json = False) -> None:
    """Show every window, whether it is open, and when it opens next."""
    from services.cli.maintenance import list_windows

    list_windows(as_json=as_json)


@maintenance.command("remove")
def _remove(
    window_id: Annotated[str, typer.Argument(metavar="ID", help="As list shows it.")],
    as_json: Json = False,
) -> None:
    """Forget a window."""
    from services.cli.maintenance import remove_window

    remove_window(window_id, as_json=as_json)


def _doctor(as_json: Json = False) -> None:
    """Look at settings, servers, venues and keys, and say what is wrong and what helps."""
    from services.cli.doctor import examine

    examine(as_json=as_json)
