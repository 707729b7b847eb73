"""An order that fills while a cycle is under way: what it brought is not bought a second time."""

import json
from collections.abc import Sequence

import dagster as dg

from pipelines.drain_session import DrainSession, SessionPolicy
from pipelines.venue_watch import VenueWatch
from rebalancer.balances import RawBalance
from rebalancer.credentials import KeyPolicy
from rebalancer.desk import Desk
from rebalancer.order_states import OrderState
from rebalancer.orders import CycleId, PortfolioName, VenueName
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores
from tests.assets.location import (
    HOLDINGS,
    PRICES,
    make_holdings,
    make_location,
    make_tickers,
)
from tests.factories import make_raw_rule
from tests.fakes.alarm import RecordingAlarm
from tests.fakes.venue import FakeVenue
from tests.logic.session import GATE

CORE = PortfolioName("core")
VENUE = VenueName("paper")


class BusyVenue(FakeVenue):
    """Fills what waits in the queue right after the account was read."""

    stores: Stores | None = None

    async def fetch_balances(self) -> Sequence[RawBalance]:
        told = await super().fetch_balances()
        if self.stores is not None:
            await drain(self, self.stores)
        return told


async def drain(venue: FakeVenue, stores: Stores) -> None:
    desk = Desk(
        venues={VENUE: venue},
        gates={VENUE: GATE},
        queue=stores.queue,
        line=stores.line,
        controls=stores.controls,
        ledger=stores.ledger,
        alarm=RecordingAlarm(),
        clock=SystemClock(),
        lease_ms=5_000,
        post_ms={VENUE: 5_000},
    )
    policy = SessionPolicy(
        slot=0, owner="test", budget_ms=20_000, idle_ms=50, handover_ms=0, concurrency=4
    )
    key = KeyPolicy(allow_unreadable_rights=False, require_ip_binding=False)
    watch = VenueWatch(desk, {VENUE: key})
    await DrainSession(desk, policy, watch=watch, on_settled=lambda _: None).run()


def test_an_order_that_settles_between_balances_and_plan_is_not_planned_again(
    instance: dg.DagsterInstance, settings: Settings, stores: Stores
) -> None:
    venue = BusyVenue(
        SystemClock(),
        rules=[make_raw_rule(base, payload=json.dumps({"symbol": base})) for base in PRICES],
        tickers=make_tickers(),
        balances=make_holdings(**HOLDINGS),
    )
    location = make_location(instance, settings, venue, stores=stores)
    assert location.sync().success
    assert location.rebalance("c1").success
    venue.stores = stores
    assert location.rebalance("c2").success
    venue.stores = None
    assert location.drain().success

    assert {row.state for row in stores.archive.read_orders(cycle_id=CycleId("c1"), limit=9)} == {
        OrderState.FILLED
    }
    assert stores.archive.read_orders(cycle_id=CycleId("c2"), limit=9) == []
    assert len(venue.sends) == 3
    assert {skip.reason.value for skip in stores.archive.read_skips(CycleId("c2"), CORE)} == {
        "SYMBOL_BUSY"
    }

    assert location.rebalance("c3").success
    assert stores.archive.read_orders(cycle_id=CycleId("c3"), limit=9) == []
