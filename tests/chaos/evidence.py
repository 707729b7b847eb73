"""Reading what a run left: the venue's journal, the books, the queue, the account.

Belongs here: turning lines and rows into facts, exactly. Does not belong here: an opinion.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rebalancer.money import ZERO, exact, to_decimal
from rebalancer.orders import PortfolioName
from rebalancer.ports import OrderQueue
from tests.chaos.diary import Diary
from tests.chaos.facts import Booked, BookedEvent, End, Evidence, Sent, Trade
from tests.chaos.world import BASES, CASH, PORTFOLIO, World, connect, read_urls

SYMBOLS = {f"{base}{CASH}": f"{base}/{CASH}" for base in BASES}
_ORDERS = """
    SELECT client_order_id, cycle_id, portfolio, symbol, side, amount_base, limit_price_quote,
           arrival_mid_quote, state, filled_base, attempt, planned_at AS planned_at_ms,
           settled_at AS settled_at_ms, venue_order_id, follows, leg_rest_base, contradiction
    FROM orders
"""
_FILLS = """
    SELECT trade_id, fills.client_order_id, fills.symbol, fills.amount_base, price_quote,
           fee_amount, fee_asset, side = 'buy' AS is_buy
    FROM fills JOIN orders ON orders.client_order_id = fills.client_order_id
"""
_HISTORY = "SELECT client_order_id, state, at FROM order_history"


def gather(
    world: World, queue: OrderQueue, initial: Mapping[str, Decimal], diary: Diary
) -> Evidence:
    """Everything, once the run is over and nothing moves any more."""
    lines = read_lines(world.paper.journal)
    orders, fills, history = read_books(read_urls(world.urls_file).database_url)
    return Evidence(
        sent=tuple(sends_of(lines)),
        trades=tuple(trades_of(lines)),
        ends=tuple(ends_of(lines)),
        orders=orders,
        fills=fills,
        history=history,
        queued_ids=frozenset(
            order.client_order_id for order in queue.live_orders(PortfolioName(PORTFOLIO))
        ),
        initial=initial,
        final=holdings(world),
        deposits=deposits_of(lines),
        cycle_value_quote=diary.cycle_value_quote,
    )


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON lines file; one that is being written is left for later."""
    if not path.exists():
        return []
    whole, _, _ = path.read_text().rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def sends_of(lines: Iterable[Mapping[str, Any]]) -> Iterable[Sent]:
    """Every request to place an order, acted on or not, and every order that nobody sent."""
    for line in lines:
        if line.get("event") == "order":
            yield _foreign(line)
        elif (line["method"], line["path"]) == ("POST", "/api/v3/order"):
            yield _sent(line)


def trades_of(lines: Iterable[Mapping[str, Any]]) -> Iterable[Trade]:
    """Every fill of an order of the account, as the venue booked it."""
    for line in lines:
        if line.get("event") == "trade":
            yield Trade(
                trade_id=str(line["trade_id"]),
                client_order_id=line["client_order_id"],
                symbol=_symbol(line["symbol"]),
                amount_base=to_decimal(line["qty"]),
                price_quote=to_decimal(line["price"]),
                fee_amount=to_decimal(line["commission"]),
                fee_asset=line["commissionAsset"],
                is_buy=line["side"].upper() == "BUY",
                seq=line["seq"],
            )


def ends_of(lines: Iterable[Mapping[str, Any]]) -> Iterable[End]:
    for line in lines:
        if line.get("event") == "end":
            executed = to_decimal(line["executed_qty"])
            yield End(line["seq"], line["client_order_id"], executed)


def deposits_of(lines: Iterable[Mapping[str, Any]]) -> dict[str, Decimal]:
    """What came in or went out without a trade, by asset."""
    moved: dict[str, Decimal] = {}
    for line in lines:
        if line.get("event") == "deposit":
            with exact():
                before = moved.get(line["asset"], ZERO)
                moved[line["asset"]] = before + to_decimal(line["amount"])
    return moved


def holdings(world: World) -> dict[str, Decimal]:
    """What the account holds now, free and locked."""
    account = world.paper.state()["accounts"]["user"]
    with exact():
        return {
            asset: to_decimal(held["free"]) + to_decimal(held["locked"])
            for asset, held in account.items()
        }


def read_books(
    database_url: str,
) -> tuple[tuple[Booked, ...], tuple[Trade, ...], tuple[BookedEvent, ...]]:
    """Orders, fills and history, past the engine's own code."""
    with closing(connect(database_url)) as connection, connection.cursor() as cursor:
        cursor.execute(_ORDERS)
        names = [column.name for column in cursor.description]
        orders = tuple(_booked(dict(zip(names, row, strict=True))) for row in cursor.fetchall())
        cursor.execute(_FILLS)
        fills = tuple(Trade(*row) for row in cursor.fetchall())
        cursor.execute(_HISTORY)
        history = tuple(BookedEvent(key, state, _ms(at)) for key, state, at in cursor.fetchall())
    return orders, fills, history


def _sent(line: Mapping[str, Any]) -> Sent:
    params, order_id = line["params"], line["order_id"]
    return Sent(
        seq=line["seq"],
        received_at_ms=line["received_at_ms"],
        acted_at_ms=line["acted_at_ms"],
        client_order_id=line["client_order_id"] or "",
        symbol=_symbol(params.get("symbol", "")),
        side=params.get("side", "").lower(),
        amount_base=to_decimal(params.get("quantity") or 0),
        price_quote=to_decimal(params.get("price") or 0),
        is_acted=line["acted"],
        venue_order_id=None if order_id is None else str(order_id),
        fault=line["fault"],
    )


def _foreign(line: Mapping[str, Any]) -> Sent:
    return Sent(
        seq=line["seq"],
        received_at_ms=line["at_ms"],
        acted_at_ms=line["at_ms"],
        client_order_id=line["client_order_id"],
        symbol=_symbol(line["symbol"]),
        side=line["side"].lower(),
        amount_base=to_decimal(line["qty"]),
        price_quote=to_decimal(line["price"]),
        is_acted=True,
        venue_order_id=str(line["order_id"]),
        is_foreign=True,
    )


def _booked(row: Mapping[str, Any]) -> Booked:
    settled_at = row["settled_at_ms"]
    instants = {
        "planned_at_ms": _ms(row["planned_at_ms"]),
        "settled_at_ms": None if settled_at is None else _ms(settled_at),
    }
    return Booked(**{**row, **instants})


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1_000)


def _symbol(name: str) -> str:
    return SYMBOLS.get(name, name)
