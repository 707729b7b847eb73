"""What people see beside a materialization."""

from decimal import Decimal

import pytest

from assets.charts import columns, rejected_md, table_md, weights_md
from rebalancer.drift import Drift, urgency
from rebalancer.faults import DataFault, Rejected
from rebalancer.money import Asset


def make_drift(asset: str, weight_bps: str, target_bps: int) -> Drift:
    weight = Decimal(weight_bps)
    drift_bps = weight - target_bps
    return Drift(
        asset=Asset(asset),
        value_quote=weight,
        target_quote=Decimal(target_bps),
        gap_quote=-drift_bps,
        weight_bps=weight,
        target_bps=target_bps,
        drift_bps=drift_bps,
        urgency=urgency(drift_bps),
    )


def text_of(*drifts: Drift) -> str:
    return str(weights_md(drifts).value)


def test_a_table_without_rows_says_none() -> None:
    assert table_md(("a", "b"), []).value == "none"


def test_a_table_has_a_line_for_each_row_under_its_headers() -> None:
    shown = table_md(("asset", "amount"), [("BTC", Decimal("0.10")), ("ETH", 2)])
    assert shown.value == "| asset | amount |\n| --- | --- |\n| BTC | 0.1 |\n| ETH | 2 |"


@pytest.mark.parametrize("amount", ["0.00000001", "1E+3", "123456789012345678901234567890.5"])
def test_money_is_written_out_in_full(amount: str) -> None:
    shown = str(table_md(("amount",), [(Decimal(amount),)]).value)
    cell = shown.splitlines()[-1].strip("| ")
    assert "E" not in cell
    assert Decimal(cell) == Decimal(amount)


def test_what_a_venue_wrote_cannot_break_the_table() -> None:
    shown = str(table_md(("detail",), [("one | two\nthree",)]).value)
    assert shown.splitlines()[-1] == "| one \\| two three |"


def test_each_asset_has_a_bar_of_thirty_cells_with_a_line_at_its_target() -> None:
    lines = text_of(make_drift("ETH", "2500", 3_000), make_drift("BTC", "7500", 4_000)).splitlines()
    assert [line.split(" | ")[0].strip("| ") for line in lines[2:]] == ["BTC", "ETH"]
    bar = lines[2].split("`")[1]
    assert len(bar) == 30
    assert bar.index("┃") == 12
    assert bar.count("█") == 21  # 22.5 cells, rounded to even, and one of them under the line.
    assert "75.00 %" in lines[2]
    assert "+35.00 pp" in lines[2]
    assert "-5.00 pp" in lines[3]


@pytest.mark.parametrize(("weight", "target"), [("0", 0), ("10000", 10_000), ("10000", 0)])
def test_a_bar_never_leaves_its_frame(weight: str, target: int) -> None:
    bar = text_of(make_drift("BTC", weight, target)).split("`")[1]
    assert len(bar) == 30
    assert bar.count("┃") == 1


def test_a_rejected_row_shows_its_subject_its_fault_and_what_it_said() -> None:
    row = Rejected("ETH/USDC", DataFault.NOT_FINITE, "bid was 'NaN'", {"bid": "NaN"})
    shown = str(rejected_md([row]).value)
    assert shown.splitlines()[-1] == "| ETH/USDC | NOT_FINITE | bid was 'NaN' |"


def test_a_column_schema_keeps_name_type_and_description() -> None:
    [column] = columns({"free": ("numeric", "May be traded now")}).columns
    assert (column.name, column.type, column.description) == (
        "free",
        "numeric",
        "May be traded now",
    )
