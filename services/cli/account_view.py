"""A portfolio's account beside its books, for the commands that settle a difference by hand.

Belongs here: one look at both. What follows from it is up to each command.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from assets.account import account_of
from rebalancer.account_check import StrayOrders, find_stray_orders
from rebalancer.account_compare import Account, AccountDesk, baseline_of, read_traded_since
from rebalancer.balances import Balance, sanitize_balances
from rebalancer.cycle import require_readable
from rebalancer.money import Asset
from rebalancer.ports import Venue
from rebalancer.reconciliation import Baseline, Unexplained, unexplained_changes
from rebalancer.recovery import recover_queue
from resources.settings import Settings
from resources.settings_venue import VenueSettings
from resources.system_clock import SystemClock
from resources.wiring import Stores, Venues, open_alarm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ground:
    """What these commands stand on: one portfolio with its account, settings and stores."""

    settings: Settings
    stores: Stores
    account: Account
    venue: VenueSettings

    async def at_venue(self, ask: Callable[[AccountDesk], Awaitable[T]]) -> T:
        """Ask with a client of the venue, which is closed again."""
        await self.bring_together()
        clock = SystemClock()
        venues = Venues(self.settings, clock)
        async with venues.connect(self.account.venue, self.stores.queue) as venue:
            return await ask(self._desk(venue))

    async def bring_together(self) -> None:
        """Fill a queue that has lost its data again: nobody else may have started since."""
        stores, now_ms = self.stores, SystemClock().now_ms()
        alarm = open_alarm(self.settings)
        await recover_queue(stores.queue, stores.controls, stores.ledger, alarm, now_ms=now_ms)

    def _desk(self, venue: Venue) -> AccountDesk:
        stores = self.stores
        return AccountDesk(
            venue=venue,
            queue=stores.queue,
            controls=stores.controls,
            ledger=stores.ledger,
            alarm=open_alarm(self.settings),
            clock=SystemClock(),
            pause=_never,
        )


@dataclass(frozen=True, slots=True)
class AccountView:
    """The account at one moment. `changes` are against the books, to the last digit."""

    baseline: Baseline
    changes: tuple[Unexplained, ...]
    stray: StrayOrders
    ended_lately: bool


def ground_of(settings: Settings, stores: Stores, portfolio: str) -> Ground:
    """Raises BadConfig for a portfolio that is not in the settings."""
    name, told, venue = settings.portfolio(portfolio)
    return Ground(settings, stores, account_of(name, told), venue)


async def view_account(desk: AccountDesk, account: Account, *, quiet_ms: int) -> AccountView:
    """Read the account and what the books expect of it.

    Raises:
        BadData: a balance cannot be read.
        VenueUnavailable, VenueDenied: as the venue's reads do.
    """
    at_ms = desk.clock.now_ms()
    balances, unreadable = sanitize_balances(await desk.venue.fetch_balances())
    require_readable(unreadable)
    recent = await desk.ledger.read_traded(account.portfolio, since_ms=at_ms - quiet_ms)
    return AccountView(
        baseline=baseline_of(account, balances, at_ms),
        changes=await _changes(desk, account, balances),
        stray=await find_stray_orders(desk, account),
        ended_lately=bool(recent),
    )


async def _changes(
    desk: AccountDesk, account: Account, balances: Mapping[Asset, Balance]
) -> tuple[Unexplained, ...]:
    before = await desk.ledger.read_baseline(account.portfolio)
    if before is None:
        return ()
    traded = await read_traded_since(desk.ledger, before)
    return unexplained_changes(before, traded, balances, managed=account.managed, tolerance_bps=0)


async def _never(wait_ms: int) -> None:
    raise AssertionError(f"a command does not wait {wait_ms} ms for an account to settle")
