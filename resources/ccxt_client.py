"""A ccxt exchange class that keeps every digit and all evidence.

Belongs here: where the client connects, how it reads JSON, and what it notes of an error.
Does not belong here: what an answer means for an order. ccxt itself is passed in.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from rebalancer.errors import BadData
from resources.ccxt_as_told import AS_TOLD
from resources.retry_after import read_retry_after_ms
from resources.system_clock import SystemClock

_EVIDENCE = "trimtab_evidence"
ROUNDINGS_KEPT = 1_000
# Each task has its own value, so orders sent side by side do not see each other's answers.
_SUCCEEDED: ContextVar[bool] = ContextVar("succeeded", default=False)
_CONNECT_SECONDS: ContextVar[float | None] = ContextVar("connect_seconds", default=None)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the venue answered when it raised: proof that the request arrived."""

    status: int
    code: str | None
    retry_after_ms: int | None


def evidence_of(error: BaseException) -> Evidence | None:
    """The answer behind an error, or None when there was no answer."""
    found = vars(error).get(_EVIDENCE)
    return found if isinstance(found, Evidence) else None


def attach_evidence(
    error: Exception, status: int, headers: Mapping[str, str] | None, response: Any
) -> None:
    """Let an error carry the answer that it was raised for."""
    code = response.get("code") if isinstance(response, dict) else None
    vars(error)[_EVIDENCE] = Evidence(
        status,
        None if code is None else str(code),
        read_retry_after_ms(headers, now_ms=SystemClock().now_ms()),
    )


def forget_success() -> None:
    """Begin to watch: has any request of this task succeeded since?"""
    _SUCCEEDED.set(False)


def note_success() -> None:
    _SUCCEEDED.set(True)


def had_success() -> bool:
    """Say whether the venue took any request since `forget_success`, in this task.

    An error raised after that comes too late to prove that an order was not placed.
    """
    return _SUCCEEDED.get()


def load_json(text: str) -> Any:
    """Read JSON without making floats: fractions keep their digits as text, NaN stays "NaN".

    The client's own parser turns a whole body into nothing when it holds one bare NaN.
    """
    return json.loads(text, parse_float=str, parse_constant=str)


def reroute(tree: Any, rest_url: str | None, ws_url: str | None) -> tuple[Any, dict[str, str]]:
    """Point every address in a client's table elsewhere, keeping the paths.

    Returns:
        (the table with new addresses, the original address of each new one)
    """
    if isinstance(tree, str):
        parts = urlsplit(tree)
        base = ws_url if parts.scheme in ("ws", "wss") else rest_url
        if base is None or not parts.scheme:
            return tree, {}
        moved = base.rstrip("/") + parts.path
        return moved, {moved: tree}
    if not isinstance(tree, Mapping):
        return tree, {}
    table: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name, branch in tree.items():
        table[name], found = reroute(branch, rest_url, ws_url)
        # The first address of a path wins: ccxt lists a venue's main (spot) host first.
        origins = found | origins
    return table, origins


def real_url(url: str, origins: Mapping[str, str]) -> str:
    """The address a rerouted request would have had at the real venue."""
    known = [moved for moved in origins if url.startswith(moved)]
    if not known:
        return url
    longest = max(known, key=len)
    return origins[longest] + url[len(longest) :]


@contextmanager
def connecting_within(limit_ms: int) -> Iterator[None]:
    """Let this task's requests leave on a line that is there in time, or not at all.

    Only for what must be prompt: everything else may take as long as its whole question may.
    """
    assert limit_ms > 0, limit_ms
    before = _CONNECT_SECONDS.set(limit_ms / 1_000)
    try:
        yield
    finally:
        _CONNECT_SECONDS.reset(before)


def bound_connecting(session: Any) -> None:
    """Obey `connecting_within`. A line that took too long is given up before a byte was sent."""
    connector = session.connector
    connect = connector.connect

    async def connect_in_time(*about: Any, **how: Any) -> Any:
        # aiohttp makes the same error of this as of a limit of its own: no connection was made.
        async with asyncio.timeout(_CONNECT_SECONDS.get()):
            return await connect(*about, **how)

    # The client hands aiohttp a limit with each request, so none of the session's would count.
    connector.connect = connect_in_time


