"""What can be wrong with data from outside, and the law that finds it.

Belongs here: the codes under which a row is quarantined, and the judgement of one written number.
The same law stands behind the table checks before PostgreSQL. Nothing here repairs a value: a row
that is wrong is refused, never turned into a zero.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeVar

from rebalancer.money import to_decimal


class DataFault(StrEnum):
    """Why a row is refused. Stored beside the quarantined row."""

    MISSING_FIELD = "MISSING_FIELD"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    NOT_FINITE = "NOT_FINITE"
    NOT_POSITIVE = "NOT_POSITIVE"
    CROSSED_BOOK = "CROSSED_BOOK"
    UNSORTED_BOOK = "UNSORTED_BOOK"
    DUPLICATE_ROW = "DUPLICATE_ROW"
    MISSING_ROW = "MISSING_ROW"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that must not be used: what it was about, why, and its fields as they came."""

    subject: str
    fault: DataFault
    detail: str
    raw: Mapping[str, str | None]


def judge_number(text: str | None, *, zero_allowed: bool) -> DataFault | None:
    """Say what is wrong with one written number, or None when it is finite and not negative."""
    if text is None or text.strip() == "":
        return DataFault.MISSING_FIELD
    try:
        number = to_decimal(text)
    except ValueError:
        word = text.strip().lower().lstrip("+-")
        is_special = word.rstrip("0123456789") in ("nan", "snan", "inf", "infinity")
        return DataFault.NOT_FINITE if is_special else DataFault.NOT_A_NUMBER
    is_allowed = number > 0 or (zero_allowed and number == 0)
    return None if is_allowed else DataFault.NOT_POSITIVE


def judge_fields(
    subject: str, fields: Mapping[str, str | None], *, zero_allowed: frozenset[str]
) -> Rejected | None:
    """The first fault among a row's fields, in the order given, or None when all are sound."""
    for name, text in fields.items():
        if fault := judge_number(text, zero_allowed=name in zero_allowed):
            return Rejected(subject, fault, f"{name} was {text!r:.80}", fields)
    return None


class RawRow(Protocol):
    """A row from outside: what it is about, and its number fields as text."""

    @property
    def subject(self) -> str: ...

    @property
    def fields(self) -> dict[str, str | None]: ...


Raw = TypeVar("Raw", bound=RawRow)
Sound = TypeVar("Sound")


def part_rows(
    rows: Sequence[Raw],
    read: Callable[[Raw], Sound | Rejected],
    *,
    wanted: Collection[str] | None,
) -> tuple[list[Sound], tuple[Rejected, ...]]:
    """Part rows from outside into those to use and those to quarantine.

    A subject that came twice is refused each time, because nothing tells which row is true. A
    wanted one that never came is refused as MISSING_ROW. With `wanted`, rows about anything else
    are left out.

    Returns:
        (sound rows, rejected rows), each in the order they came, missing ones last.
    """
    relevant = [row for row in rows if wanted is None or row.subject in wanted]
    counts = Counter(row.subject for row in relevant)
    sound: list[Sound] = []
    rejected: list[Rejected] = []
    for row in relevant:
        if counts[row.subject] > 1:
            detail = f"came {counts[row.subject]} times"
            rejected.append(Rejected(row.subject, DataFault.DUPLICATE_ROW, detail, row.fields))
            continue
        result = read(row)
        if isinstance(result, Rejected):
            rejected.append(result)
        else:
            sound.append(result)
    for subject in sorted(set(wanted or ()) - counts.keys()):
        detail = "the venue sent none"
        rejected.append(Rejected(subject, DataFault.MISSING_ROW, detail, {}))
    return sound, tuple(rejected)
