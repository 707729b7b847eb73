"""Two sides of a benchmark that ran in turn: which figures both have, and how they compare. Pure.

Belongs here: reading what `trimtab bench … --json` prints, and the table that compares two of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from bench.failure import BenchFailed
from bench.figures import Spread, spread_of

Row = Mapping[str, Any]
NAMES = ("variant", "what", "depth", "round_trip_ms", "concurrency")
"""What a row is about; rows of both sides that agree in these are the same thing."""
COUNTS = ("orders", "repetitions", "times")
"""What was asked for: no figure."""
HEAD = ("figure", "before", "after", "after / before")


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure: its median on either side, and after / before of each round."""

    figure: str
    before: float
    after: float
    ratio: Spread | None
    """None where a round had 0 before."""


def compare(rounds: Sequence[tuple[Sequence[Row], Sequence[Row]]]) -> list[Compared]:
    """Round by round: each result with the one that ran beside it.

    Args:
        rounds: Of each round the rows before and the rows after.

    Raises:
        BenchFailed: the sides have nothing in common, or two rows of one side have the same name.
    """
    rounds = [(_placed(before), _placed(after)) for before, after in rounds]
    names = _names_of_both(rounds)
    sides = [(_figures(before, names), _figures(after, names)) for before, after in rounds]
    shared = [name for name in sides[0][1] if all(name in side for pair in sides for side in pair)]
    if not shared:
        raise BenchFailed("the two sides have no figure in common; choose a later commit")
    return [_compared(name, [(old[name], new[name]) for old, new in sides]) for name in shared]


def table_of(compared: Sequence[Compared]) -> str:
    """Lines for a person: names to the left, numbers to the right."""
    cells = [HEAD, *((row.figure, _n(row.before), _n(row.after), _ratio(row)) for row in compared)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            (row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])),
        )
        for row in cells
    )


def _placed(rows: Sequence[Row]) -> Sequence[Row]:
    """An older side does not say how far its venue was: it had one, on loopback."""
    return [{"round_trip_ms": 0.0, **row} if "stages_ms" in row else row for row in rows]


def _names_of_both(rounds: Sequence[tuple[Sequence[Row], Sequence[Row]]]) -> list[str]:
    """A side that is older may not name everything."""
    rows = [row for pair in rounds for side in pair for row in side]
    return [name for name in NAMES if all(name in row for row in rows)]


def _figures(rows: Sequence[Row], names: Sequence[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        told = [f"{name} {row[name]}" if name not in NAMES[:2] else row[name] for name in names]
        title = ", ".join(told)
        for words, value in _medians({k: v for k, v in row.items() if k not in (*NAMES, *COUNTS)}):
            figure = f"{title}: {' '.join(words)}"
            if figure in found:
                raise BenchFailed(f"{figure}: told twice by one side; ask for less in one run")
            found[figure] = value
    return found


def _medians(told: Row) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, value in told.items():
        match value:
            case {"median": float() | int() as middle}:
                yield (name,), middle
            case dict():
                yield from (((name, *words), middle) for words, middle in _medians(value))
            case float() | int():
                yield (name,), value


def _compared(figure: str, pairs: Sequence[tuple[float, float]]) -> Compared:
    before, after = zip(*pairs, strict=True)
    ratio = spread_of(new / old for old, new in pairs) if all(before) else None
    return Compared(figure, median(before), median(after), ratio)


def _n(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"


def _ratio(row: Compared) -> str:
    if row.ratio is None:
        return "–"
    return f"{row.ratio.median:.2f} ({row.ratio.least:.2f}–{row.ratio.most:.2f})"
