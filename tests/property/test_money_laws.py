"""Laws of exact numbers: nothing is rounded unless its direction is named."""

from collections.abc import Callable
from decimal import Decimal, Inexact, InvalidOperation
from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rebalancer.money import (
    BPS_WHOLE,
    DIGITS_MAX,
    bps_of,
    ceil_to_step,
    divide_down,
    exact,
    floor_to_step,
    plain,
    share_bps,
    to_decimal,
)
from tests.property.strategies import amounts, positive, signed, steps


@given(signed, steps | positive)
def test_floor_keeps_below_and_loses_less_than_one_step(value: Decimal, step: Decimal) -> None:
    fitted = Fraction(floor_to_step(value, step))
    assert fitted <= Fraction(value) < fitted + Fraction(step)
    assert (fitted / Fraction(step)).denominator == 1


@given(signed, steps | positive)
def test_ceiling_keeps_above_and_adds_less_than_one_step(value: Decimal, step: Decimal) -> None:
    fitted = Fraction(ceil_to_step(value, step))
    assert fitted - Fraction(step) < Fraction(value) <= fitted
    assert (fitted / Fraction(step)).denominator == 1


@given(signed, steps)
def test_rounding_twice_changes_nothing(value: Decimal, step: Decimal) -> None:
    floor, ceiling = floor_to_step(value, step), ceil_to_step(value, step)
    assert floor_to_step(floor, step) == ceil_to_step(floor, step) == floor
    assert floor_to_step(ceiling, step) == ceil_to_step(ceiling, step) == ceiling


@given(amounts, positive, steps)
def test_the_floor_of_a_quotient_is_the_true_one(
    part: Decimal, whole: Decimal, step: Decimal
) -> None:
    fitted = floor_to_step(divide_down(part, whole), step)
    true = Fraction(part) / Fraction(whole)
    assert fitted <= true
    assert true - Fraction(fitted) <= Fraction(step)
    assert Fraction(fitted) == true // Fraction(step) * Fraction(step)


@given(signed, positive)
def test_a_quotient_is_never_further_from_zero_than_the_truth(
    part: Decimal, whole: Decimal
) -> None:
    true, found = Fraction(part) / Fraction(whole), Fraction(divide_down(part, whole))
    assert abs(found) <= abs(true)
    assert abs(true - found) <= abs(true) / 10**99


@given(signed, st.integers(-BPS_WHOLE, 2 * BPS_WHOLE))
def test_basis_points_are_exact(value: Decimal, bps: int) -> None:
    assert Fraction(bps_of(value, bps)) == Fraction(value) * bps / BPS_WHOLE


@given(signed, positive)
def test_a_share_is_the_nearest_hundredth_of_a_basis_point(part: Decimal, whole: Decimal) -> None:
    hundredths = 100 * BPS_WHOLE * Fraction(part) / Fraction(whole)
    assert Fraction(share_bps(part, whole)) * 100 == round(hundredths)


@given(positive, positive)
def test_exact_arithmetic_is_exact_or_raises(left: Decimal, right: Decimal) -> None:
    with exact():
        assert Fraction(left * right) == Fraction(left) * Fraction(right)
        assert Fraction(left + right) == Fraction(left) + Fraction(right)
        assert Fraction(left - right) == Fraction(left) - Fraction(right)
        with pytest.raises(Inexact):
            assert Decimal(1) / 3
        with pytest.raises(InvalidOperation):
            assert Decimal(0) / 0


@given(signed)
def test_plain_writes_what_reads_back_as_the_same_number(value: Decimal) -> None:
    text = plain(value)
    assert to_decimal(text) == value
    assert "E" not in text.upper()
    assert not text.startswith("-0") or text.startswith("-0.")
    assert "." not in text or text[-1] not in "0."


@given(signed, st.integers(0, 10))
def test_equal_numbers_are_written_alike(value: Decimal, zeros: int) -> None:
    with exact():
        padded = value * (Decimal("1." + "0" * zeros) if zeros else 1)
    assert plain(padded) == plain(value)


def _refuses(make: Callable[[], Decimal]) -> bool:
    try:
        make()
    except ValueError:
        return True
    return False


@given(st.text() | st.text("0123456789.eE+-_ naifNAIF١２\n\x00", max_size=60))
@example("1e400")
@example("1e999999999999999999999")
@example("9" * 5_000)
@example("1_000")
@example("１２")
@example("NaN")
@example("-Infinity")
@example("0e25")
def test_text_is_an_exact_finite_number_or_refused(text: str) -> None:
    if _refuses(lambda: to_decimal(text)):
        return
    number = to_decimal(text)
    assert number.is_finite()
    assert text.isascii()
    assert Fraction(number) == Fraction(text.strip())
    assert abs(number) < 10**DIGITS_MAX
    assert (Fraction(number) * 10**DIGITS_MAX).denominator == 1


@given(st.floats() | st.booleans() | st.none() | st.binary(max_size=4))
def test_what_is_no_written_number_is_a_type_error(value: object) -> None:
    with pytest.raises(TypeError, match="expected str, int or Decimal"):
        to_decimal(value)  # type: ignore[arg-type]


@given(st.decimals() | st.integers())
def test_a_number_passes_unchanged_or_is_refused(value: Decimal | int) -> None:
    if _refuses(lambda: to_decimal(value)):
        is_huge = not Decimal(value).is_finite() or Decimal(value).copy_abs() >= 10**DIGITS_MAX
        assert is_huge or (Fraction(value) * 10**DIGITS_MAX).denominator > 1 or value == 0
    else:
        assert to_decimal(value) == value
