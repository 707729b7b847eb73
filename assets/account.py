"""Reading an account at the start of a cycle: the stores are brought together first.

Belongs here: handing the settings and the stores to `rebalancer.account_check`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rebalancer.account_check import read_account
from rebalancer.account_compare import Account, AccountDesk, AccountVerdict
from rebalancer.balances import RawBalance
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.ports import Alarm, Clock, Venue
from rebalancer.recovery import recover_queue
from resources.settings_portfolio import PortfolioSettings
from resources.wiring import Stores


async def pause(wait_ms: int) -> None:
    await asyncio.sleep(wait_ms / 1_000)


@dataclass(frozen=True, slots=True)
class AccountReader:
    """Reads accounts with these stores."""

    stores: Stores
    clock: Clock
    alarm: Alarm
    pause: Callable[[int], Awaitable[None]] = pause

    async def read(
        self, venue: Venue, name: PortfolioName, portfolio: PortfolioSettings
    ) -> tuple[Sequence[RawBalance], AccountVerdict]:
        """Bring queue and books together, then read and compare. Raises as `read_account` does."""
        stores = self.stores
        await recover_queue(
            stores.queue, stores.controls, stores.ledger, self.alarm, now_ms=self.clock.now_ms()
        )
        desk = AccountDesk(
            venue=venue,
            queue=stores.queue,
            controls=stores.controls,
            ledger=stores.ledger,
            alarm=self.alarm,
            clock=self.clock,
            pause=self.pause,
        )
        return await read_account(desk, account_of(name, portfolio))


def account_of(name: PortfolioName, portfolio: PortfolioSettings) -> Account:
    """What of an account the settings say is ours to manage."""
    return Account(
        portfolio=name,
        venue=VenueName(portfolio.venue),
        symbols=portfolio.symbols,
        managed=frozenset({*portfolio.targets().weight_bps, portfolio.cash}),
        unexplained_bps_max=portfolio.unexplained_bps_max,
    )
