"""The options of `trimtab orders`: looking at orders, and deciding about them by hand.

`trimtab orders 73eac671` shows one order and `trimtab orders approve …` decides about some: a first
word that is none of the decisions is the id of an order, or an option of the list.
"""

from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from services.cli.commands_controls import Json, Yes

SHOW = "show"
_ID_LETTERS = frozenset("0123456789abcdef")


class OrdersGroup(TyperGroup):
    """A group whose every other first word means `show`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args:
            self._refuse_slip(ctx, args[0])
        if not args or (args[0] not in self.commands and args[0] != "--help"):
            args = [SHOW, *args]
        return super().parse_args(ctx, args)

    def _refuse_slip(self, ctx: Any, word: str) -> None:
        """A mistyped decision is no order's id: letters beyond f tell the two apart."""
        if word in self.commands or word.startswith("-") or set(word.lower()) <= _ID_LETTERS:
            return
        if meant := get_close_matches(word, self.commands, n=1):
            ctx.fail(f"No such command {word!r}, and no order's id. Did you mean {meant[0]!r}?")


orders = typer.Typer(
    name="orders",
    cls=OrdersGroup,
    short_help="Show where orders stand, or one order's history; decide about some by hand.",
    help="Where orders stand, newest first, or the history of one: trimtab orders [ID] "
    "[--portfolio NAME] [--state STATE] [--limit N] [--json]. And deciding about orders by hand:",
)

Ids = Annotated[
    list[str] | None, typer.Argument(metavar="[ID]...", help="Begin of an order's id, or several.")
]
Cycle = Annotated[str | None, typer.Option(metavar="ID", help="All that wait, of this cycle.")]
All = Annotated[bool, typer.Option("--all", help="All that wait.")]
Portfolio = Annotated[str, typer.Option(metavar="NAME", help="The portfolio of the account.")]
VenueOrderId = Annotated[
    str | None, typer.Argument(metavar="[VENUE_ORDER_ID]", help="As the venue names the order.")
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; kept on the books.")]


@orders.callback()
def _orders() -> None:
    """Orders."""


@orders.command(SHOW)
def _show(
    order: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Begin of an order's id: its history.")
    ] = None,
    portfolio: Annotated[
        str | None, typer.Option(metavar="NAME", help="One portfolio; else all of them.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(metavar="STATE", help="Only these, such as filled or refused.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most orders to show.")] = 20,
    as_json: Json = False,
) -> None:
    """The list, or the history of one order. This word may be left out."""
    from services.cli.orders import list_orders, show_order

    if order is not None:
        show_order(order, as_json=as_json)
    else:
        list_orders(portfolio=portfolio, state=state, limit=limit, as_json=as_json)


@orders.command("approve")
def _approve(
    ids: Ids = None,
    cycle: Cycle = None,
    is_all: All = False,
    reason: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why; kept on the books.")
    ] = None,
    is_sure: Yes = False,
    as_json: Json = False,
) -> None:
    """Let orders that wait for approval be sent."""
    from services.cli.approval import approve_orders
    from services.cli.choosing import Choice

    choice = Choice(tuple(ids or ()), cycle, is_all)
    approve_orders(choice, reason=reason, is_sure=is_sure, as_json=as_json)


@orders.command("reject")
def _reject(
    reason: Reason,
    ids: Ids = None,
    cycle: Cycle = None,
    is_all: All = False,
    is_sure: Yes = False,
    as_json: Json = False,
) -> None:
    """End orders that wait for approval; the next cycle plans afresh."""
    from services.cli.approval import reject_orders
    from services.cli.choosing import Choice

    choice = Choice(tuple(ids or ()), cycle, is_all)
    reject_orders(choice, reason=reason, is_sure=is_sure, as_json=as_json)


@orders.command("adopt")
def _adopt(
    portfolio: Portfolio,
    venue_order_id: VenueOrderId = None,
    is_sure: Yes = False,
    as_json: Json = False,
) -> None:
    """Take an account as it is and end its freeze; or make one open order at the venue ours."""
    if venue_order_id is None:
        from services.cli.adopting import adopt_account

        adopt_account(portfolio, is_sure=is_sure, as_json=as_json)
    else:
        from services.cli.foreign import adopt_order

        adopt_order(venue_order_id, portfolio, is_sure=is_sure, as_json=as_json)


@orders.command("ignore")
def _ignore(
    venue_order_id: Annotated[
        str, typer.Argument(metavar="VENUE_ORDER_ID", help="As the venue names the order.")
    ],
    portfolio: Portfolio,
    reason: Reason,
    is_sure: Yes = False,
    as_json: Json = False,
) -> None:
    """Leave one open order at the venue, which is not ours, alone for good."""
    from services.cli.foreign import ignore_order

    ignore_order(venue_order_id, portfolio, reason=reason, is_sure=is_sure, as_json=as_json)


@orders.command("end")
def _end(
    order: Annotated[str, typer.Argument(metavar="ID", help="Begin of an order's id.")],
    reason: Reason,
    is_sure: Yes = False,
    as_json: Json = False,
) -> None:
    """Declare an order absent that has no end, where the venue cannot be asked for it."""
    from services.cli.ending import end_order

    end_order(order, reason=reason, is_sure=is_sure, as_json=as_json)
