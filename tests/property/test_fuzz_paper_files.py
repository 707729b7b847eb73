"""Files that somebody gives the paper exchange: taken whole, or refused in a sentence."""

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.paper_exchange.exchange import Exchange
from services.paper_exchange.market_table import built_in_symbols
from services.paper_exchange.options import PaperOptions, PaperRefused
from services.paper_exchange.scenario import read_scenario
from tests.property.junk import DEEP, NOT_JSON, ODD_NUMBERS, changed, texts, values, written

COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume")
SOUND = ("BTCUSDC", "1700000000000", "100.5", "110", "90.25", "105.75", "1")
SOUND_RULES: dict[str, Any] = built_in_symbols()[0]
LATEST_MS = 1_700_000_000_000
SPEED = Decimal(10**6)

times = st.sampled_from(("0", "-1", "1700000000000", "9" * 20, "2025-01-01", "0001-01-01", "１２"))
cells = texts | times | st.sampled_from(SOUND) | st.just("1" * 200_000)
rows = st.lists(
    st.tuples(st.integers(0, len(COLUMNS)), cells).map(
        lambda odd: [*SOUND[: odd[0]], odd[1], *SOUND[odd[0] + 1 :]]
    )
    | st.lists(cells, max_size=8)
    | st.just(list(SOUND)),
    max_size=3,
)


def refusal(start: Callable[[], object]) -> str | None:
    """What starting says when it refuses; None when it does not."""
    try:
        start()
    except PaperRefused as refused:
        return str(refused)
    return None


