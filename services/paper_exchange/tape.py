"""What a market did since the exchange started: last, open, high, low, volume.

Belongs here: the numbers of the 24-hour ticker. The day begins when the exchange does.
Does not belong here: the book.
"""

from decimal import Decimal

ZERO = Decimal(0)


class Tape:
    """The running numbers of one market. `last` is 0 until the first price."""

    def __init__(self) -> None:
        self.open = self.high = self.low = self.last = ZERO
        self.volume_base = self.volume_quote = ZERO
        self.count = 0

    def quote(self, price: Decimal) -> None:
        """The market moved to `price` elsewhere."""
        if self.open == 0:
            self.open = self.high = self.low = price
        self.last = price
        self.high = max(self.high, price)
        self.low = min(self.low, price)

    def trade(self, price: Decimal, amount_base: Decimal) -> None:
        self.quote(price)
        self.volume_base += amount_base
        self.volume_quote += amount_base * price
        self.count += 1
