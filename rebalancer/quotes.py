"""Prices as one venue showed them, each with the moment it was seen."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from rebalancer.faults import DataFault, Rejected, judge_fields, part_rows
from rebalancer.money import Symbol, exact, to_decimal


@dataclass(frozen=True, slots=True)
class RawTicker:
    """A ticker exactly as the client handed it over: text, or None where the venue sent nothing."""

    symbol: Symbol
    bid: str | None
    ask: str | None
    last: str | None
    observed_at_ms: int

    @property
    def subject(self) -> str:
        return str(self.symbol)

    @property
    def fields(self) -> dict[str, str | None]:
        return {"bid": self.bid, "ask": self.ask, "last": self.last}


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask and last trade (quote per base), and when by our clock they were read."""

    symbol: Symbol
    bid_quote: Decimal
    ask_quote: Decimal
    last_quote: Decimal
    observed_at_ms: int

    def __post_init__(self) -> None:
        assert self.bid_quote > 0, self
        assert self.ask_quote >= self.bid_quote, self
        assert self.last_quote > 0, self

    @property
    def mid_quote(self) -> Decimal:
        with exact():
            return (self.bid_quote + self.ask_quote) / 2


def read_ticker(raw: RawTicker) -> Quote | Rejected:
    """Turn one raw ticker into a Quote, or say why it cannot be one."""
    if bad := judge_fields(str(raw.symbol), raw.fields, zero_allowed=frozenset()):
        return bad
    bid, ask, last = (to_decimal(text or "") for text in raw.fields.values())
    if bid > ask:
        detail = f"bid {raw.bid} is above ask {raw.ask}"
        return Rejected(str(raw.symbol), DataFault.CROSSED_BOOK, detail, raw.fields)
    return Quote(raw.symbol, bid, ask, last, raw.observed_at_ms)


def sanitize_tickers(
    tickers: Sequence[RawTicker], wanted: Collection[Symbol]
) -> tuple[dict[Symbol, Quote], tuple[Rejected, ...]]:
    """Part a venue's tickers into quotes to trade on and rows to quarantine.

    Returns:
        (one valid Quote per symbol, every rejected row); each wanted symbol is in exactly one.
    """
    names = {str(symbol) for symbol in wanted}
    quotes, rejected = part_rows(tickers, read_ticker, wanted=names)
    return {quote.symbol: quote for quote in quotes}, rejected
