"""What an error of the venue's client means. One table for orders, one judgement for reads.

Error classes are named, not imported: ccxt is met in `ccxt_venue` only. Silence is the default, so
a class that is missing here leaves an order in doubt, never sent twice and never given up.
"""

import re
from collections.abc import Collection, Mapping
from enum import StrEnum

from rebalancer.errors import (
    BadConfig,
    BadData,
    RebalancerError,
    VenueDenied,
    VenueUnavailable,
)
from rebalancer.settlement import RefusalKind
from resources.ccxt_client import evidence_of

RETRY_AFTER_MS = 1_000
"""How long to wait when a venue says "slow down" or is away, and names no time."""
REASON_LENGTH_MAX = 300


class Meaning(StrEnum):
    """What became of an order whose submission raised, when it was not refused."""

    NOT_SENT = "not sent"
    UNANSWERED = "unanswered"


# The first class of an error's ancestry that is listed decides, so children may differ.
# A kind of refusal stands for itself.
_ON_SUBMIT: Mapping[str, Meaning | RefusalKind] = {
    "InsufficientFunds": RefusalKind.FUNDS,
    "OrderImmediatelyFillable": RefusalKind.WOULD_TAKE,
    "InvalidOrder": RefusalKind.OTHER,
    "BadRequest": RefusalKind.OTHER,
    "ArgumentsRequired": RefusalKind.OTHER,
    "NotSupported": RefusalKind.OTHER,
    "OperationRejected": RefusalKind.OTHER,
    "AuthenticationError": RefusalKind.DENIED,
    "RestrictedLocation": RefusalKind.DENIED,
    "DDoSProtection": Meaning.NOT_SENT,
    "RateLimitExceeded": Meaning.NOT_SENT,
    "InvalidNonce": Meaning.NOT_SENT,
    "OnMaintenance": Meaning.NOT_SENT,
    # Raised before a request is made; a request under way ends in another class.
    "ExchangeClosedByUser": Meaning.NOT_SENT,
    # A duplicate may be this very order, sent before: only a look-up can tell.
    "DuplicateOrderId": Meaning.UNANSWERED,
    "OrderNotFound": Meaning.UNANSWERED,
    "ChecksumError": Meaning.UNANSWERED,
}
# ccxt calls -2015 a rate limit once any private call has succeeded; it is a key problem.
_DENIED_CODES = frozenset({"-2015", "-2014", "-1022"})
_UP_CURE = "that it is up and can be reached; where it is set, rest_url replaces its address"
_DUPLICATE = re.compile(r"duplicate", re.IGNORECASE)
_RULES_CODES = frozenset({"-1013", "-1111"})
# Of refusals whose class says no more than "no": the venue's words for an order off its rules.
_RULES = re.compile(
    r"filter failure|amount precision|lot_size|notional|price_filter|order minimum not met"
    r"|invalid price|cost minimum not met|tick ?size|step ?size",
    re.IGNORECASE,
)
# Kraken has no class for it, and there no look-up could prove that the order was never placed.
_WOULD_TAKE = re.compile(r"immediately match and take|EOrder:Post only order", re.IGNORECASE)
_RATE_LIMITS = frozenset({"DDoSProtection", "RateLimitExceeded"})
# These are raised before a byte of the request leaves.
_NEVER_CONNECTED = frozenset({"ClientConnectorError", "ConnectionTimeoutError", "gaierror"})
_SILENT = frozenset({"NetworkError", "OperationFailed", "TimeoutError", "BadData"})


def ancestry(error: BaseException) -> tuple[str, ...]:
    """The names of an error's classes, nearest first."""
    return tuple(kind.__name__ for kind in type(error).__mro__)


def is_silence(error: BaseException) -> bool:
    """Say whether the venue gave no real answer, as far as latency is concerned."""
    evidence = evidence_of(error)
    if evidence is not None and evidence.status < 500 and not isinstance(error, BadData):
        return False
    return not _SILENT.isdisjoint(ancestry(error))


def never_connected(error: BaseException) -> bool:
    """Say whether no connection was made, so that nothing can have been received."""
    cause = error.__cause__
    return cause is not None and not _NEVER_CONNECTED.isdisjoint(ancestry(cause))


