"""Addresses, JSON and names: what is changed about a client before it is used."""

import re

import pytest

from resources.ccxt_client import load_json, real_url, reroute
from resources.ccxt_dialects import DIALECTS, Dialect, dialect_of
from resources.retry_after import read_retry_after_ms
from tests.factories import make_order

API = {
    "public": "https://api.binance.com/api/v3",
    "sapi": "https://api.binance.com/sapi/v1",
    "old": "https://old.binance.com/api/v3",
    "ws": {"spot": "wss://stream.binance.com:9443/ws"},
    "weight": 1,
}


def test_every_address_moves_and_keeps_its_path() -> None:
    moved, _ = reroute(API, "http://127.0.0.1:1/", "ws://127.0.0.1:2")
    assert moved == {
        "public": "http://127.0.0.1:1/api/v3",
        "sapi": "http://127.0.0.1:1/sapi/v1",
        "old": "http://127.0.0.1:1/api/v3",
        "ws": {"spot": "ws://127.0.0.1:2/ws"},
        "weight": 1,
    }


def test_without_an_address_nothing_moves() -> None:
    assert reroute(API, None, None) == (API, {})


def test_a_moved_request_is_known_by_its_first_real_address() -> None:
    _, origins = reroute(API, "http://127.0.0.1:1", None)
    asked = "http://127.0.0.1:1/api/v3/order?symbol=A"
    assert real_url(asked, origins) == "https://api.binance.com/api/v3/order?symbol=A"
    assert real_url("http://127.0.0.1:1/other", origins) == "http://127.0.0.1:1/other"


def test_json_keeps_digits_and_words_that_are_not_json() -> None:
    text = '{"a": 0.10, "b": NaN, "c": 1e400, "d": -Infinity, "e": 7, "f": "x"}'
    assert load_json(text) == {
        "a": "0.10", "b": "NaN", "c": "1e400", "d": "-Infinity", "e": 7, "f": "x",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry-After": "7"}, 7_000),
        ({"retry-after": " 0 "}, 0),
        ({"Retry-After": "-1"}, None),
        ({"Retry-After": "Wed, 21 Oct"}, None),
        ({"Retry-After": "Wed, 99 Oct 2026 07:28:00 GMT"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_the_time_to_wait_is_read_in_whole_seconds(
    headers: dict[str, str] | None, expected: int | None
) -> None:
    assert read_retry_after_ms(headers, now_ms=0) == expected


UNTIL = "Wed, 21 Oct 2026 07:28:00 GMT"
UNTIL_MS = 1_792_567_680_000


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (None, 90_000),
        ("Wed, 21 Oct 2026 07:27:53 GMT", 7_000),
        ("Wed, 21 Oct 2026 07:27:53 -0000", 7_000),
        ("Wednesday, 21-Oct-26 07:27:53 GMT", 7_000),
        (UNTIL, 0),
        ("Wed, 21 Oct 2026 07:29:00 GMT", 0),
        ("Wed, 21 Oct 2020 07:28:00 GMT", 3 * 86_400_000),
        ("yesterday", 90_000),
    ],
)
def test_a_date_to_wait_for_counts_from_the_date_of_the_answer_or_else_from_our_clock(
    date: str | None, expected: int
) -> None:
    headers = {"Retry-After": UNTIL} | ({} if date is None else {"date": date})
    assert read_retry_after_ms(headers, now_ms=UNTIL_MS - 90_000) == expected


LIMITS = {
    "binance": r"[a-zA-Z0-9_.:/-]{1,36}",
    "okx": r"[a-zA-Z0-9]{1,32}",
    "gate": r"t-[a-zA-Z0-9_.-]{1,28}",
    "kraken": r"[0-9a-f]{32}",
    "coinbase": r".{1,128}",
    "bybit": r"[a-zA-Z0-9_-]{1,36}",
}


@pytest.mark.parametrize("name", DIALECTS)
def test_our_id_fits_every_venue_that_has_a_limit(name: str) -> None:
    assert re.fullmatch(LIMITS[name], DIALECTS[name].spell(make_order().client_order_id))


def test_a_regional_site_speaks_as_its_parent_does() -> None:
    parent = type("binance", (), {})
    child = type("binanceus", (parent,), {})
    assert dialect_of(child()) is DIALECTS["binance"]
    assert dialect_of(object()) == Dialect()
