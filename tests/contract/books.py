"""The same look into the books for every Ledger, so that one contract can read each of them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy import Engine

from rebalancer.ledger import Ledger
from rebalancer.money import ZERO, Symbol, exact
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order, VenueName
from rebalancer.precision import MarketRule
from rebalancer.settlement import Accepted, Fill, Settlement, settle
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
    follows: ClientOrderId | None
    contradiction: str | None
    settled_at_ms: int | None


def make_settlement(order: Order, *fills: Fill, venue_order_id: str = "v-1") -> Settlement:
    """An order that the venue took, with everything that traded."""
    with exact():
        filled = sum((fill.amount_base for fill in fills), ZERO)
    return settle(Accepted(order, venue_order_id, is_closed=True, filled_base=filled), fills)


class Books(ABC):
    """A ledger and what it has written."""

    ledger: Ledger

    @abstractmethod
    def standings(self) -> dict[ClientOrderId, Standing]: ...

    @abstractmethod
    def fills(self) -> set[Fill]: ...

    @abstractmethod
    def events(self, order: Order) -> list[tuple[int, OrderState, str | None]]: ...

    @abstractmethod
    def rules(self, venue: VenueName, symbol: Symbol) -> MarketRule | None: ...


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
                entry.follows,
                entry.contradiction,
                entry.settled_at_ms,
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

    def rules(self, venue: VenueName, symbol: Symbol) -> MarketRule | None:
        return self._fake.rules.get((venue, symbol))


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
                row.follows,
                row.contradiction,
                row.settled_at_ms,
            )
            for row in self._archive.read_orders(limit=ROWS_MAX)
        }

    def fills(self) -> set[Fill]:
        return {row.fill for row in self._archive.read_fills(limit=ROWS_MAX)}

    def events(self, order: Order) -> list[tuple[int, OrderState, str | None]]:
        history = self._archive.read_history(order.client_order_id)
        return [(event.at_ms, event.state, event.detail) for event in history]

    def rules(self, venue: VenueName, symbol: Symbol) -> MarketRule | None:
        return self._archive.read_rules(venue, [symbol], on_or_before=date.max).get(symbol)
