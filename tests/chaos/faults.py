"""Faults of the venue: which there are, how one is drawn, and asking the paper exchange for it.

Belongs here: the fault panel's words. When a fault is asked for is in `schedule`.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from rebalancer.money import ceil_to_step, divide_down, exact, floor_to_step, plain, to_decimal
from services.paper_exchange.market_table import BY_BASE

QUOTE = "USDC"
STALL_MS_MAX = 900
"""A request stalled on its way is acted on late; the lease must outlast it (`world.LEASE_MS`)."""

ORDER_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "accept_then_timeout": {"hold_ms": 5_000},
    "accept_then_close": {},
    "reject_then_timeout": {"hold_ms": 5_000},
    "close_before": {},
    "truncated_200": {},
    "empty_200": {},
    "status_before": {"status": (500, 502, 503, 504, 408)},
    "status_after": {"status": (500, 502, 503, 504, 408)},
    "code": {"code": (-1000, -1001, -1003, -1006, -1007, -1008, -1015, -1021, -2010)},
    "rate_limited": {"status": (429, 418), "retry_after_s": (1, 2)},
    "slow_body": {"slow_ms": (200, 600)},
    "stall_before": {"hold_ms": (300, STALL_MS_MAX)},
    "partial_fill": {"share": ("0", "0.3", "0.9", "0.97")},
    "late_fill": {"late_ms": (300, 1_500)},
    "fill_after_cancel": {"late_ms": (300, 1_500)},
}
"""Kinds that meet orders, with what each parameter may be."""

VENUE_FAULTS: Mapping[str, Mapping[str, Any]] = {
    "duplicate_fill": {},
    "stale_balances": {"for_ms": (500, 2_000)},
    "stale_quotes": {"for_ms": (500, 2_000)},
    "maintenance": {"for_ms": (300, 1_500)},
    "clock_skew": {"skew_ms": (-3_000, -1_200, 1_500, 3_000), "for_ms": (500, 2_000)},
    "refuse_connections": {"for_ms": (200, 1_000)},
    "silent_sockets": {"for_ms": (500, 1_000)},
    "foreign_order": {"side": ("BUY", "SELL"), "tif": ("IOC", "GTC")},
    "rules_changed": {},
    "deposit": {"asset": ("USDC", "BTC"), "amount": ("0.5", "-0.01")},
}

FOREIGN_HIGH, FOREIGN_LOW, FOREIGN_QUOTE = to_decimal("1.4"), to_decimal("0.6"), to_decimal(60)

MAY_HAVE_ACTED = frozenset({-1000, -1001, -1006, -1007})
"""Codes after which the venue may have the order or not; the fault draws one of the two."""

MAY_BE_REFUSED = frozenset({"foreign_order", "deposit"})
"""A stranger's order and a withdrawal need money that may not be there just now."""

FREEZING = frozenset({"fill_after_cancel", "foreign_order", "deposit"})
"""Kinds after which a person is needed: rarer than the others, or a run would stand still."""

KINDS = (*ORDER_FAULTS, *VENUE_FAULTS)


def draw_fault(random: Random, kind: str, bases: tuple[str, ...]) -> dict[str, Any]:
    """The body of one request to the fault panel."""
    words = {**ORDER_FAULTS, **VENUE_FAULTS}[kind]
    drawn = {
        name: random.choice(value) if isinstance(value, tuple) else value
        for name, value in words.items()
    }
    count = random.randint(1, 2)
    body = {"kind": kind, "seed": random.randrange(1_000), **drawn}
    if kind in ORDER_FAULTS:
        # A fault that nobody met must not lie in wait for the next round's orders.
        body |= {"count": count, "for_ms": 3_000}
    elif "for_ms" in body:
        body["count"] = None
    if kind == "code":
        body["acted"] = drawn["code"] in MAY_HAVE_ACTED and random.random() < 0.5
    if kind == "rules_changed":
        base = random.choice(bases)
        body |= {"symbol": base + QUOTE, "step_size": _step(base, coarser=random.random() < 0.5)}
    if kind == "foreign_order":
        body |= _foreign(random.choice(bases), drawn["side"], rests=drawn["tif"] == "GTC")
    return body


def _foreign(base: str, side: str, *, rests: bool) -> dict[str, str]:
    """An order of somebody else's that is certain to trade, or to rest, wherever the price is."""
    row = BY_BASE[base]
    with exact():
        mid, step = to_decimal(row.price_usd), to_decimal(row.amount_step) * 10
        far = mid * (FOREIGN_HIGH if (side == "BUY") != rests else FOREIGN_LOW)
        return {
            "symbol": base + QUOTE,
            "price": plain(floor_to_step(far, to_decimal(row.price_step))),
            "quantity": plain(ceil_to_step(divide_down(FOREIGN_QUOTE, mid), step)),
        }


def _step(base: str, *, coarser: bool) -> str:
    """The step a market began with, or one ten times as coarse."""
    step = to_decimal(BY_BASE[base].amount_step)
    return plain(step * 10 if coarser else step)
