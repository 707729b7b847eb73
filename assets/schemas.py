"""The table checks that stand between the venue and PostgreSQL, as pandera schemas.

Belongs here: what a table of raw rows must look like. The law for a single number is
`rebalancer.faults`; a schema applies it to a whole table and adds what only a table can show:
duplicate and missing rows. `screen` runs before any write.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from rebalancer.errors import BadConfig
from rebalancer.faults import DataFault, RawRow, Rejected, judge_number
from rebalancer.money import to_decimal

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

_CELL_FAULTS = (
    DataFault.MISSING_FIELD,
    DataFault.NOT_A_NUMBER,
    DataFault.NOT_FINITE,
    DataFault.NOT_POSITIVE,
)


@dataclass(frozen=True, slots=True)
class RawTable:
    """One kind of raw table: its number columns, and which of them may be zero or absent.

    The columns stand in the order of the row's own fields: of several faults, the first is told.
    """

    name: str
    columns: tuple[str, ...]
    zero_allowed: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    bid_ask: tuple[str, str] | None = None
    missing: str = "the venue sent none"


TICKERS = RawTable("tickers", ("bid", "ask", "last"), bid_ask=("bid", "ask"))
BALANCES = RawTable("balances", ("free", "locked"), zero_allowed=frozenset({"free", "locked"}))
RULES = RawTable(
    "market_precision",
    ("amount_step", "amount_min", "price_step", "notional_min", "amount_max"),
    zero_allowed=frozenset({"amount_min", "notional_min"}),
    optional=frozenset({"amount_max"}),
    missing="the venue lists no such market; check targets_bps and quote of the portfolio",
)


def build_schema(table: RawTable, *, wanted: Collection[str] | None) -> "pa.DataFrameSchema":
    """The pandera schema of one raw table.

    One row per subject; columns `subject` str and each number column text or None. Every check is
    named after the DataFault it finds.
    """
    import pandera.pandas as pa

    columns = {
        name: pa.Column(
            object,
            [_cell_check(table, name, fault) for fault in _CELL_FAULTS],
            nullable=True,
            required=name not in table.optional,
        )
        for name in table.columns
    }
    subject_checks = [pa.Check(_is_single, name=DataFault.DUPLICATE_ROW, ignore_na=False)]
    frame_checks = []
    if wanted is not None:
        frame_checks.append(
            pa.Check(partial(_has_all, frozenset(wanted)), name=DataFault.MISSING_ROW)
        )
    if table.bid_ask:
        frame_checks.append(
            pa.Check(
                partial(_is_uncrossed, *table.bid_ask),
                name=DataFault.CROSSED_BOOK,
                ignore_na=False,
            )
        )
    columns["subject"] = pa.Column(object, subject_checks)
    return pa.DataFrameSchema(columns, checks=frame_checks, name=table.name)


def screen(
    table: RawTable, rows: Sequence[RawRow], *, wanted: Collection[str] | None
) -> tuple[frozenset[int], tuple[Rejected, ...]]:
    """Check raw rows as one table, before anything is written.

    Args:
        table: Which kind of table.
        rows: As the venue sent them. With `wanted`, rows about other subjects are not looked at.
        wanted: Subjects that must be there, or None when any may be.

    Returns:
        (positions of the sound rows in `rows`, one Rejected per bad row and per missing subject).

    Raises:
        BadConfig: pandera's validation is switched off, so nothing would be checked.
    """
    import pandera.errors

    _require_pandera_on()
    kept = [i for i, row in enumerate(rows) if wanted is None or row.subject in wanted]
    frame = _frame_of(table, rows, kept)
    try:
        build_schema(table, wanted=wanted).validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as error:
        faults = _first_faults(table, error.failure_cases)
        missing = set(wanted or ()) - {row.subject for row in rows}
        rejected = [_explain(rows[i], faults[i]) for i in kept if i in faults]
        rejected += [
            Rejected(name, DataFault.MISSING_ROW, table.missing, {}) for name in sorted(missing)
        ]
        return frozenset(i for i in kept if i not in faults), tuple(rejected)
    return frozenset(kept), ()


def _require_pandera_on() -> None:
    from pandera.config import CONFIG

    if not CONFIG.validation_enabled:
        raise BadConfig(
            "pandera validation is switched off (PANDERA_VALIDATION_ENABLED); unset it: without it "
            "NaN and Infinity would reach PostgreSQL unchecked"
        )


def _frame_of(table: RawTable, rows: Sequence[RawRow], kept: Sequence[int]) -> "pd.DataFrame":
    import pandas as pd

    data: dict[str, list[str | None]] = {"subject": [rows[i].subject for i in kept]}
    for name in table.columns:
        data[name] = [rows[i].fields.get(name) for i in kept]
    return pd.DataFrame(data, index=list(kept), dtype=object)


def _cell_check(table: RawTable, column: str, fault: DataFault) -> "pa.Check":
    import pandera.pandas as pa

    optional, zero_allowed = column in table.optional, column in table.zero_allowed

    def is_free_of_fault(text: Any) -> bool:
        if text is None and optional:
            return True
        return judge_number(text, zero_allowed=zero_allowed) != fault

    return pa.Check(is_free_of_fault, element_wise=True, name=fault, ignore_na=False)


def _is_single(subjects: "pd.Series[Any]") -> "pd.Series[bool]":
    return ~subjects.duplicated(keep=False)


def _has_all(wanted: frozenset[str], frame: "pd.DataFrame") -> bool:
    return wanted <= set(frame["subject"])


def _is_uncrossed(bid: str, ask: str, frame: "pd.DataFrame") -> "pd.Series[bool]":
    import pandas as pd

    def is_uncrossed(row: Any) -> bool:
        cells = (row[bid], row[ask])
        if any(judge_number(text, zero_allowed=False) for text in cells):
            return True  # Another check already refuses this row.
        return to_decimal(cells[0]) <= to_decimal(cells[1])

    return pd.Series([is_uncrossed(row) for _, row in frame.iterrows()], frame.index, dtype=bool)


def _first_faults(
    table: RawTable, failure_cases: "pd.DataFrame"
) -> dict[int, tuple[str, DataFault]]:
    """Position → (column, fault): a duplicate first, then cells in order, then the whole row."""
    faults: dict[int, tuple[str, DataFault]] = {}
    for case in failure_cases.to_dict("records"):
        if case["index"] is None or case["index"] != case["index"]:
            continue  # A missing row has no position.
        position, found = int(case["index"]), (str(case["column"]), DataFault(case["check"]))
        # pandera promises no order of its cases: it reports by how many rows a check has failed.
        if position not in faults or _rank(table, found) < _rank(table, faults[position]):
            faults[position] = found
    return faults


def _rank(table: RawTable, found: tuple[str, DataFault]) -> int:
    column, fault = found
    if fault is DataFault.DUPLICATE_ROW:
        return -1
    if fault is DataFault.CROSSED_BOOK:
        return len(table.columns)
    return table.columns.index(column)


def _explain(row: RawRow, found: tuple[str, DataFault]) -> Rejected:
    column, fault = found
    match fault:
        case DataFault.DUPLICATE_ROW:
            detail = "came more than once"
        case DataFault.CROSSED_BOOK:
            detail = f"bid {row.fields['bid']} is above ask {row.fields['ask']}"
        case _:
            detail = f"{column} was {row.fields.get(column)!r}"
    return Rejected(row.subject, fault, detail, row.fields)
