"""`trimtab orders approve|reject`: plans that wait for a person, where the settings ask for one.

Belongs here: choosing the orders, and queueing or ending them. An approval goes on the books first:
an order that may be sent is never one that the books still call unapproved. Of two people who judge
one order at once the books take the first, and the second is told.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rebalancer.controls import scopes_of
from rebalancer.order_states import OrderState
from rebalancer.orders import Order
from rebalancer.queueing import HandedOver, hand_over
from rebalancer.recovery import recover_queue
from resources.archive_rows import OrderRow
from resources.settings import Settings
from resources.system_clock import SystemClock
from resources.wiring import Stores, open_alarm
from services.cli.asking import actor, confirm
from services.cli.choosing import WAITING, Choice, chosen_orders
from services.cli.failures import CommandFailed, Exit
from services.cli.halt_words import cure_of
from services.cli.instants import instant_text
from services.cli.order_words import ID_SHOWN, in_sending_order, order_json, show_orders
from services.cli.stores_apart import chosen_stores
from services.cli.terminal import counted, print_json, say

REASON_MAX = 500
_EXPIRED = "booked as expired; the next cycle plans afresh"


@dataclass(frozen=True, slots=True)
class Judged:
    """One order and what became of it; `problem` None: as asked."""

    row: OrderRow
    state: OrderState
    problem: str | None = None


def approve_orders(choice: Choice, *, reason: str | None, is_sure: bool, as_json: bool) -> None:
    """Let the chosen orders into the queue."""
    said = require_reason(reason) if reason else "no reason given"
    with chosen_stores() as (settings, stores):
        rows = in_sending_order(chosen_orders(stores, choice))
        _refuse_halted(rows, stores)
        _ask(rows, "Approve", is_sure=is_sure, as_json=as_json)
        judged = asyncio.run(_approve(rows, f"approved by {actor()}: {said}", settings, stores))
    _tell(judged, "Approved", as_json=as_json)


def reject_orders(choice: Choice, *, reason: str, is_sure: bool, as_json: bool) -> None:
    """End the chosen orders unsent; the next cycle plans afresh."""
    detail = f"rejected by {actor()}: {require_reason(reason)}"
    with chosen_stores() as (_, stores):
        rows = in_sending_order(chosen_orders(stores, choice))
        _ask(rows, "Reject", is_sure=is_sure, as_json=as_json)
        judged = asyncio.run(_reject(rows, detail, stores))
    _tell(judged, "Rejected", as_json=as_json)


async def _approve(
    rows: Sequence[OrderRow], detail: str, settings: Settings, stores: Stores
) -> list[Judged]:
    now_ms = SystemClock().now_ms()
    # A queue that lost its data takes nothing before it was filled again; and what is too old ends.
    await recover_queue(
        stores.queue, stores.controls, stores.ledger, open_alarm(settings), now_ms=now_ms
    )
    generation = stores.queue.generation()
    handed = await hand_over(
        [row.order for row in rows if not _is_old(row.order, now_ms)],
        stores.queue,
        stores.ledger,
        before=WAITING,
        generation=generation,
        detail=detail,
        now_ms=now_ms,
    )
    return [_judged(row, handed, stores, now_ms) for row in rows]


async def _reject(rows: Sequence[OrderRow], detail: str, stores: Stores) -> list[Judged]:
    moved = await stores.ledger.move(
        [row.order for row in rows],
        before=WAITING,
        after=OrderState.REJECTED,
        detail=detail,
        now_ms=SystemClock().now_ms(),
    )
    rejected = {order.client_order_id for order in moved}
    return [
        Judged(row, OrderState.REJECTED)
        if row.order.client_order_id in rejected
        else _overtaken(row, stores)
        for row in rows
    ]


def _judged(row: OrderRow, handed: HandedOver, stores: Stores, now_ms: int) -> Judged:
    """What became of one order that was to be approved."""
    order, name = row.order, row.order.client_order_id
    if name in handed.queued:
        return Judged(row, OrderState.QUEUED)
    if name in handed.unsent:
        return Judged(row, OrderState.EXPIRED, f"{handed.unsent[name]}, so it was {_EXPIRED}")
    found = _overtaken(row, stores)
    if found.state is OrderState.EXPIRED and _is_old(order, now_ms):
        since = instant_text(order.expires_at_ms)
        problem = f"too old to send since {since}, {_EXPIRED}. Raise order_ttl_ms to have more time"
        return Judged(row, OrderState.EXPIRED, problem)
    return found


def _overtaken(row: OrderRow, stores: Stores) -> Judged:
    """Two people may judge the same order at once: whoever was first has decided."""
    name = row.order.client_order_id
    return Judged(
        row,
        stores.archive.read_history(name)[-1].state,
        f"judged by somebody else meanwhile; trimtab orders {name[:ID_SHOWN]} says by whom",
    )


def _is_old(order: Order, now_ms: int) -> bool:
    return now_ms >= order.expires_at_ms


def _refuse_halted(rows: Sequence[OrderRow], stores: Stores) -> None:
    """A halt ends what waits: approved under one, an order would be lost to no end."""
    halts = {halt.scope: halt for halt in stores.controls.halts()}
    for row in rows:
        for scope in scopes_of(row.order.venue, row.order.portfolio):
            if halt := halts.get(scope):
                raise CommandFailed(
                    f"{scope} is halted ({halt.reason}): order "
                    f"{row.order.client_order_id[:ID_SHOWN]}, approved now, would end as expired. "
                    f"First {cure_of(halt)}",
                    Exit.GOAL_MISSED,
                )


def require_reason(reason: str) -> str:
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise CommandFailed(
            f"--reason: expected 1 to {REASON_MAX} characters, was {len(reason.strip())}",
            Exit.BAD_INPUT,
        )
    return reason.strip()


def _ask(rows: Sequence[OrderRow], doing: str, *, is_sure: bool, as_json: bool) -> None:
    if not as_json:
        show_orders(rows)
    confirm(f"{doing} {counted(len(rows), 'order')}?", is_sure=is_sure)


def _tell(judged: Sequence[Judged], done: str, *, as_json: bool) -> None:
    problems = [one for one in judged if one.problem is not None]
    if as_json:
        print_json([_json(one) for one in judged])
    else:
        say(f"{done}: {counted(len(judged) - len(problems), 'order')}.")
    if problems:
        told = [f"{one.row.order.client_order_id[:ID_SHOWN]}: {one.problem}" for one in problems]
        raise CommandFailed(f"not {done.lower()}: {'; '.join(told)}", Exit.GOAL_MISSED)


def _json(judged: Judged) -> dict[str, Any]:
    return {
        **order_json(judged.row),
        "state": judged.state.value,
        "problem": judged.problem,
    }
