"""Is the account still ours alone? Asked at every cycle, before anything is planned.

Orders or money on the account that we did not move freeze the portfolio: to trade on would be to
adopt them in silence. The books are asked first whether the venue told a trade of ours late.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rebalancer.account import AccountTrade, OpenOrder, VenueOrderKey
from rebalancer.account_compare import (
    CLOCKS_APART_MS,
    Account,
    AccountDesk,
    AccountVerdict,
    compare,
)
from rebalancer.balances import RawBalance
from rebalancer.controls import HaltKind, Scope, ScopeKind
from rebalancer.errors import (
    AccountMoved,
    BooksDisagree,
    SkipCycle,
    VenueDenied,
    VenueUnavailable,
)
from rebalancer.halting import freeze_of, impose_halt
from rebalancer.order_states import FINAL_STATES, OrderState
from rebalancer.orders import ClientOrderId, Order
from rebalancer.reconciliation import KnownOrder, Unexplained
from rebalancer.settlement import Accepted, settle

CONFIRM_MS = 2_000
CONFIRMATIONS = 8
"""Venues answer with old balances for seconds. A change must last this many looks to count."""
LATE_FILL_MS = 3_600_000
LATE_ORDERS_MAX = 50
NAMED_MAX = 3
NAME_DIGITS_MIN = 20
_MAY_FILL_LATE = frozenset(
    {
        OrderState.UNFILLED,
        OrderState.PARTIALLY_FILLED,
        OrderState.REFUSED,
        OrderState.DENIED,
        OrderState.EXPIRED,
        OrderState.NOT_FOUND,
    }
)


async def read_account(
    desk: AccountDesk, account: Account
) -> tuple[Sequence[RawBalance], AccountVerdict]:
    """Read the balances, and compare the account with the books where that is possible.

    Returns:
        The balances as the venue sent them, and what came of the comparison.

    Raises:
        AccountMoved: the account has orders or changes that are not ours. The portfolio is frozen,
            unless orders of ours are out: then this cycle is skipped.
        VenueUnavailable, VenueDenied, BadData: as the venue's reads do.
    """
    if _is_frozen(desk, account):
        return await desk.venue.fetch_balances(), AccountVerdict.NOT_COMPARED
    await _freeze_for_open_orders(desk, account)
    seen = await compare(desk, account)
    for look in range(CONFIRMATIONS):
        if seen.verdict is not None:
            return seen.raw, seen.verdict
        if look == 0 and not seen.moving:
            await _freeze_for_late_fills(desk, account, seen.changes)
        await desk.pause(CONFIRM_MS)
        seen = await compare(desk, account)
    if seen.verdict is not None:
        return seen.raw, seen.verdict
    told = "; ".join(str(change) for change in seen.changes)
    if seen.moving:
        raise AccountMoved(f"balances are not what the books say: {told}. Asked again next cycle")
    # Asked again: the venue may tell by now, and at the first look something may have moved.
    await _freeze_for_late_fills(desk, account, seen.changes)
    trades = await _name_culprits(desk, account, seen.changes)
    raise await _freeze(desk, account, f"balances moved without us: {told}{trades}")


@dataclass(frozen=True, slots=True)
class StrayOrders:
    """Open orders of an account that nobody here sees to, and nobody told to leave alone."""

    foreign: tuple[OpenOrder, ...]
    """On no books of ours."""
    ended: Mapping[VenueOrderKey, tuple[OpenOrder, KnownOrder]]
    """Ours, and the books say that they have ended; perhaps only since the venue was asked."""


async def find_stray_orders(desk: AccountDesk, account: Account) -> StrayOrders:
    """Ask the venue what is open, then the books whose it is."""
    standing = await desk.venue.fetch_open_orders(account.symbols)
    if not standing:
        return StrayOrders((), {})
    named = {order.client_order_id for order in standing if order.client_order_id}
    known = await desk.ledger.read_known(
        account.venue,
        client_order_ids={ClientOrderId(name) for name in named},
        venue_keys={order.key for order in standing},
    )
    live = {order.client_order_id for order in desk.queue.live_orders(account.portfolio)}

    def is_live(order: OpenOrder) -> bool:
        name = order.client_order_id or ""
        # Some venues keep only the first digits of an id.
        return len(name) >= NAME_DIGITS_MIN and any(key.startswith(name) for key in live)

    stray = [o for o in standing if o.key not in known.ignored and not is_live(o)]
    booked = {order.key: (order, ours) for order in stray if (ours := known.of_open(order))}
    return StrayOrders(
        foreign=tuple(order for order in stray if order.key not in booked),
        ended={key: pair for key, pair in booked.items() if pair[1].state in FINAL_STATES},
    )


async def _freeze_for_open_orders(desk: AccountDesk, account: Account) -> None:
    """Raises AccountMoved: an open order is nobody's here, and the portfolio is frozen.

    An order of ours may end between the two questions, and venues list one that is over for
    seconds. So it must still be open after the books have said, look after look, that it is not.
    """
    stray = await find_stray_orders(desk, account)
    if foreign := stray.foreign:
        told = "; ".join(_describe_order(order) for order in foreign[:NAMED_MAX])
        raise await _freeze(desk, account, f"{len(foreign)} open orders are not ours: {told}")
    ended = dict(stray.ended)
    for _ in range(CONFIRMATIONS):
        if not ended:
            return
        await desk.pause(CONFIRM_MS)
        again = await find_stray_orders(desk, account)
        ended = {key: pair for key, pair in again.ended.items() if key in ended}
    if ended:
        told = "; ".join(
            f"{_describe_order(order)}, which the books call {known.state.value}"
            for order, known in list(ended.values())[:NAMED_MAX]
        )
        raise await _freeze(
            desk,
            account,
            f"{len(ended)} orders of ours that ended on the books are open at the venue: {told}. "
            "Cancel each of them at the venue; `trimtab orders ignore VENUE_ID --portfolio "
            f"{account.portfolio}` leaves one alone",
        )


async def book_late_fills(
    desk: AccountDesk, account: Account, changes: Sequence[Unexplained]
) -> tuple[str, ...]:
    """Ask again about orders that ended lately and could explain it; book what they filled since.

    Returns:
        What the books had said of each order that did fill. All of them are on the books now.
    """
    moved = {change.asset for change in changes}
    since_ms = desk.clock.now_ms() - LATE_FILL_MS
    ended = await desk.ledger.read_ended(account.portfolio, since_ms=since_ms)
    may_be = [
        booked.order
        for booked in ended
        if booked.state in _MAY_FILL_LATE
        and not moved.isdisjoint((booked.order.symbol.base, booked.order.symbol.quote))
    ]
    told = [await _book_again(desk, order) for order in may_be[:LATE_ORDERS_MAX]]
    return tuple(contradiction for contradiction in told if contradiction)


async def _freeze_for_late_fills(
    desk: AccountDesk, account: Account, changes: Sequence[Unexplained]
) -> None:
    """Raises AccountMoved: orders of ours filled after their end, and the portfolio is frozen."""
    if told := await book_late_fills(desk, account, changes):
        raise await _freeze(desk, account, "; ".join(told[:NAMED_MAX]))


async def _book_again(desk: AccountDesk, order: Order) -> str | None:
    answer = await desk.venue.look_up(order)
    if not (isinstance(answer, Accepted) and answer.is_closed and answer.filled_base > 0):
        return None
    fills = await desk.venue.fetch_fills(order, answer.venue_order_id)
    try:
        receipt = await desk.ledger.record(settle(answer, fills), now_ms=desk.clock.now_ms())
    except BooksDisagree as disagreement:
        return str(disagreement)
    # It left the queue with its first end; what it traded since counts against the day's cap.
    desk.queue.acknowledge(receipt)
    return receipt.contradiction


async def _name_culprits(
    desk: AccountDesk, account: Account, changes: Sequence[Unexplained]
) -> str:
    """What moved the balances, where the venue can tell; a freeze never waits for that."""
    try:
        return await _foreign_trades(desk, account, changes)
    except (SkipCycle, VenueUnavailable, VenueDenied) as problem:
        return f"; what moved them could not be read: {problem}"


async def _foreign_trades(
    desk: AccountDesk, account: Account, changes: Sequence[Unexplained]
) -> str:
    """Name trades that are not ours and moved what moved, where the venue lists any."""
    baseline = await desk.ledger.read_baseline(account.portfolio)
    since_ms = baseline.taken_at_ms if baseline else desk.clock.now_ms() - LATE_FILL_MS
    since_ms -= CLOCKS_APART_MS  # A venue dates its trades by a clock of its own.
    moved = {change.asset for change in changes}
    trades: list[AccountTrade] = []
    for symbol in account.symbols:
        if symbol.base in moved:
            trades += await desk.venue.fetch_account_trades(symbol, since_ms=since_ms)
    known = await desk.ledger.read_known(
        account.venue,
        client_order_ids=(),
        venue_keys={trade.order_key for trade in trades},
    )
    foreign = [trade for trade in trades if known.of_trade(trade.order_key) is None]
    if not foreign:
        return "; no trade explains it (a deposit, a withdrawal, a transfer?)"
    told = "; ".join(
        f"trade {trade.trade_id}: {trade.side} {trade.amount_base:f} {trade.symbol} of order "
        f"{trade.venue_order_id}"
        for trade in foreign[:NAMED_MAX]
    )
    return f"; {len(foreign)} trades are not ours: {told}"


async def _freeze(desk: AccountDesk, account: Account, reason: str) -> AccountMoved:
    halt = freeze_of(account.portfolio, reason, now_ms=desk.clock.now_ms())
    await impose_halt(halt, controls=desk.controls, ledger=desk.ledger, alarm=desk.alarm)
    return AccountMoved(
        f"portfolio {account.portfolio} is frozen: {reason}. Look at the account, then "
        f"`trimtab orders adopt --portfolio {account.portfolio}` takes it as it is"
    )


def _is_frozen(desk: AccountDesk, account: Account) -> bool:
    scope = Scope(ScopeKind.PORTFOLIO, account.portfolio)
    return any(
        halt.scope == scope and halt.kind is HaltKind.FREEZE for halt in desk.controls.halts()
    )


def _describe_order(order: OpenOrder) -> str:
    price = "" if order.limit_price_quote is None else f" at {order.limit_price_quote:f}"
    return (
        f"{order.venue_order_id} ({order.side} {order.amount_base:f} {order.symbol}{price}, "
        f"client id {order.client_order_id or 'none'})"
    )
