"""`trimtab orders adopt|ignore ID --portfolio`: an open order at the venue that is not ours.

Belongs here: making it ours, or leaving it alone for good. Neither ends the freeze of its
portfolio: that is `trimtab orders adopt --portfolio`, once every such order is settled.
"""

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rebalancer.account import OpenOrder
from rebalancer.account_check import find_stray_orders
from rebalancer.account_compare import AccountDesk
from rebalancer.money import ZERO
from rebalancer.order_states import OrderState
from rebalancer.orders import ClientOrderId, CycleId, Order
from rebalancer.recovery import recover_queue
from rebalancer.settlement import Accepted
from rebalancer.slices import RESIDUAL_ATTEMPTS_MAX
from resources.system_clock import SystemClock
from services.cli.account_view import Ground, ground_of
from services.cli.adopting import describe_open
from services.cli.asking import actor, confirm
from services.cli.failures import CommandFailed, Exit
from services.cli.order_words import ADOPTED
from services.cli.stores_apart import chosen_stores
from services.cli.terminal import print_json, progress, say


@dataclass(frozen=True, slots=True)
class Foreign:
    """An open order that is not ours, and the order of ours that it would become."""

    open_order: OpenOrder
    order: Order


def adopt_order(venue_order_id: str, portfolio: str, *, is_sure: bool, as_json: bool) -> None:
    """Take an open order into the books and the queue, as one that was sent and is in doubt."""
    with chosen_stores() as (settings, stores):
        ground = ground_of(settings, stores, portfolio)
        with progress("asking the venue"):
            found = asyncio.run(
                ground.at_venue(lambda desk: _find(desk, ground, venue_order_id, may_be_ours=False))
            )
            foreign = asyncio.run(ground.at_venue(lambda desk: _as_ours(desk, ground, found)))
        if not as_json:
            say(
                f"{describe_open(found)} becomes an order of {portfolio}: the next drain looks it "
                "up, cancels it where it still rests, and books what it traded."
            )
        confirm("Take it?", is_sure=is_sure)
        asyncio.run(ground.at_venue(lambda desk: _take(desk, foreign)))
    _tell("adopted", foreign.open_order, portfolio, as_json=as_json, order=foreign.order)


def ignore_order(
    venue_order_id: str, portfolio: str, *, reason: str, is_sure: bool, as_json: bool
) -> None:
    """Leave an open order alone for good."""
    if not reason.strip():
        raise CommandFailed("--reason: expected why it is left alone, was ''", Exit.BAD_INPUT)
    with chosen_stores() as (settings, stores):
        ground = ground_of(settings, stores, portfolio)
        with progress("asking the venue"):
            found = asyncio.run(
                ground.at_venue(lambda desk: _find(desk, ground, venue_order_id, may_be_ours=True))
            )
        if not as_json:
            say(
                f"{describe_open(found)} is left alone. Should it fill, the balances move without "
                f"us and {portfolio} freezes again."
            )
        confirm("Leave it alone for good?", is_sure=is_sure)
        asyncio.run(
            stores.ledger.record_ignored(
                ground.account.venue,
                found.key,
                actor=actor(),
                reason=reason.strip(),
                now_ms=SystemClock().now_ms(),
            )
        )
    _tell("ignored", found, portfolio, as_json=as_json)


async def _find(
    desk: AccountDesk, ground: Ground, venue_order_id: str, *, may_be_ours: bool
) -> OpenOrder:
    """The open order of that id, which is not ours; or whose end is on the books all the same."""
    stray = await find_stray_orders(desk, ground.account)
    ended = tuple(order for order, _ in stray.ended.values())
    foreign = stray.foreign + (ended if may_be_ours else ())
    named = [order for order in foreign if order.venue_order_id == venue_order_id]
    if len(named) > 1:
        told = "; ".join(describe_open(order) for order in named)
        raise CommandFailed(
            f"{len(named)} open orders of venue {ground.account.venue} that are not ours have the "
            f"id {venue_order_id!r}: {told}. Cancel all but one of them at the venue",
            Exit.BAD_INPUT,
        )
    if named:
        return named[0]
    listed = "; ".join(describe_open(order) for order in foreign) or "none"
    raise CommandFailed(
        f"venue {ground.account.venue} has no open order {venue_order_id!r} that is not ours or "
        f"ignored already; expected one of: {listed}. What an order that has ended did to the "
        f"balances is taken with trimtab orders adopt --portfolio {ground.account.portfolio}",
        Exit.BAD_INPUT,
    )


