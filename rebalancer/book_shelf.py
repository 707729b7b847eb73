"""The newest order book of each symbol, read again when it is older than asked.

Belongs here: keeping books for the gate for as long as they are fresh. Judging them is the gate's.
"""

from rebalancer.cycle import fetch_books
from rebalancer.depth import Book
from rebalancer.errors import VenueDenied
from rebalancer.money import Symbol
from rebalancer.orders import VenueName
from rebalancer.ports import OrderQueue, Venue
from rebalancer.queue import CallKind


class BookShelf:
    """Books of one session, by venue and symbol."""

    def __init__(self) -> None:
        self._books: dict[tuple[VenueName, Symbol], Book] = {}

    async def fetch(
        self,
        venue: Venue,
        place: tuple[VenueName, Symbol],
        queue: OrderQueue,
        *,
        now_ms: int,
        age_ms_max: int,
    ) -> Book | None:
        """The book of a symbol, at most this old; None where it cannot be read now."""
        kept = self._books.get(place)
        if kept is not None and now_ms - kept.observed_at_ms <= age_ms_max:
            return kept
        name, symbol = place
        if queue.spend(name, CallKind.BOOK):
            return None
        try:
            found = await fetch_books(venue, [symbol])
        except VenueDenied:
            return None  # The watch over the venues halts it; here it is one more missing book.
        self._books |= {(name, symbol): book for symbol, book in found.items()}
        return found.get(symbol)
