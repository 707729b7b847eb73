"""The same look into the books for every Ledger, so that one contract can read each of them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import Engine

from rebalancer.orders import ClientOrderId, Order
from rebalancer.ports import Ledger
from rebalancer.settlement import Fill, OrderState
from resources.postgres_archive import PostgresArchive
from resources.postgres_ledger import PostgresLedger
from tests.fakes.ledger import FakeLedger

ROWS_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Standing:
    """What the contract wants to know about one order."""

    order: Order
    state: OrderState
    filled_base: Decimal
    paid_quote: Decimal
    reason: str | None
    venue_order_id: str | None
    residual_of: ClientOrderId | None


class Books(ABC):
    """A ledger and what it has written."""

    ledger: Ledger

    @abstractmethod
    def standings(self) -> dict[ClientOrderId, Standing]: ...

    @abstractmethod
    def fills(self) -> set[Fill]: ...

    @abstractmethod
    def events(self, order: Order) -> list[tuple[int, OrderState, str | None]]: ...


class FakeBooks(Books):
    def __init__(self) -> None:
        self.ledger = self._fake = FakeLedger()

    def standings(self) -> dict[ClientOrderId, Standing]:
        return {
            key: Standing(
                entry.order,
                entry.state,
                entry.filled_base,
                entry.paid_quote,
                entry.reason,
                entry.venue_order_id,
                entry.residual_of,
            )
            for key, entry in self._fake.entries.items()
        }

    def fills(self) -> set[Fill]:
        return set(self._fake.fills)

    def events(self, order: Order) -> list[tuple[int, OrderState, str | None]]:
        return [
            (event.at_ms, event.state, event.detail)
            for event in self._fake.events
            if event.client_order_id == order.client_order_id
        ]


class PostgresBooks(Books):
    def __init__(self, engine: Engine) -> None:
        self.ledger = PostgresLedger(engine)
        self._archive = PostgresArchive(engine)

    def standings(self) -> dict[ClientOrderId, Standing]:
        return {
            row.order.client_order_id: Standing(
                row.order,
                row.state,
                row.filled_base,
                row.paid_quote,
                row.reason,
                row.venue_order_id,
                row.residual_of,
            )
            for row in self._archive.read_orders(limit=ROWS_MAX)
        }

    def fills(self) -> set[Fill]:
        return {row.fill for row in self._archive.read_fills(limit=ROWS_MAX)}

    def events(self, order: Order) -> list[tuple[int, OrderState, str | None]]:
        history = self._archive.read_history(order.client_order_id)
        return [(event.at_ms, event.state, event.detail) for event in history]
