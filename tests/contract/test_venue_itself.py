"""What a venue says of itself, of its clock and of the key, Binance's words and other venues'."""

import base64
import json
from typing import Any

import pytest

from rebalancer.account import VenueStatus
from rebalancer.credentials import UNTOLD, KeyRights
from rebalancer.errors import BadData, VenueDenied, VenueUnavailable
from rebalancer.ports import Clock
from resources.ccxt_venue import CcxtOptions, CcxtVenue
from tests.contract.binance_scene import KEY, SECRET, TIME, scene
from tests.contract.raw_server import (
    Behaviour,
    HangUp,
    Reply,
    Routes,
    Silence,
    answer,
    error,
    serving,
)
from tests.factories import NOW_MS, VENUE
from tests.fakes.clock import FakeClock
from tests.fakes.tap import FakeTap

STATUS = ("GET", "/sapi/v1/system/status")
RIGHTS = ("GET", "/sapi/v1/account/apiRestrictions")
RESTRICTIONS = {
    "ipRestrict": True,
    "createTime": NOW_MS,
    "enableReading": True,
    "enableSpotAndMarginTrading": True,
    "enableWithdrawals": False,
    "enableInternalTransfer": False,
    "permitsUniversalTransfer": False,
}
SOUND = KeyRights(may_read=True, may_trade=True, may_withdraw=False, is_ip_bound=True)
OTHERS: dict[str, tuple[tuple[str, str], Any, KeyRights]] = {
    "okx": (
        ("GET", "/api/v5/account/config"),
        {"code": "0", "msg": "", "data": [{"perm": "read_only,trade", "ip": "1.2.3.4"}]},
        SOUND,
    ),
    "kraken": (
        ("POST", "/0/private/GetApiKeyInfo"),
        {
            "error": [],
            "result": {
                "permissions": ["query-funds", "withdraw-funds", "modify-trades"],
                "ipAllowlist": [],
            },
        },
        KeyRights(may_read=True, may_trade=True, may_withdraw=True, is_ip_bound=False),
    ),
    "coinbase": (
        ("GET", "/api/v3/brokerage/key_permissions"),
        {"can_view": True, "can_trade": False, "can_transfer": False, "portfolio_uuid": "x"},
        KeyRights(may_read=True, may_trade=False, may_withdraw=False, is_ip_bound=None),
    ),
    "bybit": (
        ("GET", "/v5/user/query-api"),
        {
            "retCode": 0,
            "retMsg": "",
            "result": {
                "readOnly": 0,
                "permissions": {"Spot": ["SpotTrade"], "Wallet": [], "Earn": ["Earn"]},
                "ips": ["*"],
            },
        },
        KeyRights(may_read=True, may_trade=True, may_withdraw=False, is_ip_bound=False),
    ),
}


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (answer({"status": 0, "msg": "normal"}), VenueStatus.OPERATIONAL),
        (answer({"status": 1, "msg": "system_maintenance"}), VenueStatus.MAINTENANCE),
        (error(-1, "System is under maintenance."), VenueStatus.MAINTENANCE),
        (answer({"status": 7}), VenueStatus.UNKNOWN),
        (answer({}), VenueStatus.UNKNOWN),
        (Reply("no such page", 404), VenueStatus.UNKNOWN),
    ],
)
async def test_the_venue_announces_its_state(reply: Behaviour, status: VenueStatus) -> None:
    async with scene({STATUS: [reply]}) as (venue, server):
        assert await venue.fetch_status() is status
    # A venue that is down has no markets to tell either.
    assert [(r.method, r.path) for r in server.requests] == [STATUS]


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply("", 503), VenueUnavailable),
        (HangUp(), VenueUnavailable),
        (Silence(), VenueUnavailable),
        (Reply(""), BadData),
    ],
)
async def test_silence_is_no_announcement(reply: Behaviour, kind: type[Exception]) -> None:
    async with scene({STATUS: [reply]}, timeout_ms=200) as (venue, _):
        with pytest.raises(kind, match="reading the venue's status"):
            await venue.fetch_status()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, SOUND),
        ({"enableWithdrawals": True}, KeyRights(True, True, True, True)),
        ({"enableInternalTransfer": True}, KeyRights(True, True, True, True)),
        ({"ipRestrict": False}, KeyRights(True, True, False, False)),
        ({"enableSpotAndMarginTrading": None}, KeyRights(True, None, False, True)),
        ({"enableWithdrawals": "maybe"}, KeyRights(True, True, None, True)),
    ],
)
async def test_a_keys_rights_are_read(changes: dict[str, Any], expected: KeyRights) -> None:
    async with scene({RIGHTS: [answer(RESTRICTIONS | changes)]}) as (venue, server):
        assert await venue.fetch_key_rights() == expected
    assert "signature" in server.asked(*RIGHTS)[0].params


