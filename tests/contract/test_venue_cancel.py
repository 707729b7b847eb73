"""A cancel is one request at most and never an error; posting and refusing have their own words."""

import logging

import pytest

from rebalancer.queue import SendPermit
from rebalancer.settlement import NotSent, RefusalKind, Refused
from tests.contract.binance_scene import (
    INFO,
    KEY,
    ORDER,
    ORDER_ID,
    SECRET,
    TIME,
    make_answer,
    scene,
)
from tests.contract.raw_server import Behaviour, HangUp, Reply, Silence, answer, error
from tests.factories import NOW_MS, make_order

CANCEL = ("DELETE", "/api/v3/order")
THE_ORDER = make_order()
POST_PERMIT = SendPermit(make_order(style="post"), valid_until_ms=NOW_MS + 60_000)
PERMIT = SendPermit(THE_ORDER, valid_until_ms=NOW_MS + 60_000)

ANSWERS: dict[str, Behaviour] = {
    "cancelled": answer(make_answer(status="CANCELED", origClientOrderId=ORDER_ID)),
    "unknown order": error(-2011, "Unknown order sent."),
    "filled before": error(-2011, "Order was not canceled due to cancel restrictions."),
    "wrong key": error(-2015, status=401),
    "limited": error(-1003, status=429, Retry_After="3"),
    "clock": error(-1021),
    "timeout": error(-1007),
    "503": Reply("", 503),
    "silence": Silence(),
    "closed": HangUp(),
    "empty": Reply(""),
    "truncated": Reply('{"symbol'),
}


@pytest.mark.parametrize("case", ANSWERS)
async def test_whatever_the_venue_answers_one_cancel_is_sent_and_nothing_raised(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with scene({CANCEL: [ANSWERS[case]]}, timeout_ms=200) as (venue, server):
        await venue.cancel(THE_ORDER, "28")
    (sent,) = server.asked(*CANCEL)
    assert (sent.params["symbol"], sent.params["orderId"]) == ("BTCUSDC", "28")
    assert "origClientOrderId" not in sent.params
    assert not [secret for secret in (KEY, SECRET, "signature=") if secret in caplog.text]


async def test_without_the_venues_id_an_order_is_named_by_ours() -> None:
    async with scene({CANCEL: [ANSWERS["cancelled"]]}) as (venue, server):
        await venue.cancel(THE_ORDER, None)
    (sent,) = server.asked(*CANCEL)
    assert sent.params["origClientOrderId"] == ORDER_ID
    assert "orderId" not in sent.params


async def test_without_the_venues_markets_no_cancel_is_sent() -> None:
    async with scene({INFO: [Reply("", 503)]}) as (venue, server):
        await venue.cancel(THE_ORDER, "28")
    assert not server.asked(*CANCEL)


async def test_a_complaint_about_the_clock_is_mended_for_the_next_cancel() -> None:
    async with scene({CANCEL: [error(-1021), ANSWERS["cancelled"]]}) as (venue, server):
        await venue.cancel(THE_ORDER, "28")
        await venue.cancel(THE_ORDER, "28")
    assert len(server.asked(*TIME)) == 1
    assert 0 <= int(server.asked(*CANCEL)[1].params["timestamp"]) - NOW_MS < 60_000


async def test_a_post_order_goes_out_as_one_that_only_makes() -> None:
    resting = make_answer(status="NEW", executedQty="0.00000000", type="LIMIT_MAKER")
    async with scene({ORDER: [answer(resting)]}) as (venue, server):
        await venue.submit(POST_PERMIT)
    (sent,) = server.asked(*ORDER)
    assert sent.params["type"] == "LIMIT_MAKER"
    assert (sent.params["quantity"], sent.params["price"]) == ("1", "50000")
    assert sent.params["newClientOrderId"] == ORDER_ID
    assert not {"timeInForce", "postOnly"} & sent.params.keys()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(-2010, "Order would immediately match and take."), RefusalKind.WOULD_TAKE),
        (error(-1013, "Filter failure: LOT_SIZE"), RefusalKind.RULES),
        (error(-1013, "Filter failure: NOTIONAL"), RefusalKind.RULES),
        (error(-1013, "Filter failure: PRICE_FILTER"), RefusalKind.RULES),
        (error(-2010, "Filter failure: MAX_POSITION"), RefusalKind.RULES),
        (error(-1111), RefusalKind.RULES),
        (
            error(-2010, "Account has insufficient balance for requested action."),
            RefusalKind.FUNDS,
        ),
        (error(-2015, status=401), RefusalKind.DENIED),
        (error(-2014, status=401), RefusalKind.DENIED),
        (error(-1022), RefusalKind.DENIED),
        (error(-1121), RefusalKind.OTHER),
        (error(-2010, "The venue has other reasons."), RefusalKind.OTHER),
    ],
)
async def test_a_refusal_says_of_which_kind_it_is(reply: Reply, kind: RefusalKind) -> None:
    async with scene({ORDER: [reply]}) as (venue, _):
        result = await venue.submit(PERMIT)
    assert isinstance(result, Refused)
    assert result.kind is kind


async def test_an_order_that_no_longer_fits_is_a_refusal_by_the_rules() -> None:
    order = make_order(amount_base=THE_ORDER.amount_base / 3_000_000)
    async with scene() as (venue, server):
        result = await venue.submit(SendPermit(order, PERMIT.valid_until_ms))
    assert isinstance(result, Refused)
    assert result.kind is RefusalKind.RULES
    assert not server.asked(*ORDER)


@pytest.mark.parametrize(
    ("reply", "is_limit", "wait_ms"),
    [
        (error(-1015, status=429, Retry_After="7"), True, 7_000),
        (error(-1003, status=418, Retry_After="120"), True, 120_000),
        (Reply("", 429, {"Retry-After": "2"}), True, 2_000),
        (error(-1021), False, 1_000),
        (error(-1, "System is under maintenance."), False, 1_000),
    ],
)
async def test_not_sent_says_whether_everybody_must_wait(
    reply: Reply, is_limit: bool, wait_ms: int
) -> None:
    async with scene({ORDER: [reply]}) as (venue, _):
        result = await venue.submit(PERMIT)
    assert isinstance(result, NotSent)
    assert (result.is_rate_limit, result.retry_after_ms) == (is_limit, wait_ms)


async def test_a_limit_on_the_markets_is_a_limit_on_the_order() -> None:
    async with scene({INFO: [error(-1003, status=429, Retry_After="9")]}) as (venue, _):
        result = await venue.submit(PERMIT)
    assert isinstance(result, NotSent)
    assert (result.is_rate_limit, result.retry_after_ms) == (True, 9_000)
