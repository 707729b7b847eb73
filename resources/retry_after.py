"""How long a venue asks to be left alone: the header Retry-After, in seconds or as a date."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

RETRY_AFTER_MS_MAX = 3 * 86_400_000
"""The longest ban known (Binance: three days). An order asleep for longer would never wake."""
DATE_LENGTH_MAX = 64
EPOCH = datetime.fromtimestamp(0, UTC)


def read_retry_after_ms(headers: Mapping[str, str] | None, *, now_ms: int) -> int | None:
    """The venue's Retry-After in milliseconds, in bounds; None when absent or not readable.

    A date is counted from the date of the answer itself, so that clocks apart do no harm; `now_ms`
    stands in where the answer has none.
    """
    told = {name.lower(): value.strip() for name, value in (headers or {}).items()}
    value = told.get("retry-after", "")
    if not value.isascii():
        return None
    if value.isdecimal():
        return int(min(Decimal(value) * 1_000, Decimal(RETRY_AFTER_MS_MAX)))
    until_ms = _read_date_ms(value)
    if until_ms is None:
        return None
    answered_at_ms = _read_date_ms(told.get("date", ""))
    since_ms = now_ms if answered_at_ms is None else answered_at_ms
    return min(max(0, until_ms - since_ms), RETRY_AFTER_MS_MAX)


def _read_date_ms(text: str) -> int | None:
    """A date of HTTP (RFC 9110, 5.6.7) as epoch milliseconds; None for anything else."""
    try:
        found = parsedate_to_datetime(text[:DATE_LENGTH_MAX])
    except (ValueError, OverflowError):
        return None
    if found.tzinfo is None:
        # The standard library's word for "-0000": a time in UTC from nowhere in particular.
        found = found.replace(tzinfo=UTC)
    return (found - EPOCH) // timedelta(milliseconds=1)