async def _as_ours(desk: AccountDesk, ground: Ground, found: OpenOrder) -> Foreign:
    """The order it would be for us; refused where we could not find it again by its client id."""
    other = (
        f"Leave it alone (trimtab orders ignore {found.venue_order_id} --portfolio "
        f"{ground.account.portfolio} --reason TEXT), or cancel it at the venue"
    )
    named, limit = found.client_order_id, found.limit_price_quote
    if named is None or limit is None:
        missing = "client order id" if named is None else "limit price"
        raise CommandFailed(
            f"order {found.venue_order_id} has no {missing}, so it cannot be kept as one of ours. "
            f"{other}",
            Exit.GOAL_MISSED,
        )
    order = _order_of(found, ClientOrderId(named), limit, ground, now_ms=desk.clock.now_ms())
    answer = await desk.venue.look_up(order)
    if not (isinstance(answer, Accepted) and answer.venue_order_id == found.venue_order_id):
        raise CommandFailed(
            f"the venue does not find order {found.venue_order_id} by its client order id "
            f"{named!r} ({type(answer).__name__}), so its end could never be learned. {other}",
            Exit.GOAL_MISSED,
        )
    return Foreign(found, order)


def _order_of(
    found: OpenOrder, named: ClientOrderId, limit: Decimal, ground: Ground, *, now_ms: int
) -> Order:
    told = ground.settings.portfolios[ground.account.portfolio]
    return Order(
        client_order_id=named,
        cycle_id=CycleId(f"{ADOPTED}-{found.venue_order_id}"),
        portfolio=ground.account.portfolio,
        venue=ground.account.venue,
        symbol=found.symbol,
        side=found.side,
        amount_base=found.amount_base,
        limit_price_quote=limit,
        # The mid when it was placed is nobody's knowledge; against its own limit it cost nothing.
        arrival_mid_quote=limit,
        drift_bps=ZERO,
        urgency=ZERO,
        rules_version=ADOPTED,
        # Trades of it are asked for from then on, where the venue cannot be asked by order.
        planned_at_ms=min(found.placed_at_ms, now_ms),
        expires_at_ms=now_ms + told.order_ttl_ms,
        slice_index=0,
        # Nothing follows on it: what it leaves unfilled was nobody's plan of ours.
        attempt=RESIDUAL_ATTEMPTS_MAX,
        style="post",
        worst_price_quote=limit,
        leg_rest_base=ZERO,
        least_base=found.amount_base,
    )


async def _take(desk: AccountDesk, foreign: Foreign) -> None:
    """On the books first; then into the queue, as everything that may have been sent goes there."""
    now_ms, order = desk.clock.now_ms(), foreign.order
    await desk.ledger.record_planned([order], now_ms=now_ms)
    await desk.ledger.note(
        order, OrderState.IN_DOUBT, detail=f"{ADOPTED} by {actor()}", now_ms=now_ms
    )
    await recover_queue(desk.queue, desk.controls, desk.ledger, desk.alarm, now_ms=now_ms)


def _tell(
    done: str, found: OpenOrder, portfolio: str, *, as_json: bool, order: Order | None = None
) -> None:
    if as_json:
        said: dict[str, Any] = {
            done: True,
            "portfolio": portfolio,
            "venue_order_id": found.venue_order_id,
            "client_order_id": None if order is None else order.client_order_id,
        }
        print_json(said)
        return
    say(
        f"{done.capitalize()}: {found.venue_order_id}. Where {portfolio} is frozen, go on with "
        f"trimtab orders adopt --portfolio {portfolio}"
        + (" once a drain has ended the order." if order else ".")
    )
