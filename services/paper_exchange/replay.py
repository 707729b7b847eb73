"""Recorded candles as a price source.

Belongs here: reading a recording and walking it at a chosen speed. Every price is a number that
stands in the file: a rising candle is walked open, low, high, close; a falling one open, high,
low, close.
Does not belong here: anything that invents a price.

At the end of the recording the last prices hold.
"""

import csv
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

from rebalancer.money import to_decimal
from services.paper_exchange.options import PaperRefused

COLUMNS = ("symbol", "open_time", "open", "high", "low", "close", "volume")
CURE = (
    "give --replay a parquet or CSV file with the columns " + ", ".join(COLUMNS) + " (times in UTC)"
)
CANDLE_MS_DEFAULT = 60_000
PRICE_MAX = 10**12
TIME_MS_MAX = 4_102_444_800_000
"""The year 2100: beyond it the times are no milliseconds."""

FLOAT_MIN = 1e-6
"""No double from here to `PRICE_MAX` is written with more digits than a price may have."""

# pyarrow tells what it cannot read by RuntimeError too.
FILE_WRONG = (OSError, ValueError, LookupError, TypeError, ArithmeticError, RuntimeError, csv.Error)


@dataclass(slots=True)
class Candles:
    """One symbol's recording, oldest first. Prices stay as written until they are quoted."""

    open_times_ms: list[int] = field(default_factory=list)
    prices: list[tuple[Any, Any, Any, Any]] = field(default_factory=list)  # open, high, low, close


def read_candles(path: Path) -> dict[str, Candles]:
    """Every symbol's candles.

    Raises:
        PaperRefused: The file is missing, corrupt, lacks a column or holds an impossible price.
    """
    if not path.is_file():
        raise PaperRefused(f"{path}: expected a file of candles, found none; {CURE}")
    try:
        rows = _read_csv(path) if path.suffix.lower() == ".csv" else _read_parquet(path)
        candles = _sort(rows)
    except PaperRefused:
        raise
    except FILE_WRONG as error:
        first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PaperRefused(
            f"{path}: expected candles, was not ({first_line:.300}); {CURE}"
        ) from None
    if not candles:
        raise PaperRefused(f"{path}: expected at least one candle, found none; {CURE}")
    return candles


