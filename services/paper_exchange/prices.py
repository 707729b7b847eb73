"""Where prices come from: the contract, and the seeded synthetic market.

Belongs here: prices as a function of the tick number alone, so that a seed names a whole history.
Does not belong here: the book that stands around a price (`house`), recorded prices (`replay`).
"""

from collections.abc import Mapping
from decimal import Decimal
from random import Random
from typing import Protocol

from services.paper_exchange.market_table import QUOTES, ROWS, STABLE, BaseRow

BPS_WHOLE = Decimal(10_000)


class PriceSource(Protocol):
    """Prices of every symbol it knows, tick by tick."""

    def symbols(self) -> tuple[str, ...]:
        """The symbols it prices, in a fixed order."""

    def mids(self, tick: int) -> Mapping[str, Decimal]:
        """The middle price of every symbol at `tick`; ticks are asked for in ascending order."""

    def describe(self) -> str:
        """One line for a person."""


class Walk:
    """A bounded random walk in basis points: it does not leave ±`bound_bps`."""

    def __init__(self, seed: str, *, bound_bps: Decimal, stride_bps: Decimal) -> None:
        self._random = Random(seed)
        self._bound_bps = bound_bps
        self._stride_bps = stride_bps
        self._tick = 0
        self.offset_bps = Decimal(0)

    def advance(self, tick: int) -> Decimal:
        """The offset at `tick`, in bps from the start."""
        while self._tick < tick:
            self._tick += 1
            step = self._stride_bps * self._random.choice((-2, -1, -1, 0, 0, 1, 1, 2))
            if abs(self.offset_bps + step) <= self._bound_bps:
                self.offset_bps += step
        return self.offset_bps


class SyntheticPrices:
    """A dozen assets in two stable quotes that agree: BTC/USDT = BTC/USDC × USDC/USDT."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._walks = {
            row.base: Walk(f"{seed}:{row.base}", bound_bps=Decimal(400), stride_bps=Decimal("0.7"))
            for row in ROWS
        }
        self._peg = Walk(f"{seed}:peg", bound_bps=Decimal(4), stride_bps=Decimal("0.1"))

    def symbols(self) -> tuple[str, ...]:
        return (*(row.base + quote for row in ROWS for quote in QUOTES), "USDCUSDT")

    def mids(self, tick: int) -> Mapping[str, Decimal]:
        peg = self._at(STABLE, self._peg.advance(tick))
        mids = {"USDCUSDT": peg}
        for row in ROWS:
            mid = self._at(row, self._walks[row.base].advance(tick))
            mids[row.base + "USDC"] = mid
            mids[row.base + "USDT"] = mid * peg
        return mids

    def describe(self) -> str:
        return f"synthetic market, seed {self._seed}"

    @staticmethod
    def _at(row: BaseRow, offset_bps: Decimal) -> Decimal:
        return Decimal(row.price_usd) * (1 + offset_bps / BPS_WHOLE)
