"""The drain as a Dagster asset: one op trades, the next shows what was traded.

Belongs here: connecting the drain session to Dagster: its settings, its signals, its log.
"""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any

import dagster as dg
import uvloop
from pydantic import Field

from assets.charts import table_md
from assets.checks import OWNERS
from assets.execution import FILL_COLUMNS, fills_metadata
from pipelines.drain_session import DrainSession, SessionPolicy
from pipelines.session_report import SessionReport
from pipelines.venue_watch import VenueWatch
from rebalancer.desk import Desk
from rebalancer.ports import Alarm, Clock
from rebalancer.queue import MAIN_SLOT
from rebalancer.settlement import Settlement
from resources.settings import Settings
from resources.wiring import Stores, Venues

LOG_EVERY_SECONDS = 5
"""One logged event costs Dagster 10-30 ms, so settlements are told in batches."""


class DrainConfig(dg.Config):
    """How one drain session differs from the settings; leave everything out to follow them."""

    slot: int = Field(default=MAIN_SLOT, ge=0, description="Drain slot; one session holds a slot.")
    budget_ms: int | None = Field(default=None, description="How long it lives at most.")
    idle_ms: int | None = Field(default=None, description="It leaves after this long idle.")


@dg.op(
    ins={"start_after": dg.In(dg.Nothing)},
    description="Send waiting orders through gate and permit to their venues, and book them.",
)
def drain_queue(
    context: dg.OpExecutionContext,
    config: DrainConfig,
    settings: dg.ResourceParam[Settings],
    venues: dg.ResourceParam[Venues],
    stores: dg.ResourceParam[Stores],
    clock: dg.ResourceParam[Clock],
    alarm: dg.ResourceParam[Alarm],
) -> SessionReport:
    """One bounded live session. Returns what `record_fills` shows."""
    drain = settings.drain
    policy = SessionPolicy(
        slot=config.slot,
        owner=context.run_id,
        budget_ms=drain.budget_ms if config.budget_ms is None else config.budget_ms,
        idle_ms=drain.idle_ms if config.idle_ms is None else config.idle_ms,
        handover_ms=drain.overlap_ms,
        concurrency=drain.concurrency,
    )
    told = _SettlementLog(context)

    async def run() -> SessionReport:
        async with open_desk(settings, venues, stores, clock, alarm) as desk:
            policies = {name: settings.venues[name].key_policy() for name in desk.venues}
            watch = VenueWatch(desk, policies)
            session = DrainSession(desk, policy, watch=watch, on_settled=told.add)
            with _leaving_on_signals(session):
                return await session.run()

    report = uvloop.run(run())
    told.flush()
    context.log.info(f"drain session left: {report.left_because}")
    return report


@dg.op(description="Show what the drain session traded.")
def record_fills(context: dg.OpExecutionContext, report: SessionReport) -> None:
    """The fills are on the books already; this shows the newest of them beside the asset."""
    session = [
        ("epoch", report.epoch or "none"),
        ("left because", report.left_because),
        ("put back in doubt", report.recovered.orders if report.recovered else "none"),
        ("orders held by the gate", report.held),
        ("last hold", report.last_hold or "none"),
        ("put off", ", ".join(f"{why} {count}" for why, count in report.waits.items()) or "none"),
        ("answers still open", report.unsettled),
        ("last open answer", report.last_unsettled or "none"),
    ]
    context.add_output_metadata(
        {
            **fills_metadata(tuple(report.recent), report.states),
            "asked_quote": float(report.asked_quote),
            "filled_quote": float(report.filled_quote),
            "session": table_md(("session", ""), session),
        }
    )


@dg.graph_asset(
    group_name="execution",
    owners=OWNERS,
    kinds={"ccxt", "postgres", "redis"},
    ins={"rebalance_orders": dg.AssetIn(dagster_type=dg.Nothing)},
    metadata={"dagster/column_schema": FILL_COLUMNS},
)
def fills(rebalance_orders: Any) -> Any:
    """One row per trade: what the venue says became of every order."""
    return record_fills(drain_queue(rebalance_orders))


@asynccontextmanager
async def open_desk(
    settings: Settings, venues: Venues, stores: Stores, clock: Clock, alarm: Alarm
) -> AsyncIterator[Desk]:
    """Everything a drain session works with, on one long-lived client a venue."""
    async with AsyncExitStack() as stack:
        yield Desk(
            venues={
                name: await stack.enter_async_context(venues.connect(name, stores.queue))
                for name in settings.venue_names()
            },
            gates={name: settings.venues[name].gate() for name in settings.venue_names()},
            queue=stores.queue,
            line=await stack.enter_async_context(stores.open_line()),
            controls=stores.controls,
            ledger=stores.ledger,
            alarm=alarm,
            clock=clock,
            lease_ms=settings.drain.lease_ms,
            post_ms={name: settings.venues[name].post_ms for name in settings.venue_names()},
        )


@contextmanager
def _leaving_on_signals(session: DrainSession) -> Iterator[None]:
    """SIGTERM and SIGINT ask the session to see its orders through and leave the slot.

    Dagster ends a run with either; its own handlers would cut an order off between being sent and
    being booked. They are put back afterwards.
    """
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in signals}
    try:
        for number in signals:
            loop.add_signal_handler(number, session.stop, f"asked to stop by {number.name}")
    except (ValueError, RuntimeError):
        yield  # Not in the main thread, so no signal reaches us here.
        return
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)


class _SettlementLog:
    """Tells settlements to Dagster's log a few seconds' worth at a time."""

    def __init__(self, context: dg.OpExecutionContext) -> None:
        self._context = context
        self._lines: list[str] = []
        self._told_at = time.monotonic()

    def add(self, settlement: Settlement) -> None:
        order = settlement.order
        self._lines.append(
            f"{order.client_order_id[:8]} {order.side} {order.amount_base:f} {order.symbol}: "
            f"{settlement.state.value} {settlement.filled_base:f}"
        )
        if time.monotonic() - self._told_at >= LOG_EVERY_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._lines:
            self._context.log.info("\n".join(self._lines))
        self._lines = []
        self._told_at = time.monotonic()
