"""An Order as JSON text, and its rank as text that sorts. Decimals travel as strings, exactly.

Here: writing an order down and reading it back, every field judged again. Which store keeps the
text is not met here.
"""

import json
from dataclasses import fields
from decimal import Decimal
from typing import Any, cast, get_args

from rebalancer.errors import BadData
from rebalancer.money import ONE, ZERO, Asset, Symbol, exact, plain, to_decimal
from rebalancer.orders import (
    ClientOrderId,
    CycleId,
    Order,
    OrderStyle,
    PortfolioName,
    VenueName,
)
from rebalancer.precision import Side

AT_MS_MAX = 10**15
"""The latest instant that is believed, in the year 33658: it fits a double and 16 digits."""

_NAMES = ("client_order_id", "cycle_id", "portfolio", "venue", "side", "style", "rules_version")
_CHOICES = {"side": get_args(Side), "style": get_args(OrderStyle)}
_POSITIVE = (
    "amount_base",
    "limit_price_quote",
    "arrival_mid_quote",
    "worst_price_quote",
    "least_base",
)
_NUMBERS = (*_POSITIVE, "leg_rest_base", "drift_bps", "urgency")
_COUNTS = ("planned_at_ms", "expires_at_ms", "slice_index", "attempt")
_KEYS = frozenset((*_NAMES, *_NUMBERS, *_COUNTS, "base", "quote"))
assert _KEYS - {"base", "quote"} == {field.name for field in fields(Order)} - {"symbol"}

_URGENCY_DIGITS = 24
_URGENCY_WHOLE = 10**_URGENCY_DIGITS
_RANK_DIGITS = len(str(_URGENCY_WHOLE))
_AT_DIGITS = len(str(AT_MS_MAX))


def encode_order(order: Order) -> str:
    """Write an order as one line of JSON; `decode_order` gives back the same order, to the digit.

    Raises:
        BadData: a field of the order could not be read back, such as a name with a line break.
    """
    row: dict[str, str | int] = {"base": order.symbol.base, "quote": order.symbol.quote}
    row |= {name: getattr(order, name) for name in (*_NAMES, *_COUNTS)}
    row |= {name: str(getattr(order, name)) for name in _NUMBERS}
    _judge(row, where=f"order {order.client_order_id!r}", text=row)
    return json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def decode_order(text: str | bytes | None, *, where: str) -> Order:
    """Read an order that `encode_order` wrote.

    Args:
        text: What the store gave back; None when it gave nothing.
        where: The key it came from, for the message.

    Raises:
        BadData: the text is not such an order. Nothing is guessed: a person must look.
    """
    try:
        said = (text or b"").decode() if not isinstance(text, str) else text
        row = json.loads(said, object_pairs_hook=_said_once)
    # Deep nesting exhausts the stack of the parser before it is found to be no order.
    except (ValueError, RecursionError) as problem:
        row = f"not JSON: {problem}"
    numbers = _judge(row, where=where, text=text)
    return Order(
        client_order_id=ClientOrderId(row["client_order_id"]),
        cycle_id=CycleId(row["cycle_id"]),
        portfolio=PortfolioName(row["portfolio"]),
        venue=VenueName(row["venue"]),
        symbol=Symbol(Asset(row["base"]), Asset(row["quote"])),
        side=cast(Side, row["side"]),
        style=cast(OrderStyle, row["style"]),
        rules_version=row["rules_version"],
        **cast(Any, numbers),
        **cast(Any, {name: row[name] for name in _COUNTS}),
    )


def rank_head(order: Order) -> str:
    """Text that sorts orders as they should be sent: the most urgent first, then the oldest."""
    with exact():
        calm = int((ONE - order.urgency).scaleb(_URGENCY_DIGITS))
    return f"{calm:0{_RANK_DIGITS}}:{order.planned_at_ms:0{_AT_DIGITS}}"


def urgency_of(rank: str) -> Decimal:
    """The urgency that `rank_head` wrote. Raises ValueError when it did not write this."""
    calm = rank.partition(":")[0]
    # int() alone would take a sign, blanks and the digits of every script.
    is_ours = len(calm) == _RANK_DIGITS and calm.isascii() and calm.isdecimal()
    if not is_ours or int(calm) > _URGENCY_WHOLE:
        raise ValueError(f"expected a rank of {_RANK_DIGITS} digits, was {rank!r:.80}")
    with exact():
        urgency = ONE - Decimal(int(calm)).scaleb(-_URGENCY_DIGITS)
    return to_decimal(plain(urgency))


def _said_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object that says nothing twice: of two amounts, neither is known to be meant."""
    row = dict(pairs)
    if len(row) != len(pairs):
        raise ValueError("a field stands there twice")
    return row


def _fault_of(row: Any) -> str | None:
    """Say what is wrong with the fields of an order, or None."""
    if not isinstance(row, dict):
        return row if isinstance(row, str) else "not an object"
    if row.keys() != _KEYS:
        return f"fields missing or unknown: {', '.join(sorted(row.keys() ^ _KEYS))}"
    for name in (*_NAMES, "base", "quote"):
        text = row[name]
        if not (isinstance(text, str) and text and text.isprintable()):
            return f"{name}: expected a printable name, was {text!r}"
    for name, choices in _CHOICES.items():
        if row[name] not in choices:
            return f"{name}: expected {' or '.join(choices)}, was {row[name]!r}"
    for name in _COUNTS:
        count = row[name]
        if type(count) is not int or not 0 <= count <= AT_MS_MAX:
            return f"{name}: expected a whole number from 0 to {AT_MS_MAX}, was {count!r}"
    return None


def _numbers_of(row: dict[str, Any]) -> dict[str, Decimal] | str:
    """The numbers of an order, or what is wrong with one of them."""
    numbers: dict[str, Decimal] = {}
    for name in _NUMBERS:
        if not isinstance(row[name], str):
            return f"{name}: expected a number in a string, was {row[name]!r}"
        try:
            number = to_decimal(row[name])
        except ValueError as problem:
            return f"{name}: {problem}"
        if name == "urgency" and not ZERO <= number <= ONE:
            return f"urgency: expected 0 to 1, was {row[name]}"
        if name in _POSITIVE and number <= 0:
            return f"{name}: expected more than 0, was {row[name]}"
        if name == "leg_rest_base" and number < 0:
            return f"{name}: expected 0 or more, was {row[name]}"
        numbers[name] = number
    return numbers


def _judge(row: Any, *, where: str, text: object) -> dict[str, Decimal]:
    """The numbers of an order whose every field is as it should be. Raises BadData."""
    judged = _fault_of(row) or _numbers_of(row)
    if isinstance(judged, str):
        raise BadData(
            f"{where}: expected an order as this program writes it; {judged[:200]}. "
            f"It was {text!r:.200}"
        )
    return judged