def loads(given: bytes, name: str, option: str) -> bool:
    """Whether an exchange starts on this file; if it does it also runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(given)
        files: dict[str, Any] = {option: path}
        made: list[Exchange] = []
        options = PaperOptions(speed=SPEED, **files)
        said = refusal(lambda: made.append(Exchange(options, clock=lambda: LATEST_MS)))
    if said is not None:
        assert "; give --" in said
        assert "\n" not in said
        assert len(said) < 1_500
        return False
    (exchange,) = made
    assert exchange.source.describe()
    for market in exchange.advance(1_000):
        exchange.requote(market)
    return True


def as_csv(lines: list[Any], dialect: str = "excel") -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, dialect).writerows([COLUMNS, *lines])
    return file.getvalue().encode(errors="replace")


def as_parquet(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), file)
    return file.getvalue()


def sound_columns(**changes: list[Any]) -> dict[str, Any]:
    sound = {"symbol": ["BTCUSDC"], "open_time": [LATEST_MS], "volume": [1.0]}
    prices = {"open": [100.5], "high": [110.0], "low": [90.25], "close": [105.75]}
    return sound | prices | changes


@given(rows)
@settings(max_examples=60)
def test_rows_of_any_text_are_taken_or_refused(lines: list[list[str]]) -> None:
    loads(as_csv(lines), "candles.csv", "replay")


@given(st.binary(max_size=200))
@settings(max_examples=30)
@pytest.mark.parametrize("name", ["candles.csv", "candles.parquet"])
def test_bytes_that_are_no_recording_are_refused(name: str, content: bytes) -> None:
    assert not loads(content, name, "replay")


@pytest.mark.parametrize("price", ["1_000", "１２", "0." + "1" * 25, "9" * 200_000, *ODD_NUMBERS])
def test_a_price_no_market_writes_is_refused_when_it_is_read(price: str) -> None:
    line = ("BTCUSDC", "1700000000000", price, price, price, price, "1")
    is_number = price in ("1.", ".5", "+1", " 1", "1\n")
    assert loads(as_csv([line]), "candles.csv", "replay") == is_number


@pytest.mark.parametrize(
    "prices",
    [("5", "1", "9", "5"), ("5", "4", "3", "4"), ("5", "6", "5.5", "6"), ("5", "6", "4", "7")],
)
def test_a_candle_whose_high_or_low_is_not_is_refused(prices: tuple[str, ...]) -> None:
    line = ("BTCUSDC", "1700000000000", *prices, "1")
    assert not loads(as_csv([line]), "candles.csv", "replay")


@pytest.mark.parametrize("line", [("BTCUSDC",), ("", "0", "1", "1", "1", "1", "1"), ("A", "１２")])
def test_a_row_without_symbol_or_time_is_refused(line: tuple[str, ...]) -> None:
    assert not loads(as_csv([line]), "candles.csv", "replay")


@pytest.mark.parametrize(
    "changes",
    [
        {"open": [True], "high": [True], "low": [True], "close": [True]},
        {"open": [float("nan")]},
        {"open": [None]},
        {"open": [[1.0]]},
        {"open_time": [None]},
        {"open_time": [1.5]},
        {"open_time": [date(2025, 1, 1)]},
        {"open_time": [2**62]},
        {"symbol": [b"BTCUSDC"]},
        {"symbol": [None]},
    ],
)
def test_a_parquet_file_of_other_types_is_refused(changes: dict[str, Any]) -> None:
    assert not loads(as_parquet(sound_columns(**changes)), "candles.parquet", "replay")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"open": [Decimal("100.50")]},
        {"open": ["100.5"]},
        {"open": [100]},
        {"open_time": [datetime(2025, 1, 1)]},  # noqa: DTZ001 - recordings are often naive
    ],
)
def test_a_sound_parquet_file_is_taken_whatever_its_numbers_are(changes: dict[str, Any]) -> None:
    assert loads(as_parquet(sound_columns(**changes)), "candles.parquet", "replay")


@given(changed(SOUND_RULES), st.booleans())
@settings(max_examples=60)
def test_rules_of_any_shape_are_taken_or_refused(rules: dict[str, Any], is_packed: bool) -> None:
    content = written({"symbols": [SOUND_RULES, rules]}).encode()
    loads(gzip.compress(content) if is_packed else content, "info.json", "exchange_info")


@given(
    st.integers(0, len(SOUND_RULES["filters"]) - 1).flatmap(
        lambda index: st.tuples(st.just(index), changed(SOUND_RULES["filters"][index]))
    )
)
@settings(max_examples=80)
def test_filters_of_any_shape_are_taken_or_refused(odd: tuple[int, dict[str, Any]]) -> None:
    filters = [*SOUND_RULES["filters"]]
    filters[odd[0]] = odd[1]
    content = written({"symbols": [{**SOUND_RULES, "filters": filters}]}).encode()
    loads(content, "info.json", "exchange_info")


@given(values)
@settings(max_examples=50)
def test_json_that_is_no_exchange_info_is_refused(value: Any) -> None:
    assert not loads(written(value).encode(), "info.json", "exchange_info")


@pytest.mark.parametrize("text", NOT_JSON, ids=range(len(NOT_JSON)))
@pytest.mark.parametrize("is_packed", [True, False])
def test_text_that_is_no_json_is_refused(text: str, is_packed: bool) -> None:
    content = gzip.compress(text.encode()) if is_packed else text.encode()
    assert not loads(content, "info.json", "exchange_info")


@given(st.integers(10, 400), st.binary(min_size=1, max_size=6))
@settings(max_examples=50)
def test_a_damaged_archive_is_refused(at: int, damage: bytes) -> None:
    whole = bytearray(gzip.compress(json.dumps({"symbols": [SOUND_RULES]}).encode()))
    sound = bytes(whole)
    whole[at : at + len(damage)] = damage
    if bytes(whole) != sound:
        loads(bytes(whole), "info.json.gz", "exchange_info")


FAULTS = (
    {"at_ms": 5, "kind": "code", "code": -1001, "status": 500},
    {"at_ms": 5, "kind": "close_before", "match": {"symbol": "BTCUSDC"}, "probability": "0.5"},
    {"at_ms": 5, "kind": "rules_changed", "symbol": "BTCUSDC", "step_size": "0.001"},
)


def reads_scenario(text: str) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "faults.json"
        path.write_bytes(text.encode(errors="surrogatepass"))
        said = refusal(lambda: read_scenario(path, ["BTCUSDC"]))
    assert said is None or (str(path) in said and len(said) < 2_000)
    return said is None


@given(st.sampled_from(FAULTS).flatmap(changed))
@settings(max_examples=80)
def test_a_scripted_fault_of_any_shape_is_taken_or_refused(fault: dict[str, Any]) -> None:
    reads_scenario(written([fault]))


@pytest.mark.parametrize("text", [*NOT_JSON, DEEP[:900]], ids=range(len(NOT_JSON) + 1))
def test_a_script_that_is_no_json_is_refused(text: str) -> None:
    assert not reads_scenario(text)
