"""`trimtab orders`: where orders stand, newest first; and the history of one order."""

from rebalancer.order_states import OrderState
from rebalancer.orders import PortfolioName
from services.cli.choosing import find_order, require_long
from services.cli.failures import CommandFailed, Exit
from services.cli.order_truth import Truth, read_truth
from services.cli.order_words import moment, order_json, show_history, show_orders
from services.cli.stores_apart import chosen_stores
from services.cli.terminal import note, print_json, say


def list_orders(*, portfolio: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """Print orders as they stand: by the books, and by the queue where that knows more."""
    states = None if state is None else (_state(state),)
    with chosen_stores() as (settings, stores):
        if portfolio is not None:
            settings.portfolio(portfolio)
        truth = read_truth(
            lambda: stores.archive.read_orders(
                portfolio=None if portfolio is None else PortfolioName(portfolio),
                states=states,
                limit=limit,
            ),
            stores.queue,
        )
    if as_json:
        words = truth.words
        print_json([order_json(r, now=words.get(r.order.client_order_id)) for r in truth.rows])
    elif truth.rows:
        show_orders(truth.rows, truth.words)
    elif portfolio is None and state is None:
        say("No orders on the books yet.")
    else:
        say("No such order on the books.")
    _tell_problem(truth)


def show_order(prefix: str, *, as_json: bool) -> None:
    """Print one order, where it stands, and everything that happened to it."""
    require_long(prefix)
    with chosen_stores() as (_, stores):
        truth = read_truth(lambda: [find_order(stores, prefix)], stores.queue)
        (row,) = truth.rows
        events = stores.archive.read_history(row.order.client_order_id)
    word = truth.words[row.order.client_order_id]
    if as_json:
        history = [
            {"at": moment(event.at_ms), "state": event.state.value, "detail": event.detail}
            for event in events
        ]
        print_json({**order_json(row, now=word), "history": history})
    else:
        show_history(row.order, events)
        say()
        say(f"Now: {word}.")
    _tell_problem(truth)


def _tell_problem(truth: Truth) -> None:
    if truth.problem is not None:
        note(f"This is by the books alone; an order may be further than they say: {truth.problem}")


def _state(name: str) -> OrderState:
    try:
        return OrderState(name.lower().replace(" ", "_"))
    except ValueError:
        known = ", ".join(state.value for state in OrderState)
        raise CommandFailed(
            f"--state: expected one of {known}, was {name!r}", Exit.BAD_INPUT
        ) from None
