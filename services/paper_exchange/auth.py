"""Whose request is it? The key, the clock, the signature, in the venue's order of asking.

Belongs here: refusing what is not signed properly.
Does not belong here: what a signed request may do.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api, "SIGNED endpoints".
"""

import hashlib
import hmac
import re

from services.paper_exchange.calls import Call
from services.paper_exchange.options import PaperOptions
from services.paper_exchange.refusals import (
    key_malformed,
    key_unknown,
    missing,
    signature_wrong,
    too_early,
    too_late,
    window_too_long,
)

RECV_WINDOW_MS = 5_000
RECV_WINDOW_MS_MAX = 60_000
EARLY_MS_MAX = 1_000


def check_signed(call: Call, options: PaperOptions) -> None:
    """Refuse a request that its owner did not sign just now.

    Raises:
        Refusal: -2014, -2015, -1102, -1131, -1021 or -1022.
    """
    check_key(call, options)
    signature = call.text("signature")
    timestamp_ms = call.whole("timestamp")
    if timestamp_ms is None:
        raise missing("timestamp")
    window_ms = call.whole("recvWindow")
    window_ms = RECV_WINDOW_MS if window_ms is None else window_ms
    if window_ms > RECV_WINDOW_MS_MAX:
        raise window_too_long()
    if timestamp_ms >= call.shown_ms + EARLY_MS_MAX:
        raise too_early()
    if call.shown_ms - timestamp_ms > window_ms:
        raise too_late()
    expected = sign(call.payload, options.api_secret)
    if not hmac.compare_digest(_bytes(expected), _bytes(signature.lower())):
        raise signature_wrong()


def check_key(call: Call, options: PaperOptions) -> None:
    if not call.api_key:
        raise key_malformed()
    if not hmac.compare_digest(_bytes(call.api_key), _bytes(options.api_key)):
        raise key_unknown()


def sign(payload: str, secret: str) -> str:
    return hmac.new(_bytes(secret), _bytes(payload), hashlib.sha256).hexdigest()


def without_signature(raw: str) -> str:
    """The text a signature covers: everything but itself."""
    return re.sub(r"(^|&)signature=[^&]*", "", raw).removeprefix("&")


def _bytes(text: str) -> bytes:
    """A stranger's text may hold half of a character; it has bytes too."""
    return text.encode(errors="surrogatepass")
