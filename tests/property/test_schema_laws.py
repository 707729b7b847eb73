"""The table check before PostgreSQL and the law of the domain refuse the same rows alike."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from assets.schemas import BALANCES, RULES, TICKERS, RawTable, screen
from rebalancer.balances import RawBalance, sanitize_balances
from rebalancer.faults import RawRow, Rejected
from rebalancer.money import Asset
from rebalancer.precision import sanitize_rules
from rebalancer.quotes import sanitize_tickers
from tests.factories import NOW_MS, make_raw_rule, make_raw_ticker, make_symbol

BASES = ("BTC", "ETH", "SOL")
WANTED = tuple(make_symbol(base) for base in BASES)
POISON = (
    None,
    "",
    " ",
    "nan",
    "NaN",
    "-inf",
    "Infinity",
    "1e400",
    "-1e400",
    "0",
    "-0",
    "-1",
    "１２",
    "٣",
    "1_000",
    "0x1F",
    "None",
    "5\x00",
    "9" * 30,
)
EXAMPLES = 20  # pandera takes a tenth of a second for a table with many faults.

cells = st.sampled_from(["1", "2", "3.5"]) | st.sampled_from(POISON) | st.text(max_size=4)
bases = st.sampled_from((*BASES, "DOGE"))
tickers = st.builds(make_raw_ticker, base=bases, bid=cells, ask=cells, last=cells)
balances = st.builds(
    RawBalance, st.sampled_from([Asset(base) for base in BASES]), cells, cells, st.just(NOW_MS)
)
rules = st.builds(
    make_raw_rule,
    base=bases,
    amount_step=cells,
    amount_min=cells,
    amount_max=cells,
    price_step=cells,
    notional_min=cells,
)


@settings(max_examples=EXAMPLES)
@given(st.lists(tickers, max_size=5))
@example([make_raw_ticker("BTC", bid="2", ask="1", last=None)])
def test_tickers_are_judged_alike(rows: list[Any]) -> None:
    require_agreement(TICKERS, rows, lambda: sanitize_tickers(rows, WANTED), wanted=WANTED)


@settings(max_examples=EXAMPLES)
@given(st.lists(balances, max_size=5))
def test_balances_are_judged_alike(rows: list[Any]) -> None:
    require_agreement(BALANCES, rows, lambda: sanitize_balances(rows), wanted=None)


BARE = {"amount_step": None, "amount_min": None, "price_step": None, "notional_min": None}


@settings(max_examples=EXAMPLES)
@given(st.lists(rules, max_size=4))
# So many faults that pandera reports them in an order of its own.
@example(
    [
        make_raw_rule("BTC"),
        make_raw_rule("BTC", **BARE),
        make_raw_rule("BTC", **BARE),
        make_raw_rule("ETH", **(BARE | {"amount_step": "nan", "amount_max": ""})),
    ]
)
def test_rules_are_judged_alike(rows: list[Any]) -> None:
    require_agreement(RULES, rows, lambda: sanitize_rules(rows, WANTED), wanted=WANTED)


def require_agreement(
    table: RawTable,
    rows: Sequence[RawRow],
    sanitize: Callable[[], tuple[dict[Any, Any], Collection[Rejected]]],
    *,
    wanted: Collection[object] | None,
) -> None:
    """The same sound rows, and for each refused one the same subject, fault and raw fields."""
    names = None if wanted is None else [str(name) for name in wanted]
    kept, refused = screen(table, rows, wanted=names)
    sound, rejected = sanitize()
    assert sorted(rows[i].subject for i in kept) == sorted(str(name) for name in sound)
    assert _told(refused) == _told(rejected)


def _told(rejected: Collection[Rejected]) -> list[tuple[str, str, str]]:
    return sorted((row.subject, str(row.fault), repr(sorted(row.raw.items()))) for row in rejected)
