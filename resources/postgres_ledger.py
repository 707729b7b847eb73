"""Ledger in PostgreSQL: every order as it stands, its history, its fills, and what stops trading.

Each call is one transaction, run in a thread so that nobody's event loop waits for a disk. What it
does there is in `postgres_booking`, `postgres_controls`, `postgres_accounts` and `postgres_rules`.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Engine

from rebalancer.account import VenueOrderKey
from rebalancer.controls import HaltKind, MaintenanceWindow, Scope, TradingHalt
from rebalancer.ledger import BookedOrder, Ledger
from rebalancer.money import Asset
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, Order, PortfolioName, VenueName
from rebalancer.precision import MarketRule
from rebalancer.reconciliation import Baseline, BookedFill, KnownOrders
from rebalancer.settlement import LedgerReceipt, Settlement
from resources import postgres_accounts as accounts
from resources import postgres_booking as booking
from resources import postgres_controls as controls
from resources.postgres_connection import transaction
from resources.postgres_fills import read_fee_assets
from resources.postgres_group import SettlementWriter
from resources.postgres_rules import NO_PAYLOAD, write_rules

_P = ParamSpec("_P")
_T = TypeVar("_T")


class PostgresLedger(Ledger):
    """The books, on a pool of connections shared with nobody's event loop."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._settlements = SettlementWriter(engine)

    async def record_planned(self, orders: Sequence[Order], *, now_ms: int) -> tuple[Order, ...]:
        """Write orders in one bulk insert each for rows and events.

        An order that waits for approval may not be queued; it is not returned either.
        """
        return await self._commit(booking.plan_orders, orders, now_ms=now_ms)

    async def note(
        self, order: Order, state: OrderState, *, detail: str | None, now_ms: int
    ) -> None:
        """Append one event and move the order forward to `state`.

        Raises:
            BooksDisagree: the order already ended otherwise.
        """
        await self._commit(booking.note_state, order, state, detail=detail, now_ms=now_ms)

    async def move(
        self,
        orders: Sequence[Order],
        *,
        before: OrderState,
        after: OrderState,
        detail: str | None,
        now_ms: int,
    ) -> tuple[Order, ...]:
        return await self._commit(
            booking.move_orders, orders, before=before, after=after, detail=detail, now_ms=now_ms
        )

    async def record(self, settlement: Settlement, *, now_ms: int) -> LedgerReceipt:
        """Write fills, order, successor and event in one transaction, with others that end now.

        Raises:
            BooksDisagree: the order ended in a way that cannot be brought together with this, a
                trade is told otherwise than before, or two orders stand under one id.
        """
        return await self._settlements.record(settlement, now_ms=now_ms)

    async def read_unsettled(self) -> tuple[BookedOrder, ...]:
        return await self._commit(accounts.read_unsettled)

    async def read_ended(
        self, portfolio: PortfolioName, *, since_ms: int
    ) -> tuple[BookedOrder, ...]:
        return await self._commit(accounts.read_ended, portfolio, since_ms=since_ms)

    async def read_turnover(self, *, since_ms: int) -> Mapping[PortfolioName, Decimal]:
        return await self._commit(accounts.read_turnover, since_ms=since_ms)

    async def record_rules(
        self,
        venue: VenueName,
        rules: Sequence[MarketRule],
        *,
        now_ms: int,  # noqa: ARG002 - each rule says itself when it was observed
    ) -> None:
        await self._commit(write_rules, venue, [(rule, NO_PAYLOAD) for rule in rules])

    async def record_halt(self, halt: TradingHalt) -> None:
        await self._commit(controls.write_halt, halt)

    async def lift_halt(self, scope: Scope, kind: HaltKind, *, actor: str, now_ms: int) -> bool:
        return await self._commit(controls.end_halt, scope, kind, actor=actor, now_ms=now_ms)

    async def read_halts(self) -> tuple[TradingHalt, ...]:
        return await self._commit(controls.read_halts)

    async def mark_paged(self, halt: TradingHalt) -> None:
        await self._commit(controls.mark_paged, halt)

    async def read_unpaged(self) -> tuple[TradingHalt, ...]:
        return await self._commit(controls.read_halts, unpaged=True)

    async def record_window(self, window: MaintenanceWindow, *, actor: str, now_ms: int) -> None:
        await self._commit(controls.write_window, window, actor=actor, now_ms=now_ms)

    async def remove_window(self, window_id: str, *, actor: str, now_ms: int) -> bool:
        return await self._commit(controls.end_window, window_id, actor=actor, now_ms=now_ms)

    async def read_windows(self) -> tuple[MaintenanceWindow, ...]:
        return await self._commit(controls.read_windows)

    async def read_baseline(self, portfolio: PortfolioName) -> Baseline | None:
        return await self._commit(accounts.read_baseline, portfolio)

    async def record_baseline(self, baseline: Baseline) -> None:
        await self._commit(accounts.write_baseline, baseline)

    async def forget_baseline(self, portfolio: PortfolioName) -> None:
        await self._commit(accounts.delete_baselines, portfolio)

    async def read_traded(
        self, portfolio: PortfolioName, *, since_ms: int
    ) -> tuple[BookedFill, ...]:
        return await self._commit(accounts.read_traded, portfolio, since_ms=since_ms)

    async def read_fee_assets(self, portfolio: PortfolioName, *, since_ms: int) -> frozenset[Asset]:
        return await self._commit(read_fee_assets, portfolio, since_ms=since_ms)

    async def read_known(
        self,
        venue: VenueName,
        *,
        client_order_ids: Collection[ClientOrderId],
        venue_keys: Collection[VenueOrderKey],
    ) -> KnownOrders:
        return await self._commit(
            accounts.read_known,
            venue,
            client_order_ids=client_order_ids,
            venue_keys=venue_keys,
        )

    async def record_ignored(
        self, venue: VenueName, key: VenueOrderKey, *, actor: str, reason: str, now_ms: int
    ) -> None:
        await self._commit(
            accounts.write_ignored, venue, key, actor=actor, reason=reason, now_ms=now_ms
        )

    async def _commit(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run work in a transaction of its own, beside the event loop."""

        def run() -> _T:
            with transaction(self._engine) as connection:
                return work(connection, *args, **kwargs)

        return await asyncio.to_thread(run)
