"""A fault as somebody writes it: JSON in, `NewFault` out, or a sentence that says what is wrong.

Belongs here: what may stand in a request for a fault.
Does not belong here: the kinds (`fault_kinds`), setting one (`fault_control`).
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from services.paper_exchange.fault_kinds import (
    DAY_MS,
    KINDS,
    REQUIRED,
    Kind,
    Param,
    Place,
    number,
    text,
    whole,
)
from services.paper_exchange.faults import Match, NewFault

COMMON: Mapping[str, Param] = {
    "count": whole(1, 10**9),
    "for_ms": whole(1, DAY_MS, None),
    "probability": number("0", "1", Decimal(1)),
    "seed": whole(0, 2**63, 0),
}
MATCH_FIELDS = ("method", "path", "symbol")
METHODS = ("GET", "POST", "DELETE")
REFUSE_MS_MAX = 600_000


def read_fault(given: Mapping[str, Any], markets: Collection[str]) -> NewFault:
    """What `given` asks for.

    Raises:
        ValueError: Names the field, what was expected and what it was.
    """
    kind = _read_kind(given)
    _refuse_strangers(kind, given)
    common = {name: _read(name, param, given) for name, param in COMMON.items() if name != "count"}
    params = {name: _read(name, param, given) for name, param in kind.params.items()}
    if "symbol" in params:
        _check_symbol("symbol", params["symbol"], markets)
    if kind.name == "refuse_connections" and not 1 <= (common["for_ms"] or 0) <= REFUSE_MS_MAX:
        raise ValueError(
            f"for_ms: expected 1 to {REFUSE_MS_MAX}, was {common['for_ms']}: nobody could end"
            " refuse_connections by a request"
        )
    return NewFault(
        kind=kind,
        match=_read_match(kind, given.get("match"), markets),
        params=params,
        count=_read_count(kind, given),
        **common,
    )


def _read_kind(given: Mapping[str, Any]) -> Kind:
    name = given.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, was {name!r:.80}")
    return KINDS[name]


def _refuse_strangers(kind: Kind, given: Mapping[str, Any]) -> None:
    known = {"kind", *COMMON, *kind.params}
    if kind.meets_requests:
        known.add("match")
    else:
        known.discard("probability")
    if kind.place is Place.ONCE:
        known.discard("for_ms")  # It is done at once and does not undo itself.
    for name in given:
        if name not in known:
            raise ValueError(
                f"{name:.80}: {kind.name} does not take it;"
                f" expected only {', '.join(sorted(known))}"
            )
    if kind.name == "rules_changed" and not {"step_size", "tick_size", "min_notional"} & {*given}:
        raise ValueError("rules_changed: expected step_size, tick_size or min_notional, found none")


def _read(name: str, param: Param, given: Mapping[str, Any]) -> Any:
    value = given.get(name)
    if value is None and param.default is not REQUIRED:
        return param.default
    try:
        return param.read(value)
    except (ValueError, TypeError):
        raise ValueError(f"{name}: expected {param.expected}, was {value!r:.80}") from None


def _read_count(kind: Kind, given: Mapping[str, Any]) -> int | None:
    if kind.place is Place.ONCE:
        return 1
    if kind.place is Place.STANDING:
        return None
    if "count" not in given:
        return kind.count
    if given["count"] is None:
        return None
    return int(_read("count", COMMON["count"], given))


def _read_match(kind: Kind, given: Any, markets: Collection[str]) -> Match:
    """What is left out is the kind's own; a path alone takes any method. null is any."""
    if given is None:
        given = {}
    if not isinstance(given, dict) or not set(given) <= set(MATCH_FIELDS):
        raise ValueError(
            f"match: expected an object of {', '.join(MATCH_FIELDS)} (all optional),"
            f" was {given!r:.80}"
        )
    method = given.get("method", None if "path" in given else kind.method)
    path = given.get("path", kind.path)
    symbol = given.get("symbol")
    if method is not None and method not in METHODS:
        raise ValueError(f"match.method: expected one of {', '.join(METHODS)}, was {method!r:.80}")
    if path is not None and (not isinstance(path, str) or not path.startswith(("/api/", "/sapi/"))):
        raise ValueError(f"match.path: expected a path such as /api/v3/order, was {path!r:.80}")
    if symbol is not None:
        _check_symbol("match.symbol", symbol, markets)
    return Match(method, path, symbol)


def _check_symbol(name: str, symbol: Any, markets: Collection[str]) -> None:
    _read(name, text(), {name: symbol})
    if symbol not in markets:
        raise ValueError(f"{name}: expected one of {', '.join(markets)}, was {symbol!r:.80}")
