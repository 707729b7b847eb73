"""A book is sound or refused with its reason; what it holds up to a price is exact."""

from decimal import Decimal

import pytest

from rebalancer.depth import Book, RawBook, RawLevel, depth_base, read_book, spread_bps
from rebalancer.faults import DataFault, Rejected
from tests.factories import NOW_MS, make_symbol

BIDS: tuple[RawLevel, ...] = (("99", "1.5"), ("98.5", "0.000000000000000001"))
ASKS: tuple[RawLevel, ...] = (("101", "2"), ("102", "0.1"), ("103", "0.2"))


def make_raw(bids: tuple[RawLevel, ...] = BIDS, asks: tuple[RawLevel, ...] = ASKS) -> RawBook:
    return RawBook(make_symbol(), bids, asks, NOW_MS)


def make_book() -> Book:
    book = read_book(make_raw())
    assert isinstance(book, Book)
    return book


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        ((), ASKS, DataFault.MISSING_ROW),
        (BIDS, (), DataFault.MISSING_ROW),
        ((("99", None),), ASKS, DataFault.MISSING_FIELD),
        ((("NaN", "1"),), ASKS, DataFault.NOT_FINITE),
        ((("nan", "1"),), ASKS, DataFault.NOT_FINITE),
        (BIDS, (("101", "inf"),), DataFault.NOT_FINITE),
        (BIDS, (("101", "-1"),), DataFault.NOT_POSITIVE),
        (BIDS, (("101", "0"),), DataFault.NOT_POSITIVE),
        (BIDS, (("1_01", "1"),), DataFault.NOT_A_NUMBER),
        ((("98", "1"), ("99", "1")), ASKS, DataFault.UNSORTED_BOOK),
        ((("99", "1"), ("99.0", "1")), ASKS, DataFault.UNSORTED_BOOK),
        (BIDS, (("102", "1"), ("101", "1")), DataFault.UNSORTED_BOOK),
        ((("101", "1"),), ASKS, DataFault.CROSSED_BOOK),
        ((("101.5", "1"),), ASKS, DataFault.CROSSED_BOOK),
    ],
)
def test_a_book_that_cannot_be_true_is_refused(
    bids: tuple[RawLevel, ...], asks: tuple[RawLevel, ...], fault: DataFault
) -> None:
    refused = read_book(make_raw(bids, asks))
    assert isinstance(refused, Rejected)
    assert (refused.subject, refused.fault) == ("BTC/USDC", fault)


def test_a_refusal_names_the_level() -> None:
    refused = read_book(make_raw(asks=(("101", "1"), ("102", "NaN"))))
    assert isinstance(refused, Rejected)
    assert refused.detail == "ask 2 amount was 'NaN'"
    assert refused.raw["ask 1 price"] == "101"


def test_the_spread_is_a_share_of_the_middle() -> None:
    assert spread_bps(make_book()) == 200


@pytest.mark.parametrize(
    ("worst", "amount"),
    [("100.99", "0"), ("101", "2"), ("102.5", "2.1"), ("1000", "2.3")],
)
def test_a_buy_takes_asks_up_to_its_worst_price(worst: str, amount: str) -> None:
    depth = depth_base(make_book(), "buy", worst_price_quote=Decimal(worst))
    assert depth == Decimal(amount)


@pytest.mark.parametrize(
    ("worst", "amount"), [("99.01", "0"), ("99", "1.5"), ("1", "1.500000000000000001")]
)
def test_a_sell_takes_bids_down_to_its_worst_price(worst: str, amount: str) -> None:
    depth = depth_base(make_book(), "sell", worst_price_quote=Decimal(worst))
    assert depth == Decimal(amount)
