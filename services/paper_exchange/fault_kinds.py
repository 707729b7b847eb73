"""Every kind of fault: where it bites, what it takes, and which requests it meets by default.

Belongs here: one row per kind.
Does not belong here: reading a request for a fault (`fault_reading`) or doing what a kind says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType
from typing import Any

from rebalancer.money import to_decimal
from services.paper_exchange.orders import Side, TimeInForce

DAY_MS = 86_400_000
HOLD_MS = 60_000
REQUIRED = object()


class Place(Enum):
    """Where a fault bites. One request meets at most one fault of each place."""

    TRANSPORT = auto()
    SIZE = auto()
    VIEW = auto()
    BALANCES = auto()
    QUOTES = auto()
    TRADES = auto()
    TRADING = auto()
    STANDING = auto()  # Meets no request: it holds from being set to its end.
    ONCE = auto()  # Meets no request: it is done when it is set.


@dataclass(frozen=True, slots=True)
class Param:
    """One parameter of a kind. `read` raises for what is not `expected`."""

    expected: str
    read: Callable[[Any], Any]
    default: Any = REQUIRED


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault.

    Attributes:
        count: How often it fires when nobody says; None is without limit.
        method: The method it meets when nobody says; None is any.
        path: The path it meets when nobody says; None is any.
    """

    name: str
    place: Place
    params: Mapping[str, Param] = field(default_factory=lambda: MappingProxyType({}))
    count: int | None = 1
    method: str | None = "POST"
    path: str | None = "/api/v3/order"

    @property
    def meets_requests(self) -> bool:
        return self.place not in (Place.STANDING, Place.ONCE)


def whole(lowest: int, highest: int, default: Any = REQUIRED) -> Param:
    def read(value: Any) -> int:
        if type(value) is not int or not lowest <= value <= highest:
            raise ValueError(value)
        return value

    return Param(f"a whole number from {lowest} to {highest}", read, default)


def number(lowest: str, highest: str, default: Any = REQUIRED) -> Param:
    """A Decimal, written as text so that no digit is lost on the way."""
    low, high = to_decimal(lowest), to_decimal(highest)

    def read(value: Any) -> Any:
        amount = to_decimal(value) if isinstance(value, str) else None
        if amount is None or not low <= amount <= high:
            raise ValueError(value)
        return amount

    return Param(f"a number written as text, from {lowest} to {highest}", read, default)


def one_of(words: tuple[Any, ...], default: Any = REQUIRED) -> Param:
    def read(value: Any) -> Any:
        if type(value) is not type(words[0]) or value not in words:
            raise ValueError(value)
        return value

    return Param(f"one of {', '.join(str(word) for word in words)}", read, default)


def text(default: Any = REQUIRED) -> Param:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not 1 <= len(value) <= 200:
            raise ValueError(value)
        return value

    return Param("a text of 1 to 200 characters", read, default)


def flag(*, default: bool) -> Param:
    def read(value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(value)
        return value

    return Param("true or false", read, default)


def _transport(name: str, **params: Param) -> Kind:
    return Kind(name, Place.TRANSPORT, params)


def _standing(name: str, **params: Param) -> Kind:
    return Kind(name, Place.STANDING, params, count=None)


_GATEWAY_STATUS = one_of((500, 502, 503, 504, 408))
_LATE_MS = whole(1, DAY_MS, 1_000)
_AMOUNT = number("0.000000000001", "1000000000000")
_AMOUNT_OR_NONE = number("0.000000000001", "1000000000000", None)

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _transport("accept_then_timeout", hold_ms=whole(1, DAY_MS, HOLD_MS)),
        _transport("accept_then_close"),
        _transport("reject_then_timeout", hold_ms=whole(1, DAY_MS, HOLD_MS)),
        _transport("close_before"),
        _transport("truncated_200"),
        _transport("empty_200"),
        _transport("status_before", status=_GATEWAY_STATUS),
        _transport("status_after", status=_GATEWAY_STATUS),
        _transport(
            "code",
            code=whole(-99_999, -1),
            status=whole(400, 599, None),
            message=text(None),
            acted=flag(default=False),
        ),
        _transport(
            "rate_limited", status=one_of((429, 418), 429), retry_after_s=whole(0, 86_400, 1)
        ),
        _transport("slow_body", slow_ms=whole(1, HOLD_MS, 1_000)),
        _transport("stall_before", hold_ms=whole(1, DAY_MS, 1_000)),
        Kind("late_fill", Place.VIEW, {"late_ms": _LATE_MS}),
        Kind(
            "fill_after_cancel",
            Place.VIEW,
            {"late_ms": _LATE_MS, "share": number("0", "1", to_decimal("0"))},
        ),
        Kind("partial_fill", Place.SIZE, {"share": number("0", "1")}),
        Kind("duplicate_fill", Place.TRADES, method="GET", path="/api/v3/myTrades"),
        Kind("stale_balances", Place.BALANCES, count=None, method="GET", path="/api/v3/account"),
        Kind("stale_quotes", Place.QUOTES, count=None, method="GET", path=None),
        Kind("maintenance", Place.TRADING, count=None, method=None, path=None),
        _standing("clock_skew", skew_ms=whole(-DAY_MS, DAY_MS)),
        _standing("refuse_connections"),
        _standing("silent_sockets"),
        Kind(
            "rules_changed",
            Place.ONCE,
            {
                "symbol": text(),
                "step_size": _AMOUNT_OR_NONE,
                "tick_size": _AMOUNT_OR_NONE,
                "min_notional": _AMOUNT_OR_NONE,
            },
        ),
        Kind(
            "foreign_order",
            Place.ONCE,
            {
                "symbol": text(),
                "side": one_of(tuple(side.value for side in Side)),
                "quantity": _AMOUNT,
                "price": _AMOUNT,
                "tif": one_of(tuple(tif.value for tif in TimeInForce), "GTC"),
                "client_order_id": text(None),
            },
        ),
        Kind(
            "deposit",
            Place.ONCE,
            {"asset": text(), "amount": number("-1000000000000", "1000000000000")},
        ),
    )
}
