"""What a book holds up to a price only grows as the price worsens, and is never made up."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from rebalancer.depth import Book, Level, RawBook, depth_base, read_book, spread_bps
from rebalancer.faults import Rejected
from rebalancer.money import plain
from rebalancer.precision import Side
from tests.factories import NOW_MS, make_symbol

NUMBERS = st.decimals("0.00000001", "1000000", places=8)
LEVELS = st.dictionaries(NUMBERS, NUMBERS, min_size=2, max_size=12)
SIDES: st.SearchStrategy[Side] = st.sampled_from(["buy", "sell"])
WORDS = st.none() | st.text(max_size=8) | NUMBERS.map(str) | st.sampled_from(["NaN", "-1", "1e99"])
RAW_SIDES = st.lists(st.tuples(WORDS, WORDS), max_size=4).map(tuple)


@st.composite
def books(draw: st.DrawFn) -> Book:
    levels = [Level(price, amount) for price, amount in sorted(draw(LEVELS).items())]
    cut = draw(st.integers(1, len(levels) - 1))
    return Book(make_symbol(), tuple(reversed(levels[:cut])), tuple(levels[cut:]), NOW_MS)


@given(books(), SIDES, NUMBERS, NUMBERS)
def test_depth_never_shrinks_as_the_price_worsens(
    book: Book, side: Side, one: Decimal, other: Decimal
) -> None:
    better, worse = sorted((one, other), reverse=side == "sell")
    near = depth_base(book, side, worst_price_quote=better)
    assert near <= depth_base(book, side, worst_price_quote=worse)


@given(books(), SIDES, NUMBERS)
def test_depth_is_the_exact_sum_of_the_levels_within_the_price(
    book: Book, side: Side, worst: Decimal
) -> None:
    far = book.asks if side == "buy" else book.bids
    within = [
        Fraction(level.amount_base)
        for level in far
        if (level.price_quote <= worst if side == "buy" else level.price_quote >= worst)
    ]
    assert Fraction(depth_base(book, side, worst_price_quote=worst)) == sum(within)


@given(books())
def test_a_sound_book_survives_being_written_and_read(book: Book) -> None:
    sides = [
        tuple((plain(level.price_quote), plain(level.amount_base)) for level in levels)
        for levels in (book.bids, book.asks)
    ]
    assert read_book(RawBook(book.symbol, sides[0], sides[1], NOW_MS)) == book
    assert spread_bps(book) >= 0


@given(RAW_SIDES, RAW_SIDES)
def test_no_book_from_outside_breaks_the_reader(
    bids: tuple[tuple[str | None, str | None], ...], asks: tuple[tuple[str | None, str | None], ...]
) -> None:
    raw = RawBook(make_symbol(), bids, asks, NOW_MS)
    read = read_book(raw)
    if isinstance(read, Rejected):
        assert read.raw == raw.fields
    else:
        assert read.bids[0].price_quote < read.asks[0].price_quote