class ReplayPrices:
    """The recording, played from `start` at `speed` seconds of market per second of wall time."""

    def __init__(
        self, candles: Mapping[str, Candles], *, speed: Decimal, tick_ms: int, start: str | None
    ) -> None:
        self._candles = candles
        self._speed = speed
        self._tick_ms = tick_ms
        first_ms = max(c.open_times_ms[0] for c in candles.values())
        last_ms = max(c.open_times_ms[-1] for c in candles.values())
        self._start_ms = first_ms if start is None else _read_start(start, first_ms, last_ms)
        self._length_ms = {name: _candle_length_ms(c) for name, c in candles.items()}

    def symbols(self) -> tuple[str, ...]:
        return tuple(sorted(self._candles))

    def mids(self, tick: int) -> Mapping[str, Decimal]:
        at_ms = self._start_ms + int(tick * self._tick_ms * self._speed)
        return {name: self._price(name, at_ms) for name in self._candles}

    def describe(self) -> str:
        start = datetime.fromtimestamp(self._start_ms / 1000, UTC)
        return f"recorded market of {len(self._candles)} symbols from {start:%Y-%m-%d %H:%M} UTC"

    def _price(self, name: str, at_ms: int) -> Decimal:
        candles = self._candles[name]
        index = max(bisect_right(candles.open_times_ms, at_ms) - 1, 0)
        opened, high, low, closed = (_written(price) for price in candles.prices[index])
        path = (opened, low, high, closed) if closed >= opened else (opened, high, low, closed)
        since_ms = at_ms - candles.open_times_ms[index]
        quarter = min(4 * since_ms // self._length_ms[name], 3)
        return path[max(quarter, 0)]


def _written(price: Any) -> Decimal:
    """The shortest text that names the recorded number is what the venue wrote."""
    return to_decimal(repr(price) if isinstance(price, float) else price)


def _read_parquet(path: Path) -> Iterable[tuple[Any, ...]]:
    import pyarrow  # Late: heavy, and only a replay needs it.
    import pyarrow.parquet as parquet

    table = parquet.ParquetFile(path).read()
    _require_columns(path, table.column_names)
    times = table["open_time"]
    if str(times.type).startswith("timestamp"):
        times = times.cast(pyarrow.timestamp("ms", tz=times.type.tz)).cast("int64")
    columns = [table[name].to_pylist() for name in ("open", "high", "low", "close")]
    return zip(table["symbol"].to_pylist(), times.to_pylist(), *columns, strict=True)


def _read_csv(path: Path) -> Iterable[tuple[Any, ...]]:
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        _require_columns(path, reader.fieldnames or ())
        return [
            (
                row["symbol"],
                row["open_time"],
                *(row[name] for name in ("open", "high", "low", "close")),
            )
            for row in reader
        ]


def _require_columns(path: Path, found: Iterable[str]) -> None:
    absent = [name for name in COLUMNS if name not in set(found)]
    if absent:
        raise PaperRefused(f"{path}: expected the column {absent[0]!r}, found none; {CURE}")


def _sort(rows: Iterable[tuple[Any, ...]]) -> dict[str, Candles]:
    by_symbol: dict[str, dict[int, tuple[Any, Any, Any, Any]]] = {}
    for symbol, open_time, *prices in rows:
        if not isinstance(symbol, str) or not symbol:
            raise ValueError(f"expected the name of a symbol, was {symbol!r:.80}")
        _check_prices(symbol, open_time, prices)
        opened, high, low, closed = prices
        by_symbol.setdefault(symbol, {})[_time_ms(open_time)] = (opened, high, low, closed)
    found: dict[str, Candles] = {}
    for symbol, by_time in by_symbol.items():
        times = sorted(by_time)
        found[symbol] = Candles(times, [by_time[at_ms] for at_ms in times])
    return found


def _check_prices(symbol: str, open_time: Any, prices: list[Any]) -> None:
    """Refuse now what could not be quoted later; a recording has hundreds of thousands of rows."""
    place = f"{symbol:.80} at {open_time!s:.80}"
    try:
        opened, high, low, closed = (
            price if type(price) is float and FLOAT_MIN <= price < PRICE_MAX else _written(price)
            for price in prices
        )
    except (ValueError, TypeError) as error:
        raise ValueError(f"{place}: expected prices above 0; {error}") from None
    if not 0 < low <= min(opened, closed) <= max(opened, closed) <= high < PRICE_MAX:
        raise ValueError(
            f"{place}: expected prices above 0, none below its low or above its high,"
            f" was {prices!r:.200} (open, high, low, close)"
        )


def _time_ms(open_time: Any) -> int:
    at_ms = _read_time_ms(open_time) if isinstance(open_time, str) else int(open_time)
    is_whole = isinstance(open_time, str) or at_ms == open_time
    if not is_whole or not 0 <= at_ms < TIME_MS_MAX:
        raise ValueError(f"expected milliseconds from 1970 to 2100, was {open_time!s:.80}")
    return at_ms


def _read_time_ms(text: str) -> int:
    """Milliseconds since 1970, from a whole number of them or an ISO 8601 text in UTC."""
    if text.isascii() and text.isdecimal():
        return int(text)
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _read_start(text: str, first_ms: int, last_ms: int) -> int:
    try:
        start_ms = _read_time_ms(text)
    except (ValueError, OverflowError):
        start_ms = -1
    if not first_ms <= start_ms <= last_ms:
        first, last = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (first_ms, last_ms))
        raise PaperRefused(
            f"--start {text}: expected an instant from {first:%Y-%m-%dT%H:%M} to"
            f" {last:%Y-%m-%dT%H:%M} (UTC), where every symbol has a price"
        )
    return start_ms


def _candle_length_ms(candles: Candles) -> int:
    """The shortest distance between two candles."""
    times = candles.open_times_ms
    gaps = [after - before for before, after in pairwise(times)]
    return min(gaps, default=CANDLE_MS_DEFAULT)
