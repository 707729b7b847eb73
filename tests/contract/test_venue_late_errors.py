"""An error after the venue said yes proves nothing about the order, whatever its class says."""

import asyncio
from typing import Any

import pytest

from rebalancer.queue import SendPermit
from rebalancer.settlement import Refused, Submission, Unanswered
from resources.ccxt_client import note_success
from resources.ccxt_orders import submit
from resources.ccxt_session import CcxtSession
from tests.factories import NOW_MS, VENUE, make_order
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

PERMIT = SendPermit(make_order(), valid_until_ms=NOW_MS + 60_000)


class BadRequest(Exception):
    """Named as ccxt's is: refused, when nothing went before it."""


class LateClient:
    """A client that raises after, or without, a first request that succeeded."""

    timeout = 1_000
    markets: dict[str, Any] = {"BTC/USDC": {}}  # noqa: RUF012  # read only, like ccxt's own

    def __init__(self, *, first_succeeds: bool) -> None:
        self._first_succeeds = first_succeeds

    def amount_to_precision(self, _symbol: str, amount: str) -> str:
        return amount

    def price_to_precision(self, _symbol: str, price: str) -> str:
        return price

    async def create_order(self, *_: object) -> Any:
        await asyncio.sleep(0)
        if self._first_succeeds:
            note_success()
        await asyncio.sleep(0)
        raise BadRequest("cannot make sense of the answer")


async def submit_through(client: LateClient) -> Submission:
    session = CcxtSession(
        client, name=VENUE, clock=FakeClock(), tap=FakeTap(FakeClock()), secrets=()
    )
    return await submit(session, PERMIT)


@pytest.mark.parametrize(("first_succeeds", "kind"), [(True, Unanswered), (False, Refused)])
async def test_a_refusal_counts_only_before_the_first_success(
    first_succeeds: bool, kind: type[Submission]
) -> None:
    assert isinstance(await submit_through(LateClient(first_succeeds=first_succeeds)), kind)


async def test_orders_sent_side_by_side_do_not_see_each_others_success() -> None:
    clients = [LateClient(first_succeeds=succeeds) for succeeds in (True, False, True)]
    answers = await asyncio.gather(*(submit_through(client) for client in clients))
    assert [type(answer) for answer in answers] == [Unanswered, Refused, Unanswered]


async def test_an_earlier_order_of_the_same_task_leaves_no_trace() -> None:
    assert isinstance(await submit_through(LateClient(first_succeeds=True)), Unanswered)
    assert isinstance(await submit_through(LateClient(first_succeeds=False)), Refused)
