"""What an earlier paper run left behind: orders for an exchange that is gone, and its account.

Belongs here: ending the one and forgetting the other, so that a new paper exchange begins afresh.
Only for venues whose exchange was just started: at a real venue an order is looked up, never
presumed, and an account is compared.
"""

import asyncio
from collections.abc import Collection
from urllib.parse import urlsplit

from rebalancer.controls import HaltKind, Scope, ScopeKind
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.queue import MAIN_SLOT, Claim, InDoubt
from rebalancer.recovery import recover_queue
from rebalancer.settlement import Expired, settle
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, open_alarm
from services.cli.dagster_home import LOOPBACK

TENURE_MS = 30_000
LEASE_MS = 5_000
GONE = "its paper exchange is gone"
ACTOR = "a new paper exchange"


def begin_on_paper(stores: Stores, settings: Settings) -> None:
    """Begin with an empty queue and new accounts at the paper exchange that was just started."""
    asyncio.run(_begin(stores, settings))


async def _begin(stores: Stores, settings: Settings) -> None:
    clock, alarm = SystemClock(), open_alarm(settings)
    await recover_queue(stores.queue, stores.controls, stores.ledger, alarm, now_ms=clock.now_ms())
    portfolios = {
        PortfolioName(name): VenueName(portfolio.venue)
        for name, portfolio in settings.portfolios.items()
        if _is_paper(settings.venues[portfolio.venue].rest_url)
    }
    await _retire(stores, portfolios, clock)
    for portfolio, venue in portfolios.items():
        await stores.ledger.forget_baseline(portfolio)
        frozen, denied = Scope(ScopeKind.PORTFOLIO, portfolio), Scope(ScopeKind.VENUE, venue)
        for scope, kind in ((frozen, HaltKind.FREEZE), (denied, HaltKind.DENIED)):
            await stores.ledger.lift_halt(scope, kind, actor=ACTOR, now_ms=clock.now_ms())
            stores.controls.lift(scope, kind)


async def _retire(
    stores: Stores, portfolios: Collection[PortfolioName], clock: SystemClock
) -> None:
    """End every order of these portfolios that may be claimed now."""
    depth = stores.queue.depth()
    if depth.is_empty:
        return
    tenure = stores.queue.open_tenure(MAIN_SLOT, owner=ACTOR, ttl_ms=TENURE_MS)
    if tenure is None:
        return
    try:
        while True:
            now_ms = clock.now_ms()
            claim = stores.queue.claim(tenure, now_ms=now_ms, lease_ms=LEASE_MS)
            if not isinstance(claim, Claim | InDoubt):
                return
            if claim.order.portfolio in portfolios:
                settlement = settle(Expired(claim.order, GONE), ())
                receipt = await stores.ledger.record(settlement, now_ms=now_ms)
                stores.queue.acknowledge(receipt)
    finally:
        stores.queue.close_tenure(tenure)


def _is_paper(rest_url: str | None) -> bool:
    return urlsplit(rest_url or "").hostname in LOOPBACK