def judge_submit(error: BaseException) -> Meaning | RefusalKind:
    """Say what became of an order whose submission raised `error`."""
    if never_connected(error):
        return Meaning.NOT_SENT
    kinds = ancestry(error)
    evidence = evidence_of(error)
    if evidence is not None:
        if evidence.code in _DENIED_CODES:
            return RefusalKind.DENIED
        # Any 5xx may have reached the matching engine, unless the venue names its maintenance.
        if evidence.status >= 500 or evidence.status == 408:
            return Meaning.NOT_SENT if "OnMaintenance" in kinds else Meaning.UNANSWERED
        if _WOULD_TAKE.search(str(error)):
            return RefusalKind.WOULD_TAKE
    meaning = next((_ON_SUBMIT[kind] for kind in kinds if kind in _ON_SUBMIT), Meaning.UNANSWERED)
    if meaning is not RefusalKind.OTHER:
        return meaning
    if _DUPLICATE.search(str(error)):
        return Meaning.UNANSWERED
    has_rules_code = evidence is not None and evidence.code in _RULES_CODES
    is_rules = has_rules_code or _RULES.search(str(error)) is not None
    return RefusalKind.RULES if is_rules else RefusalKind.OTHER


def is_absence(error: BaseException) -> bool:
    """Say whether a targeted look-up was answered in full, and the order is not there."""
    evidence = evidence_of(error)
    return evidence is not None and evidence.status < 500 and "OrderNotFound" in ancestry(error)


def is_no_such_page(error: BaseException) -> bool:
    """Say whether the venue answered that it has no such address at all."""
    evidence = evidence_of(error)
    return evidence is not None and evidence.status == 404


def is_rate_limit(error: BaseException) -> bool:
    """Say whether the venue asked for fewer requests: nobody should ask before it said."""
    evidence = evidence_of(error)
    if evidence is not None:
        return evidence.status in (418, 429) or (
            evidence.code not in _DENIED_CODES and not _RATE_LIMITS.isdisjoint(ancestry(error))
        )
    return not _RATE_LIMITS.isdisjoint(ancestry(error))


def retry_after_ms(error: BaseException) -> int:
    """When to try again: what the venue said, or a second."""
    if isinstance(error, VenueUnavailable):
        return error.retry_after_ms
    evidence = evidence_of(error)
    known = None if evidence is None else evidence.retry_after_ms
    return RETRY_AFTER_MS if known is None else known


def explain(error: BaseException, *, secrets: Collection[str]) -> str:
    """The error in one line, without secrets: ccxt writes whole signed addresses into messages."""
    text = re.sub(r"//[^/@\s]+@", "//", str(error))
    text = re.sub(r"(\w+://[^\s?]*)\?\S*", r"\1", text)
    text = re.sub(r"(?i)\b(signature|sign|apikey|api_key)=[^&\s\"']+", r"\1=***", text)
    for secret in secrets:
        text = text.replace(secret, "***")
    name = type(error).__name__
    line = " ".join(f"{name}: {text}".split()) if text else name
    return line[:REASON_LENGTH_MAX]


def explain_read(
    error: BaseException, *, venue: str, host: str, doing: str, secrets: Collection[str]
) -> RebalancerError:
    """The error of our own tree that a failed read means.

    Args:
        error: What the client raised.
        venue: The venue's name in the settings.
        host: Where it was asked.
        doing: What was read, as in "reading balances".
        secrets: Texts that must not appear in a message.
    """
    kinds = ancestry(error)
    evidence = evidence_of(error)
    where = f"venue {venue} at {host}, {doing}: {explain(error, secrets=secrets)}"
    is_denied = evidence is not None and evidence.code in _DENIED_CODES
    if is_denied or not {"AuthenticationError", "RestrictedLocation"}.isdisjoint(kinds):
        prefix = f"TRIMTAB_VENUES__{venue.upper()}__"
        return VenueDenied(
            f"{where}. Check {prefix}API_KEY and {prefix}API_SECRET, that the key may read and"
            " trade spot, and that its list of addresses names this machine"
        )
    if "NotSupported" in kinds:
        return BadConfig(f"{where}. Choose an exchange that offers this")
    is_readable = not isinstance(error, BadData) and "BadResponse" not in kinds
    if is_readable and not {"OperationFailed", "TimeoutError"}.isdisjoint(kinds):
        is_about_time = "InvalidNonce" in kinds
        cure = "the clock of this machine (NTP)" if is_about_time else _UP_CURE
        return VenueUnavailable(
            f"{where}. Check {cure}",
            retry_after_ms=retry_after_ms(error),
            is_rate_limit=is_rate_limit(error),
        )
    return BadData(f"{where}. Nothing of the answer is used; the next cycle asks again")
