"""The journal's own lines about users' orders: every trade, every end.

Belongs here: what a reader of the journal needs to know the whole truth without asking anybody.
Does not belong here: the lines of requests (`routes`).
"""

from services.paper_exchange import wire
from services.paper_exchange.journal import Journal
from services.paper_exchange.orders import Fill, Order


class JournalWitness:
    """Writes down what happens to users' orders, as it happens and whatever clients are told."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def reported(self, order: Order, _event: str, fill: Fill | None) -> None:
        if fill is not None:
            self._record_trade(order, fill)
        if not order.is_open:
            self._record_end(order)

    def feigned(self, order: Order, event: str) -> None:
        """Nothing happened: only clients are told so."""

    def unveiled(self, order: Order) -> None:
        """Nothing happened: clients learn what was written down before."""

    def traded(self, maker_fill: Fill) -> None:
        """Both sides of a trade are reported one by one."""

    def _record_trade(self, order: Order, fill: Fill) -> None:
        self._journal.tell(
            "trade",
            trade_id=fill.trade_id,
            order_id=order.order_id,
            client_order_id=order.asked.client_order_id,
            symbol=order.market.name,
            side=order.asked.side.value,
            price=wire.number(fill.price),
            qty=wire.number(fill.amount_base),
            commission=wire.number(fill.fee_amount),
            commissionAsset=fill.fee_asset,
            at_ms=fill.at_ms,
        )

    def _record_end(self, order: Order) -> None:
        self._journal.tell(
            "end",
            order_id=order.order_id,
            client_order_id=order.asked.client_order_id,
            status=order.status.value,
            executed_qty=wire.number(order.executed_base),
            at_ms=order.updated_at_ms,
        )
