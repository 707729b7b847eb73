"""How much an order takes and what it costs, before anything moves.

Belongs here: questions to a book that change nothing.
Does not belong here: trading (`engine`).
"""

from decimal import Decimal

from rebalancer.money import divide_down, floor_to_step
from services.paper_exchange.book import Book, Ladder
from services.paper_exchange.orders import NewOrder, Order
from services.paper_exchange.twists import ONE

ZERO = Decimal(0)


def opposite(asked: NewOrder, book: Book) -> Ladder:
    """The side of the book that an order trades with."""
    return book.side(bids=asked.side.value == "SELL")


def can_take(taker: Order, price: Decimal, share: Decimal = ONE) -> Decimal:
    """What an arriving order still takes at `price` when it may fill `share` of itself."""
    asked, step = taker.asked, taker.market.amount_step
    if asked.amount_base > 0:
        if share == ONE:
            return taker.left_base
        return max(floor_to_step(asked.amount_base * share, step) - taker.executed_base, ZERO)
    left_quote = asked.amount_quote * share - taker.executed_quote
    return floor_to_step(divide_down(max(left_quote, ZERO), price), step)


def needs(probe: Order, book: Book) -> tuple[str, Decimal]:
    """What an order not yet placed costs its owner at most: (asset, amount)."""
    if probe.is_limit:
        return probe.locked
    base, quote = walk_size(probe.asked, book)
    if not probe.is_buy:
        return probe.market.base, max(base, probe.asked.amount_base)
    return probe.market.quote, max(quote, probe.asked.amount_quote)


def fills_whole(asked: NewOrder, book: Book) -> bool:
    return walk_size(asked, book)[0] == asked.amount_base


def walk_size(asked: NewOrder, book: Book) -> tuple[Decimal, Decimal]:
    """What `asked` would trade right now: (base, quote)."""
    trial = Order(0, asked, 0, 0)
    for maker in opposite(asked, book).orders():
        if not trial.takes(maker.asked.price) or maker.owner == asked.owner:
            break
        amount = min(maker.left_base, can_take(trial, maker.asked.price))
        if amount == 0:
            break
        trial.executed_base += amount
        trial.executed_quote += amount * maker.asked.price
    return trial.executed_base, trial.executed_quote
