"""`trimtab orders`: where orders stand, newest first; and the history of one order."""

from rebalancer.order_states import OrderState
from rebalancer.orders import PortfolioName
from services.cli.choosing import find_order, require_long
from services.cli.failures import CommandFailed, Exit
from services.cli.order_history import history_json, show_order_history, told_events
from services.cli.order_truth import AWAITING_EVIDENCE, Truth, read_truth
from services.cli.order_words import fill_json, order_json, show_fills, show_orders
from services.cli.stores_apart import chosen_stores
from services.cli.terminal import counted, heading, note, print_json, say

FILLS_MAX = 1_000
LOOKED_UP = "a drain looks it up until there is some, and never sends it again"


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
            stores.marks,
        )
    if as_json:
        words = truth.words
        print_json([order_json(r, now=words.get(r.order.client_order_id)) for r in truth.rows])
    elif truth.rows:
        show_orders(truth.rows, truth.words)
        _tell_silence(truth)
    elif portfolio is None and state is None:
        say("No orders on the books yet.")
    else:
        say("No such order on the books.")
    _tell_problem(truth)


def show_order(prefix: str, *, as_json: bool) -> None:
    """Print one order, where it stands, and everything that happened to it."""
    require_long(prefix)
    with chosen_stores() as (_, stores):
        truth = read_truth(lambda: [find_order(stores, prefix)], stores.queue, stores.marks)
        (row,) = truth.rows
        order = row.order
        events = stores.archive.read_history(order.client_order_id)
        of_cycle = stores.archive.read_fills(cycle_id=order.cycle_id, limit=FILLS_MAX)
    fills = [f for f in reversed(of_cycle) if f.fill.client_order_id == order.client_order_id]
    word = truth.words[order.client_order_id]
    history = told_events(order, events, sent_at_ms=truth.sent_at_ms.get(order.client_order_id))
    if as_json:
        told = {"history": history_json(history), "fills": [fill_json(row) for row in fills]}
        print_json({**order_json(row, now=word), **told})
    else:
        show_order_history(row, history)
        if fills:
            heading("Fills")
            show_fills(fills)
        say()
        say(f"Now: {word}.{_awaits(word)}")
    _tell_problem(truth)


def _tell_silence(truth: Truth) -> None:
    """Say what a silent order waits for, below a list that holds some."""
    silent = sum(word in AWAITING_EVIDENCE for word in truth.words.values())
    if silent:
        say()
        verb = "was sent and awaits" if silent == 1 else "were sent and await"
        say(f"{counted(silent, 'order')} {verb} the venue's evidence: {LOOKED_UP}.")


def _awaits(word: str) -> str:
    return f" It awaits the venue's evidence: {LOOKED_UP}." if word in AWAITING_EVIDENCE else ""


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