def follow_no_redirect(session: Any) -> None:
    """Take a redirect as the answer: a 307 sends the same order, with the key, to whoever it names.

    As part of each request, and not by watching the session: one that is watched tells of every
    step of every request, and each order would pay for that.
    """
    request = session._request

    async def request_once(*about: Any, **how: Any) -> Any:
        return await request(*about, **how | {"allow_redirects": False})

    session._request = request_once


def fit_session(session: Any) -> None:
    """Let each request go out once, to one address, and in time."""
    # There is no public switch. A contract test counts what arrives.
    session._retry_connection = False
    follow_no_redirect(session)
    bound_connecting(session)


def exact_class(exchange_class: Any) -> Any:
    """Derive a class from one of ccxt's that differs in nine things.

    - numbers in JSON stay text, and tickers and balances are handed over as parsed: ccxt's own
      finishing drops zeros, and one NaN row makes it drop every other row;
    - an order that the venue told in full is handed over as told, and so is a trade;
    - ticker rows stay a list, so that a symbol sent twice is seen twice;
    - errors are sorted as if the real venue had answered, because ccxt chooses some of its tables
      by the address; and each carries its Evidence;
    - a success without a readable body is an error, not an empty answer; a real one is noted;
    - levels of an order book stay as sent: ccxt makes floats of them and sorts them;
    - every request is sent once: aiohttp by itself sends PUT and DELETE again when a kept line
      closes without an answer, and some venues take orders by PUT;
    - a redirect is an error: it would carry the order and the key to another address;
    - a request that must be prompt gives up on a line that is not: see `connecting_within`.
    """

    def handle_errors(
        self: Any, status: int, reason: str, url: str, method: str, headers: Any,
        body: str, response: Any, sent_headers: Any, sent_body: Any,
    ) -> None:  # fmt: skip
        asked = self.implode_hostname(real_url(url, self.origins))
        try:
            exchange_class.handle_errors(
                self, status, reason, asked, method, headers, body, response, sent_headers,
                sent_body,
            )  # fmt: skip
            self.handle_http_status_code(status, reason, url, method, body)
            if 300 <= status < 400:
                raise BadData(
                    f"answered {method} with a redirect (status {status}), which is not followed; "
                    "put the address that answers itself into rest_url"
                )
            if response is None:
                raise BadData(f"answered {method} with a body that is not JSON")
            if not 200 <= status < 300:
                raise BadData(f"answered {method} with status {status}, which is no success")
        except Exception as error:
            attach_evidence(error, status, headers, response)
            raise
        note_success()

    def open_once(self: Any, lazy: bool = False) -> None:
        before = self.session
        exchange_class.open(self, lazy)
        if self.session is not None and self.session is not before:
            fit_session(self.session)

    changes: dict[str, Any] = {
        **AS_TOLD,
        "number": str,
        "origins": {},
        "on_json_response": staticmethod(load_json),
        "handle_errors": handle_errors,
        "open": open_once,
        "parse_table_of_tickers": exchange_class.parse_tickers,
        "finish_order": exchange_class.safe_order,
        "encode_any_query": staticmethod(exchange_class.urlencode),
    }
    return type(exchange_class.__name__, (exchange_class,), changes)


def prepare(client: Any, rest_url: str | None, ws_url: str | None) -> None:
    """Fit one client to our use: spot only, our addresses, no second requests."""
    client.urls["api"], client.origins = reroute(client.urls["api"], rest_url, ws_url)
    markets = client.options.get("fetchMarkets")
    if isinstance(markets, dict) and "types" in markets:
        markets["types"] = ["spot"]
    # Each number of an order is rounded twice: by us, to see whether that would change it, and then
    # by the client as it sends it.
    client.decimal_to_precision = lru_cache(ROUNDINGS_KEPT)(client.decimal_to_precision)
    # The fields that ccxt made None by default are read by its own loading code.
    client.options |= {
        "defaultType": "spot",
        "fetchMargins": False,
        "fetchCurrencies": False,
        "adjustForTimeDifference": False,
        "maxRetriesOnFailure": 0,
    }
    if rest_url is not None and rest_url.startswith("http://"):
        # The pause lets TLS connections say goodbye; there are none here.
        client.timeout_on_exit = 0
