"""Exact numbers. Every Decimal in the domain is made here.

Belongs here: making Decimals, rounding to a step, the names of assets and symbols.
Does not belong here: anything that knows a venue, a price or an order.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    Inexact,
    InvalidOperation,
    Overflow,
    localcontext,
)
from typing import NewType

Asset = NewType("Asset", str)

ZERO = Decimal(0)
ONE = Decimal(1)
BPS_WHOLE = 10_000
"""Basis points in one whole: 10_000 bps = 100 %."""

DIGITS_MAX = 24
"""Most digits a number from outside may have on either side of its point. No market needs more,
and it keeps every product of three such numbers inside `_DIGITS`."""

_DIGITS = 200
_QUOTIENT_DIGITS = 100
_EXACT = Context(prec=_DIGITS, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
assert _DIGITS >= 3 * 2 * DIGITS_MAX
assert _DIGITS >= _QUOTIENT_DIGITS + 2 * 2 * DIGITS_MAX


@dataclass(frozen=True, slots=True, order=True)
class Symbol:
    """A market: `base` is bought and sold, `quote` is what it is priced in."""

    base: Asset
    quote: Asset

    def __str__(self) -> str:
        return f"{self.base}/{self.quote}"


def parse_symbol(text: str) -> Symbol:
    """Read "BTC/USDC". Raises ValueError when `text` does not name two assets."""
    base, slash, quote = text.partition("/")
    if not (base and slash and quote) or "/" in quote:
        raise ValueError(f"expected a symbol such as BTC/USDC, was {text!r:.80}")
    return Symbol(Asset(base), Asset(quote))


def to_decimal(value: str | int | Decimal) -> Decimal:
    """Convert a written number to an exact, finite Decimal.

    Floats are refused: Decimal(0.1) is 0.1000000000000000055…, and no later check can tell.

    Raises:
        TypeError: `value` is a float or a bool.
        ValueError: `value` is not a finite number, or has more than 24 digits on either side of
            its point.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise TypeError(f"expected str, int or Decimal, was {type(value).__name__}: {value!r:.80}")
    if isinstance(value, str) and not (value.isascii() and "_" not in value):
        raise ValueError(f"expected a number in ASCII digits, was {value!r:.80}")
    try:
        number = Decimal(value)
    except ArithmeticError:
        raise ValueError(f"expected a number, was {value!r:.80}") from None
    if not number.is_finite():
        raise ValueError(f"expected a finite number, was {value!r:.80}")
    _, digits, exponent = number.as_tuple()
    assert isinstance(exponent, int), number
    if max(-exponent, len(digits) + exponent) > DIGITS_MAX:
        # Python does not write an int of thousands of digits; a Decimal it always writes.
        raise ValueError(f"expected at most {DIGITS_MAX} digits a side, was {str(number)!r:.80}")
    return number


def exact() -> AbstractContextManager[Context]:
    """Within this block arithmetic is exact or raises; nothing is rounded in silence."""
    # Each block has its own copy.
    return localcontext(_EXACT)


def plain(value: Decimal) -> str:
    """Write a number without exponent or trailing zeros: 0.00001, 12, 0.5."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def floor_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Round `value` down to a multiple of `step`. Any step, not only powers of ten."""
    return _to_step(value, step, ROUND_FLOOR)


def ceil_to_step(value: Decimal, step: Decimal) -> Decimal:
    """Round `value` up to a multiple of `step`. Any step, not only powers of ten."""
    return _to_step(value, step, ROUND_CEILING)


def divide_down(part: Decimal, whole: Decimal) -> Decimal:
    """The quotient `part / whole`, rounded toward zero far below any venue's step."""
    assert whole > 0, whole
    with localcontext(Context(prec=_QUOTIENT_DIGITS, rounding=ROUND_DOWN)):
        return part / whole


def share_bps(part: Decimal, whole: Decimal) -> Decimal:
    """The share `part / whole` in basis points, to 0.01 bps, half to even."""
    assert whole > 0, whole
    with localcontext(Context(prec=_DIGITS)):
        return (BPS_WHOLE * part / whole).quantize(Decimal("0.01"), rounding=ROUND_HALF_EVEN)


def bps_of(value: Decimal, bps: int | Decimal) -> Decimal:
    """`bps` basis points of `value`, exactly."""
    with exact():
        return (value * bps).scaleb(-4)


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    assert step > 0, step
    # The quotient may be endless (a step of 0.03); only its whole part is kept, so the remainder
    # decides the direction and the result is exact.
    with exact():
        count, rest = divmod(value, step)
        if rest > 0 and rounding == ROUND_CEILING:
            count += 1
        if rest < 0 and rounding == ROUND_FLOOR:
            count -= 1
        return count * step
