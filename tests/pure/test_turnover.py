"""Turnover in whole micro-units: rounded up, bounded, and caps rounded down."""

from decimal import Decimal

import pytest

from rebalancer.errors import BadConfig
from rebalancer.orders import PortfolioName
from resources.turnover import (
    MICRO_MAX,
    micro_of,
    micro_of_cap,
    micro_of_order,
    quote_of,
    require_countable,
)
from tests.contract.order_queue.steps import make_limits
from tests.factories import make_order

CORE = PortfolioName("core")


@pytest.mark.parametrize(
    ("amount", "up", "down"),
    [
        ("0", 0, 0),
        ("1", 1_000_000, 1_000_000),
        ("0.000001", 1, 1),
        ("0.0000001", 1, 0),
        ("1.9999999", 2_000_000, 1_999_999),
        ("8999999999.999999", MICRO_MAX - 1, MICRO_MAX - 1),
    ],
)
def test_what_is_traded_rounds_up_and_what_is_allowed_rounds_down(
    amount: str, up: int, down: int
) -> None:
    assert micro_of(Decimal(amount)) == up
    assert micro_of_cap(Decimal(amount)) == down


def test_an_order_counts_with_all_of_it_at_its_worst_price() -> None:
    order = make_order(
        amount_base=Decimal("0.3"),
        limit_price_quote=Decimal(1),
        arrival_mid_quote=Decimal("1.5"),
        worst_price_quote=Decimal("2.0000001"),
    )
    assert micro_of_order(order) == 600_001


def test_a_sell_counts_at_the_mid_because_its_worst_price_is_less_than_it_brings() -> None:
    order = make_order(side="sell", arrival_mid_quote=Decimal(2), worst_price_quote=Decimal("1.9"))
    assert micro_of_order(order) == 2_000_000


def test_a_sum_beyond_the_range_is_its_end() -> None:
    assert micro_of(Decimal(10) ** 40) == MICRO_MAX
    assert quote_of(MICRO_MAX) == 9_000_000_000
    assert float(MICRO_MAX) == MICRO_MAX


def test_quote_units_come_back_exactly() -> None:
    assert str(quote_of(1_500_001)) == "1.500001"
    assert quote_of(0) == 0


@pytest.mark.parametrize("cap", ["9000000000", "1e20"])
def test_a_cap_that_cannot_be_counted_up_to_is_refused_by_name(cap: str) -> None:
    limits = make_limits(turnover_quote_day_max=Decimal(cap))
    with pytest.raises(BadConfig, match=r"'core'.*turnover_quote_day_max.*less than 9000000000"):
        require_countable({CORE: limits})


def test_caps_within_the_range_and_none_at_all_are_fine() -> None:
    require_countable({CORE: make_limits(turnover_quote_day_max=Decimal("8999999999.999999"))})
    require_countable({CORE: make_limits()})
