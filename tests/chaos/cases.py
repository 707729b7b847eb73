"""Evidence made by hand, for the tests of the judges: a sound run, to be spoilt in one place."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from tests.chaos.facts import Booked, BookedEvent, End, Evidence, Sent, Trade

SOLD, BOUGHT, DROPPED = "sold", "bought", "dropped"
START_MS = 1_800_000_000_000


def make_send(order_id: str, seq: int, at_ms: int = 0, **more: Any) -> Sent:
    """A request that the venue acted on at `at_ms` of the run."""
    sent = Sent(
        seq=seq,
        received_at_ms=START_MS + at_ms,
        acted_at_ms=START_MS + at_ms,
        client_order_id=order_id,
        symbol="BTC/USDC",
        side="buy",
        amount_base=Decimal("0.5"),
        price_quote=Decimal(100),
        is_acted=True,
        venue_order_id=f"venue-{order_id}",
    )
    return replace(sent, **more)


def make_booked(order_id: str, settled_ms: int | None, **more: Any) -> Booked:
    """A filled order for half a bitcoin."""
    booked = Booked(
        client_order_id=order_id,
        cycle_id="cycle-1",
        portfolio="core",
        symbol="BTC/USDC",
        side="buy",
        amount_base=Decimal("0.5"),
        limit_price_quote=Decimal("100.5"),
        arrival_mid_quote=Decimal(100),
        state="filled",
        filled_base=Decimal("0.5"),
        attempt=0,
        planned_at_ms=START_MS,
        settled_at_ms=None if settled_ms is None else START_MS + settled_ms,
        venue_order_id=f"venue-{order_id}",
    )
    return replace(booked, **more)


def make_trade(order_id: str, trade_id: str, seq: int, **more: Any) -> Trade:
    trade = Trade(
        trade_id=trade_id,
        client_order_id=order_id,
        symbol="BTC/USDC",
        amount_base=Decimal("0.5"),
        price_quote=Decimal(100),
        fee_amount=Decimal("0.0005"),
        fee_asset="BTC",
        is_buy=True,
        seq=seq,
    )
    return replace(trade, **more)


def make_evidence(**more: Any) -> Evidence:
    """One order sold, then one bought, one that was never taken; every digit in its place."""
    sale = {"is_buy": False, "fee_amount": Decimal("0.05"), "fee_asset": "USDC"}
    trades = (make_trade(SOLD, "1", 1, **sale), make_trade(BOUGHT, "2", 4))
    evidence = Evidence(
        sent=(
            make_send(SOLD, 3, 0, side="sell"),
            make_send(BOUGHT, 6, 400),
            make_send(DROPPED, 7, 900, is_acted=False, venue_order_id=None),
        ),
        trades=trades,
        ends=(End(2, SOLD, Decimal("0.5")), End(5, BOUGHT, Decimal("0.5"))),
        orders=(
            make_booked(SOLD, 100, side="sell", limit_price_quote=Decimal("99.5")),
            make_booked(BOUGHT, 500),
            make_booked(
                DROPPED, 1_000, state="refused", filled_base=Decimal(0), venue_order_id=None
            ),
        ),
        fills=tuple(replace(trade, seq=0) for trade in trades),
        history=tuple(
            BookedEvent(order_id, state, START_MS + at_ms)
            for order_id, state, at_ms in (
                (SOLD, "planned", 0),
                (SOLD, "filled", 100),
                (BOUGHT, "planned", 0),
                (BOUGHT, "filled", 500),
                (DROPPED, "planned", 0),
                (DROPPED, "refused", 1_000),
            )
        ),
        queued_ids=frozenset(),
        initial={"BTC": Decimal(1), "USDC": Decimal(1_000)},
        final={"BTC": Decimal("0.9995"), "USDC": Decimal("999.95")},
        cycle_value_quote={"cycle-1": Decimal(200)},
    )
    return replace(evidence, **more)


def with_order(evidence: Evidence, order_id: str, **changes: Any) -> Evidence:
    """The same run with one row of the books changed."""
    orders = tuple(
        replace(order, **changes) if order.client_order_id == order_id else order
        for order in evidence.orders
    )
    return replace(evidence, orders=orders)


def with_more(evidence: Evidence, name: str, *items: object) -> Evidence:
    """The same run with something added to one of its lists."""
    changed: dict[str, Any] = {name: (*getattr(evidence, name), *items)}
    return replace(evidence, **changed)
