"""Group commit: settlements that come while one transaction is under way share the next."""

import asyncio
from collections.abc import Sequence

from sqlalchemy import Engine

from rebalancer.errors import StoreUnavailable
from rebalancer.settlement import LedgerReceipt, Settlement
from resources.gathering import Gathering
from resources.postgres_connection import transaction
from resources.postgres_settling import ToBook, settle_orders

GROUP_MAX = 100
"""So that no transaction holds its rows for long."""


class SettlementWriter:
    """Books settlements in groups; each caller gets its own receipt, or its own error."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._gathering = Gathering(
            self._book_beside,
            most=GROUP_MAX,
            # One transaction locks each row once.
            name_of=lambda brought: brought.settlement.order.client_order_id,
        )

    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        """Return once the settlement is committed. Raises as `settle_orders` does."""
        return await self._gathering.join(ToBook(settlement, now_ms))

    async def _book_beside(self, brought: Sequence[ToBook]) -> list[LedgerReceipt | Exception]:
        # In a thread: the driver waits for the server, and the event loop must go on.
        return await asyncio.to_thread(self._book, brought)

    def _book(self, brought: Sequence[ToBook]) -> list[LedgerReceipt | Exception]:
        try:
            with transaction(self._engine) as connection:
                return list(settle_orders(connection, brought))
        except StoreUnavailable as error:
            return [error for _ in brought]
        except Exception as error:
            if len(brought) == 1:
                return [error]
            # One of them cannot be booked, so nothing is: each by itself, and it alone fails.
            return [booked for one in brought for booked in self._book([one])]
