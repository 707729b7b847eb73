"""`trimtab orders`: the books, newest first; and the history of one order."""

from rebalancer.money import plain
from rebalancer.orders import PortfolioName
from rebalancer.settlement import OrderState
from resources.archive_rows import OrderEvent, OrderRow
from resources.wiring import Stores, open_stores
from services.cli.failures import CommandFailed, Exit
from services.cli.order_words import (
    moment,
    order_json,
    show_orders,
    state_text,
    why_ordered,
)
from services.cli.terminal import heading, out, print_json, progress, table
from services.cli.world import chosen_settings, open_world

SEARCHED_MAX = 10_000
ID_MIN = 4
"""Fewer characters would sooner or later mean another order than the one that was meant."""


def list_orders(*, portfolio: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """Print orders as they stand."""
    states = None if state is None else (_state(state),)
    with chosen_settings() as config_file, open_world(config_file) as world:
        if portfolio is not None:
            world.settings.portfolio(portfolio)
        with progress("reading the books"), open_stores(world.settings) as stores:
            rows = stores.archive.read_orders(
                portfolio=None if portfolio is None else PortfolioName(portfolio),
                states=states,
                limit=limit,
            )
    if as_json:
        print_json([order_json(row) for row in rows])
    elif rows:
        show_orders(rows)
    elif portfolio is None and state is None:
        out().print("No orders on the books yet.")
    else:
        out().print("No such order on the books.")


def show_order(prefix: str, *, as_json: bool) -> None:
    """Print one order and everything that happened to it."""
    if len(prefix) < ID_MIN:
        raise CommandFailed(
            f"expected at least {ID_MIN} characters of an order id, was {prefix!r}; trimtab orders "
            "lists them",
            Exit.BAD_INPUT,
        )
    with (
        chosen_settings() as config_file,
        progress("reading the books"),
        open_world(config_file) as world,
        open_stores(world.settings) as stores,
    ):
        row = _find(stores, prefix.lower())
        events = stores.archive.read_history(row.order.client_order_id)
    if as_json:
        history = [
            {"at": moment(event.at_ms), "state": event.state.value, "detail": event.detail}
            for event in events
        ]
        print_json({**order_json(row), "history": history})
        return
    _show_one(row, events)


def _find(stores: Stores, prefix: str) -> OrderRow:
    rows = [
        row
        for row in stores.archive.read_orders(limit=SEARCHED_MAX)
        if row.order.client_order_id.startswith(prefix)
    ]
    if len(rows) == 1:
        return rows[0]
    if not rows:
        raise CommandFailed(
            f"no order begins with {prefix!r} among the newest {SEARCHED_MAX}; "
            "trimtab orders lists them",
            Exit.BAD_INPUT,
        )
    raise CommandFailed(
        f"{len(rows)} orders begin with {prefix!r}; give more of the id", Exit.BAD_INPUT
    )


def _show_one(row: OrderRow, events: list[OrderEvent]) -> None:
    order = row.order
    heading(order.client_order_id)
    what = f"{order.side} {plain(order.amount_base)} {order.symbol}"
    price = plain(order.limit_price_quote)
    out().print(f"{what} at {price} or better: {why_ordered(order)}")
    out().print(f"portfolio {order.portfolio}, venue {order.venue}, cycle {order.cycle_id}")
    out().print()
    table(
        ("when (UTC)", "state", "detail"),
        [(moment(event.at_ms), state_text(event.state), event.detail or "") for event in events],
    )


def _state(name: str) -> OrderState:
    try:
        return OrderState(name.lower().replace(" ", "_"))
    except ValueError:
        known = ", ".join(state.value for state in OrderState)
        raise CommandFailed(
            f"--state: expected one of {known}, was {name!r}", Exit.BAD_INPUT
        ) from None
