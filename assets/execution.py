"""What was traded: the metadata of `fills`. The op that trades is in pipelines/execution.py."""

from collections.abc import Mapping, Sequence

import dagster as dg

from assets.charts import columns, table_md
from rebalancer.order_states import OrderState
from rebalancer.settlement import Settlement

FILL_COLUMNS = columns(
    {
        "venue": ("text", "Name of the venue in the settings"),
        "trade_id": ("text", "The venue's own; recording a trade twice changes nothing"),
        "client_order_id": ("text", "The order it belongs to"),
        "amount_base": ("numeric", "Amount traded (base units)"),
        "price_quote": ("numeric", "Price (quote per base)"),
        "fee_asset": ("text", "What the fee was taken in"),
        "fee_amount": ("numeric", "Fee (units of fee_asset)"),
        "filled_at": ("timestamptz", "When, by the venue's clock"),
    }
)


def fills_metadata(
    settlements: Sequence[Settlement], states: Mapping[OrderState, int]
) -> dict[str, dg.MetadataValue]:
    """What one drain session did: counts, and its last orders and trades."""
    trades = [fill for settlement in settlements for fill in settlement.fills]
    return {
        "orders_settled": dg.MetadataValue.int(sum(states.values())),
        "trades_shown": dg.MetadataValue.int(len(trades)),
        "states": table_md(
            ("state", "orders"), sorted((state.value, count) for state, count in states.items())
        ),
        "orders": table_md(
            ("order", "side", "symbol", "asked", "filled", "state", "slippage bps", "reason"),
            [_order_cells(settlement) for settlement in settlements],
        ),
        "trades": table_md(
            ("trade", "order", "amount", "price", "fee"),
            [
                (
                    fill.trade_id,
                    fill.client_order_id[:8],
                    fill.amount_base,
                    fill.price_quote,
                    f"{fill.fee_amount:f} {fill.fee_asset or ''}",
                )
                for fill in trades
            ],
        ),
    }


def _order_cells(settlement: Settlement) -> tuple[object, ...]:
    order = settlement.order
    return (
        order.client_order_id[:8],
        order.side,
        order.symbol,
        order.amount_base,
        settlement.filled_base,
        settlement.state.value,
        "" if settlement.slippage_bps is None else settlement.slippage_bps,
        settlement.reason or "",
    )