@pytest.mark.parametrize("reply", [answer({}), answer([]), Reply("no such page", 404)])
async def test_rights_that_are_not_told_are_none(reply: Behaviour) -> None:
    async with scene({RIGHTS: [reply]}) as (venue, _):
        assert await venue.fetch_key_rights() == UNTOLD


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (error(-2015, status=401), VenueDenied),
        (Reply("", 503), VenueUnavailable),
        (Reply('{"ipRestrict": tr'), BadData),
    ],
)
async def test_rights_that_could_not_be_asked_for_are_an_error(
    reply: Behaviour, kind: type[Exception]
) -> None:
    async with scene({RIGHTS: [reply]}) as (venue, _):
        with pytest.raises(kind) as caught:
            await venue.fetch_key_rights()
    assert not [secret for secret in (KEY, SECRET, "signature=") if secret in str(caught.value)]


@pytest.mark.parametrize("exchange", OTHERS)
async def test_other_venues_tell_rights_in_their_own_words(exchange: str) -> None:
    route, body, expected = OTHERS[exchange]
    routes: Routes = {route: [Reply(json.dumps(body))]}
    # Without padding: coinbase would take a padded one for a private key.
    secret = base64.b64encode(b"secret--Vx42").decode()
    async with serving(routes) as server:
        options = CcxtOptions(
            exchange, server.url, api_key=KEY, api_secret=secret, passphrase="phrase"
        )
        async with CcxtVenue(VENUE, options, FakeClock(), FakeTap(FakeClock())) as venue:
            assert await venue.fetch_key_rights() == expected
        assert len(server.asked(*route)) == 1


async def test_a_venue_that_tells_nothing_is_asked_nothing() -> None:
    async with serving({}) as server:
        options = CcxtOptions("gate", server.url, api_key=KEY, api_secret=SECRET)
        async with CcxtVenue(VENUE, options, FakeClock(), FakeTap(FakeClock())) as venue:
            assert await venue.fetch_key_rights() == UNTOLD
            assert await venue.fetch_status() is VenueStatus.UNKNOWN
        assert not server.requests


class SlowClock(Clock):
    """A clock that is 200 ms later each time it is read."""

    def __init__(self) -> None:
        self._now_ms = NOW_MS + 77

    def now_ms(self) -> int:
        self._now_ms += 200
        return self._now_ms


async def test_the_clocks_are_compared_at_the_middle_of_the_round_trip() -> None:
    async with scene({TIME: [Reply(f'{{"serverTime": {NOW_MS + 1_777}}}')]}) as (venue, _):
        assert await venue.fetch_clock_skew_ms() == 1_777
    clock = SlowClock()
    routes: Routes = {TIME: [Reply(f'{{"serverTime": {NOW_MS + 678}}}')]}
    async with scene(routes, clock=clock, tap=FakeTap(FakeClock())) as (venue, _):
        # Our readings: asked, two by the latency estimate, answered.
        assert await venue.fetch_clock_skew_ms() == 678 - 77 - (200 + 800) // 2


@pytest.mark.parametrize("body", ["{}", '{"serverTime": "soon"}', "[]", ""])
async def test_a_time_that_cannot_be_read_is_an_error(body: str) -> None:
    async with scene({TIME: [Reply(body)]}) as (venue, _):
        with pytest.raises(BadData, match="reading the venue's clock"):
            await venue.fetch_clock_skew_ms()
