"""What people see beside a materialization: small tables and bars, not dumps.

Belongs here: turning rows into Dagster metadata. Money is written out in full, never as a float.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import dagster as dg

from rebalancer.drift import Drift
from rebalancer.faults import Rejected
from rebalancer.money import BPS_WHOLE, plain

_BAR = 30


def table_md(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> dg.MarkdownMetadataValue:
    """A Markdown table; "none" when there is no row."""
    if not rows:
        return dg.MetadataValue.md("none")
    lines = [
        "| " + " | ".join(headers) + " |",
        "|" + " --- |" * len(headers),
        *("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows),
    ]
    return dg.MetadataValue.md("\n".join(lines))


def weights_md(drifts: Sequence[Drift]) -> dg.MarkdownMetadataValue:
    """One bar of weight per asset, with a line where its target is."""
    rows = [
        (
            drift.asset,
            f"`{_bar(drift.weight_bps, drift.target_bps)}`",
            f"{drift.weight_bps / 100:.2f} %",
            f"{Decimal(drift.target_bps) / 100:.2f} %",
            f"{drift.drift_bps / 100:+.2f} pp",
            f"{drift.urgency:.3f}",
        )
        for drift in sorted(drifts, key=lambda drift: drift.asset)
    ]
    headers = ("asset", "weight (line: target)", "weight", "target", "drift", "urgency")
    return table_md(headers, [tuple(str(cell) for cell in row) for row in rows])


def rejected_md(rejected: Sequence[Rejected]) -> dg.MarkdownMetadataValue:
    """The quarantined rows and why."""
    rows = [(row.subject, row.fault.value, row.detail) for row in rejected]
    return table_md(("subject", "fault", "detail"), rows)


def columns(table: Mapping[str, tuple[str, str]]) -> dg.TableSchema:
    """A column schema from {name: (type, description)}."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(name=name, type=kind, description=text)
            for name, (kind, text) in table.items()
        ]
    )


def _bar(weight_bps: Decimal, target_bps: int) -> str:
    filled = round(weight_bps * _BAR / BPS_WHOLE)
    target = min(round(Decimal(target_bps) * _BAR / BPS_WHOLE), _BAR - 1)
    cells = ["█" if place < filled else "·" for place in range(_BAR)]
    cells[target] = "┃"
    return "".join(cells)


def _cell(value: object) -> str:
    text = plain(value) if isinstance(value, Decimal) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
