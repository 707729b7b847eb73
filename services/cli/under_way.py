"""Live orders of some portfolios: which may be at their venue, and which still wait.

Belongs here: asking the queue, or the books where the queue does not answer. Reads only.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.ledger import BookedOrder
from rebalancer.money import plain
from rebalancer.orders import Order, PortfolioName
from rebalancer.ports import OrderQueue
from rebalancer.queue import Stage
from services.cli.instants import duration_text
from services.cli.order_words import ID_SHOWN, moment, side_text
from services.cli.terminal import table


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Live orders. `sent`: a permit was given, or nobody can say that none was."""

    sent: tuple[Order, ...]
    waiting: tuple[Order, ...]
    told_by: str

    def expired(self, now_ms: int) -> tuple[Order, ...]:
        """Those that wait and would end as expired instead of being sent."""
        return tuple(order for order in self.waiting if now_ms >= order.expires_at_ms)

    def oldest_ms(self, now_ms: int) -> int | None:
        """How long the oldest of those that wait has waited."""
        ages = [now_ms - order.planned_at_ms for order in self.waiting]
        return max(ages, default=None)


def under_way_by_queue(queue: OrderQueue, portfolios: Iterable[PortfolioName]) -> UnderWay:
    """Ask the queue. Raises StoreUnavailable, and QueueLost when it has lost its data."""
    live = [order for name in portfolios for order in queue.live_orders(name)]
    stages = queue.stages([order.client_order_id for order in live])
    # An order that is in none has been acknowledged since it was listed: it is over.
    return UnderWay(
        sent=tuple(o for o in live if stages.get(o.client_order_id) is Stage.SENT),
        waiting=tuple(o for o in live if stages.get(o.client_order_id) is Stage.WAITING),
        told_by="queue",
    )


def under_way_by_books(
    booked: Sequence[BookedOrder], portfolios: Collection[PortfolioName]
) -> UnderWay:
    """What the books alone can say: whatever reached the queue may have been sent."""
    own = [one for one in booked if one.order.portfolio in portfolios]
    return UnderWay(
        sent=tuple(one.order for one in own if not one.was_never_queued),
        waiting=tuple(one.order for one in own if one.was_never_queued),
        told_by="books",
    )


def live_json(orders: Iterable[Order]) -> list[dict[str, Any]]:
    return [
        {
            "client_order_id": order.client_order_id,
            "portfolio": order.portfolio,
            "venue": order.venue,
            "symbol": str(order.symbol),
            "side": order.side,
            "amount": plain(order.amount_base),
            "limit_price": plain(order.limit_price_quote),
            "planned_at": moment(order.planned_at_ms),
            "expires_at": moment(order.expires_at_ms),
        }
        for order in orders
    ]


def show_live(orders: Sequence[Order], *, now_ms: int) -> None:
    table(
        ("order", "portfolio", "venue", "side", "symbol", "amount", "planned"),
        [
            (
                order.client_order_id[:ID_SHOWN],
                order.portfolio,
                order.venue,
                side_text(order.side),
                str(order.symbol),
                plain(order.amount_base),
                f"{duration_text(now_ms - order.planned_at_ms)} ago",
            )
            for order in orders
        ],
        right="amount",
    )
