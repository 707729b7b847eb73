"""Orders, skips and fills in words: as rows of a table and as JSON.

Belongs here: how one order is told. Which orders are told is up to each command.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from rich.text import Text

from rebalancer.money import plain
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order
from rebalancer.plan import SkippedLeg
from resources.archive_rows import FillRow, OrderRow
from services.cli.terminal import table

ID_SHOWN = 8
ADOPTED = "adopted"
"""The version of the rules of an order that we did not plan, and the begin of its cycle."""
_STYLES = {
    OrderState.FILLED: "green",
    OrderState.PARTIALLY_FILLED: "yellow",
    OrderState.UNFILLED: "yellow",
    OrderState.IN_DOUBT: "bold yellow",
    OrderState.AWAITING_APPROVAL: "bold cyan",
    OrderState.REFUSED: "red",
    OrderState.DENIED: "red",
    OrderState.REJECTED: "red",
    OrderState.EXPIRED: "red",
    OrderState.NOT_FOUND: "red",
}


def why_ordered(order: Order) -> str:
    """Why an order was planned: how far its asset was from its target."""
    if order.rules_version == ADOPTED:
        return "adopted by hand"
    drift = order.drift_bps
    side = "over" if drift > 0 else "under"
    reason = f"{order.symbol.base} is {abs(drift) / 100:.2f} points {side} its target"
    return reason if order.attempt == 0 else f"{reason}; the rest of an order not filled whole"


def _short_why(order: Order) -> str:
    """The same in a table that names the symbol already."""
    if order.rules_version == ADOPTED:
        return "adopted by hand"
    side = "over" if order.drift_bps > 0 else "under"
    return f"{abs(order.drift_bps) / 100:.2f} points {side} target"


def in_sending_order(rows: Iterable[OrderRow]) -> tuple[OrderRow, ...]:
    """Sells before buys, the most urgent first: as one cycle's orders leave the queue."""
    return tuple(
        sorted(
            rows,
            key=lambda row: (row.order.side == "buy", -row.order.urgency, row.order.attempt),
        )
    )


def order_json(row: OrderRow, *, now: str | None = None) -> dict[str, Any]:
    """One order. `state` is what the books say; `now` where it stands, as the queue adds to it."""
    order = row.order
    return {
        "client_order_id": order.client_order_id,
        "cycle_id": order.cycle_id,
        "portfolio": order.portfolio,
        "symbol": str(order.symbol),
        "side": order.side,
        "amount": plain(order.amount_base),
        "filled": plain(row.filled_base),
        "limit_price": plain(order.limit_price_quote),
        "state": row.state.value,
        "now": now or row.state.value.replace("_", " "),
        "rules_version": order.rules_version,
        "urgency": plain(order.urgency),
        "slippage_bps": None if row.slippage_bps is None else plain(row.slippage_bps),
        "reason": why_ordered(order),
        "refused_because": row.reason,
        "recorded_at": moment(row.recorded_at_ms),
    }


def planned_json(order: Order) -> dict[str, Any]:
    return {
        "symbol": str(order.symbol),
        "side": order.side,
        "amount": plain(order.amount_base),
        "limit_price": plain(order.limit_price_quote),
        "urgency": plain(order.urgency),
        "reason": why_ordered(order),
    }


def skip_json(skip: SkippedLeg) -> dict[str, Any]:
    return {
        "asset": skip.asset,
        "side": skip.side,
        "reason": skip.reason.value,
        "detail": skip.detail,
        "drift_bps": plain(skip.drift_bps),
    }


def fill_json(row: FillRow) -> dict[str, Any]:
    fill = row.fill
    return {
        "trade_id": fill.trade_id,
        "client_order_id": fill.client_order_id,
        "symbol": str(row.symbol),
        "side": row.side,
        "amount": plain(fill.amount_base),
        "price": plain(fill.price_quote),
        "fee_amount": plain(fill.fee_amount),
        "fee_asset": fill.fee_asset,
        "filled_at": moment(fill.filled_at_ms),
    }


def show_orders(
    rows: Sequence[OrderRow], words: Mapping[ClientOrderId, str] = MappingProxyType({})
) -> None:
    """Print orders; `words` says where those stand that the books alone do not tell all of."""
    table(
        ("order", "side", "symbol", "amount", "state", "slip bps", "why"),
        [_order_cells(row, words.get(row.order.client_order_id)) for row in rows],
        right="amount,slip bps",
        whole="order,state",
    )


def show_planned(orders: Sequence[Order]) -> None:
    table(
        ("side", "symbol", "amount", "limit price", "urgency", "why"),
        [
            (
                side_text(order.side),
                str(order.symbol),
                plain(order.amount_base),
                plain(order.limit_price_quote),
                short(order.urgency),
                _short_why(order),
            )
            for order in orders
        ],
        right="amount,limit price,urgency",
    )


def show_skips(skips: Sequence[SkippedLeg]) -> None:
    table(
        ("asset", "reason", "detail"),
        [(skip.asset, Text(skip.reason.value, style="cyan"), skip.detail) for skip in skips],
    )


def show_fills(rows: Sequence[FillRow]) -> None:
    table(
        ("trade", "order", "side", "symbol", "amount", "price", "fee"),
        [
            (
                row.fill.trade_id,
                row.fill.client_order_id[:ID_SHOWN],
                side_text(row.side),
                str(row.symbol),
                plain(row.fill.amount_base),
                plain(row.fill.price_quote),
                f"{plain(row.fill.fee_amount)} {row.fill.fee_asset or ''}",
            )
            for row in rows
        ],
        right="amount,price,fee",
    )


def state_text(state: OrderState, word: str | None = None) -> Text:
    plain_word = state.value.replace("_", " ")
    if word is not None and word != plain_word:
        return Text(word, style="bold yellow")
    return Text(plain_word, style=_STYLES.get(state, ""))


def side_text(side: str) -> Text:
    return Text(side, style="green" if side == "buy" else "magenta")


def short(value: Decimal | None) -> str:
    """A number a person only glances at."""
    return "" if value is None else f"{value:.2f}"


def moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1_000, UTC).isoformat(timespec="milliseconds")


def _order_cells(row: OrderRow, word: str | None) -> tuple[str | Text, ...]:
    order = row.order
    why = _short_why(order) + (f"; {row.reason}" if row.reason else "")
    state = state_text(row.state, word)
    if row.state is OrderState.PARTIALLY_FILLED:
        state.append(f" {plain(row.filled_base)}")
    return (
        order.client_order_id[:ID_SHOWN],
        side_text(order.side),
        str(order.symbol),
        plain(order.amount_base),
        state,
        short(row.slippage_bps),
        why,
    )
