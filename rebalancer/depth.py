"""How much can be traded at which price: the visible order book of one market.

Used to decide whether and how much to send, never to book what was traded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from rebalancer.faults import DataFault, Rejected, judge_fields
from rebalancer.money import ZERO, Symbol, exact, share_bps, to_decimal
from rebalancer.precision import Side

RawLevel = tuple[str | None, str | None]
"""Price and amount exactly as the client handed them over."""


@dataclass(frozen=True, slots=True)
class RawBook:
    """An order book as the client handed it over: text, or None where the venue sent nothing."""

    symbol: Symbol
    bids: tuple[RawLevel, ...]
    asks: tuple[RawLevel, ...]
    observed_at_ms: int

    @property
    def subject(self) -> str:
        return str(self.symbol)

    @property
    def fields(self) -> dict[str, str | None]:
        """Every number by its place, as in "bid 1 price"; the best level is number 1."""
        return {
            f"{side} {place} {name}": text
            for side, levels in (("bid", self.bids), ("ask", self.asks))
            for place, level in enumerate(levels, start=1)
            for name, text in zip(("price", "amount"), level, strict=True)
        }


@dataclass(frozen=True, slots=True)
class Level:
    """What waits at one price."""

    price_quote: Decimal
    amount_base: Decimal

    def __post_init__(self) -> None:
        assert self.price_quote > 0, self
        assert self.amount_base > 0, self


@dataclass(frozen=True, slots=True)
class Book:
    """A sound book: both sides hold something, the best price first, and they do not cross."""

    symbol: Symbol
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    observed_at_ms: int

    def __post_init__(self) -> None:
        assert self.bids, self
        assert self.asks, self
        assert self.bids[0].price_quote < self.asks[0].price_quote, self


def read_book(raw: RawBook) -> Book | Rejected:
    """Turn a raw book into a Book, or say why it cannot be one."""
    for name, levels in (("bids", raw.bids), ("asks", raw.asks)):
        if not levels:
            return _refuse(raw, DataFault.MISSING_ROW, f"the venue sent no {name}")
    if bad := judge_fields(raw.subject, raw.fields, zero_allowed=frozenset()):
        return bad
    bids, asks = _read_side(raw.bids), _read_side(raw.asks)
    for name, side, is_falling in (("bids", bids, True), ("asks", asks, False)):
        if not _is_ordered(side, is_falling=is_falling):
            return _refuse(raw, DataFault.UNSORTED_BOOK, f"the {name} are not the best price first")
    bid, ask = bids[0].price_quote, asks[0].price_quote
    if bid >= ask:
        return _refuse(raw, DataFault.CROSSED_BOOK, f"best bid {bid} is not below best ask {ask}")
    return Book(raw.symbol, bids, asks, raw.observed_at_ms)


def spread_bps(book: Book) -> Decimal:
    """The distance between best bid and best ask as a share of their middle, to 0.01 bps."""
    bid, ask = book.bids[0].price_quote, book.asks[0].price_quote
    with exact():
        return share_bps(ask - bid, (ask + bid) / 2)


def depth_base(book: Book, side: Side, *, worst_price_quote: Decimal) -> Decimal:
    """What an order could take at once without paying worse than a price, exactly.

    Args:
        book: The market.
        side: The order's side: a buy takes asks, a sell takes bids.
        worst_price_quote: The highest price a buy pays, the lowest a sell takes; included.

    Returns:
        Σ amount of the levels on the far side up to that price. It never shrinks as the price
        worsens.
    """
    if side == "buy":
        within = [level for level in book.asks if level.price_quote <= worst_price_quote]
    else:
        within = [level for level in book.bids if level.price_quote >= worst_price_quote]
    with exact():
        return sum((level.amount_base for level in within), ZERO)


def _refuse(raw: RawBook, fault: DataFault, detail: str) -> Rejected:
    return Rejected(raw.subject, fault, detail, raw.fields)


def _read_side(levels: Sequence[RawLevel]) -> tuple[Level, ...]:
    return tuple(
        Level(to_decimal(price or ""), to_decimal(amount or "")) for price, amount in levels
    )


def _is_ordered(side: Sequence[Level], *, is_falling: bool) -> bool:
    """Each price strictly worse than the one before: a price listed twice is no order either."""
    prices = [level.price_quote for level in side]
    return all(a > b if is_falling else a < b for a, b in pairwise(prices))
