"""One look at an account, compared with the books wherever nothing of ours is moving it.

Belongs here: reading balances and saying what of them nobody can explain. What then follows is
`account_check`; what a change is, is `reconciliation`.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rebalancer.balances import Balance, RawBalance, sanitize_balances
from rebalancer.ledger import Ledger
from rebalancer.money import Asset, Symbol
from rebalancer.orders import PortfolioName, VenueName
from rebalancer.ports import Alarm, Clock, OrderQueue, TradingControls, Venue
from rebalancer.queue import Stage
from rebalancer.reconciliation import Baseline, BookedFill, Unexplained, unexplained_changes

QUIET_MS = 2_000
"""An order that ended this shortly before balances were read may or may not be in them."""
CLOCKS_APART_MS = 2_000
"""The most by which the clocks of two machines differ: the key check stops one that is a second off
its venue's, either way."""
assert QUIET_MS >= CLOCKS_APART_MS
"""Whoever booked a trade may be behind whoever took the baseline: see `read_traded_since`."""
FEE_MEMORY_MS = 7 * 86_400_000
"""How long an asset counts as one that fees are paid in, after the last fee that was."""
BASELINE_AGE_MS_MAX = 3_600_000


class AccountVerdict(StrEnum):
    """What came of comparing an account with the books."""

    AGREES = "agrees"
    AGREES_SO_FAR = "agrees where nothing of ours moves"
    """Orders of ours are out, or have just ended: their symbols and cash could not be compared."""
    NOT_COMPARED = "not compared"
    """The portfolio is frozen already, or there is nothing yet to compare with."""


@dataclass(frozen=True, slots=True)
class Account:
    """One portfolio's account, and what of it is managed."""

    portfolio: PortfolioName
    venue: VenueName
    symbols: tuple[Symbol, ...]
    managed: frozenset[Asset]
    unexplained_bps_max: int


@dataclass(frozen=True, slots=True)
class AccountDesk:
    """What the comparison works with. `pause` waits for so many milliseconds."""

    venue: Venue
    queue: OrderQueue
    controls: TradingControls
    ledger: Ledger
    alarm: Alarm
    clock: Clock
    pause: Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What one look showed.

    `moving` are the symbols that orders of ours may be moving. `verdict` None: there are changes.
    """

    raw: Sequence[RawBalance]
    moving: frozenset[Symbol]
    changes: tuple[Unexplained, ...]
    verdict: AccountVerdict | None


async def compare(desk: AccountDesk, account: Account) -> Comparison:
    """Read the balances, and compare those that no order of ours may be moving.

    Balances told too late would be traded on twice, so a symbol that has come to rest is compared
    even while others move; cash only when everything rests.
    """
    asked_at_ms = desk.clock.now_ms()
    was_out = _symbols_out(desk, account)
    raw = await desk.venue.fetch_balances()
    balances, unreadable = sanitize_balances(raw)
    # The queue before the books: an order reaches the books before it leaves the queue.
    is_out = _symbols_out(desk, account)
    recent = await desk.ledger.read_traded(account.portfolio, since_ms=asked_at_ms - QUIET_MS)
    moving = was_out | is_out | {booked.symbol for booked in recent}
    baseline = await desk.ledger.read_baseline(account.portfolio)
    fresh = baseline_of(account, balances, asked_at_ms)
    if unreadable or (baseline is None and moving):
        return Comparison(raw, moving, (), AccountVerdict.NOT_COMPARED)
    if baseline is None:
        await desk.ledger.record_baseline(fresh)
        return Comparison(raw, moving, (), AccountVerdict.AGREES)
    traded = await read_traded_since(desk.ledger, baseline)
    changes = unexplained_changes(
        baseline,
        traded,
        balances,
        managed=await _at_rest(desk, account, moving, asked_at_ms),
        tolerance_bps=account.unexplained_bps_max,
    )
    if changes:
        return Comparison(raw, moving, changes, None)
    if moving:
        return Comparison(raw, moving, (), AccountVerdict.AGREES_SO_FAR)
    is_old = asked_at_ms - baseline.taken_at_ms >= BASELINE_AGE_MS_MAX
    if is_old or fresh.totals != baseline.totals:
        await desk.ledger.record_baseline(fresh)
    return Comparison(raw, moving, (), AccountVerdict.AGREES)


def baseline_of(account: Account, balances: Mapping[Asset, Balance], taken_at_ms: int) -> Baseline:
    """What is kept of an account: whatever it holds, and zeros of what is managed."""
    totals = {
        asset: balance.total
        for asset, balance in balances.items()
        if balance.total > 0 or asset in account.managed
    }
    return Baseline(account.portfolio, totals, taken_at_ms)


async def read_traded_since(ledger: Ledger, baseline: Baseline) -> tuple[BookedFill, ...]:
    """Trades that reached the books after a baseline was taken.

    A baseline is taken only where nothing was booked within QUIET_MS before it. So whatever the
    books show of that time now came after it, from a machine whose clock is behind.
    """
    since_ms = baseline.taken_at_ms - QUIET_MS
    return await ledger.read_traded(baseline.portfolio, since_ms=since_ms)


async def _at_rest(
    desk: AccountDesk, account: Account, moving: Collection[Symbol], now_ms: int
) -> frozenset[Asset]:
    """The managed assets that nothing of ours may be moving.

    What moves may also be charged in an asset of neither side, such as the venue's own coin. The
    books show whether the account pays so; until its first such fee nobody can know.
    """
    if not moving:
        return account.managed
    touched = {asset for symbol in moving for asset in (symbol.base, symbol.quote)}
    since_ms = now_ms - FEE_MEMORY_MS
    fees = await desk.ledger.read_fee_assets(account.portfolio, since_ms=since_ms)
    return account.managed - touched - fees


def _symbols_out(desk: AccountDesk, account: Account) -> frozenset[Symbol]:
    """Symbols of orders that were sent and have not ended: they may move money at any time."""
    live = desk.queue.live_orders(account.portfolio)
    stages = desk.queue.stages([order.client_order_id for order in live])
    return frozenset(
        order.symbol for order in live if stages.get(order.client_order_id) is Stage.SENT
    )
