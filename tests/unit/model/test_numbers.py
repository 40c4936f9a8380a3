"""Numbers on their way in, rounding to a grid, and money."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import Money, Rounding, decimal, not_negative, on_grid, positive, to_grid

D = Decimal
STEPS = st.sampled_from([D("1e-8"), D("0.01"), D("0.05"), D("0.25"), D("0.03"), D(1), D(7), D(100)])
VALUES = st.decimals(min_value=-(10**12), max_value=10**12, places=12)
PARTS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=20)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.1, D("0.1")),
        (np.float64(0.1), D("0.1")),
        (1e-8, D("1e-8")),
        (3, D(3)),
        (np.int64(3), D(3)),
        ("2.50", D("2.50")),
        (" 7 ", D(7)),
        (D("1.23"), D("1.23")),
        (-0.0, D(0)),
    ],
)
def test_a_number_becomes_the_decimal_of_its_shortest_text(value: Any, expected: Decimal) -> None:
    assert decimal("x", value) == expected


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), "nan", "-Infinity", "sNaN", D("NaN"), D("Infinity"), D("sNaN"), np.nan],
)
def test_a_number_that_is_not_finite_is_refused_by_name(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^the fee .*not finite"):
        decimal("the fee", value)


@pytest.mark.parametrize("value", [True, False, np.True_, "", "ten", "1,5", "0x10", None, [1], (1,), b"1", 1j])
def test_what_is_no_number_is_refused_by_name(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^the fee .*not a number"):
        decimal("the fee", value)


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(deadline=None, max_examples=100)
def test_a_float_survives_the_way_to_decimal_and_back(value: float) -> None:
    assert float(decimal("x", value)) == value


@pytest.mark.parametrize("value", [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), D(-1), D("-1e-30")])
@pytest.mark.parametrize("check", [positive, not_negative])
def test_negative_and_non_finite_decimals_are_refused(check: Any, value: Decimal) -> None:
    with pytest.raises(BadInput, match=r"size .*must be finite and"):
        check("size", value)


@pytest.mark.parametrize("value", [1, 1.0, "1", True, None, np.float64(1.0)])
@pytest.mark.parametrize("check", [positive, not_negative])
def test_what_is_no_decimal_is_refused_with_the_remedy(check: Any, value: Any) -> None:
    with pytest.raises(BadInput, match=r"not a Decimal; convert with workbench\.model\.decimal"):
        check("size", value)


def test_zero_is_not_positive_but_not_negative_either() -> None:
    assert not_negative("fee", D(0)) == 0
    with pytest.raises(BadInput, match=r"size .*above 0"):
        positive("size", D(0))


@given(VALUES, STEPS)
@settings(deadline=None, max_examples=200)
def test_rounding_down_and_up_bracket_a_value_within_one_step(value: Decimal, step: Decimal) -> None:
    down, up = to_grid(value, step, Rounding.DOWN), to_grid(value, step, Rounding.UP)
    assert on_grid(down, step)
    assert on_grid(up, step)
    assert down <= value <= up
    assert up - down == (0 if on_grid(value, step) else step)


@given(VALUES, STEPS)
@settings(deadline=None, max_examples=200)
def test_rounding_to_the_nearest_is_within_half_a_step(value: Decimal, step: Decimal) -> None:
    near = to_grid(value, step, Rounding.NEAREST)
    assert on_grid(near, step)
    assert 2 * abs(near - value) <= step


@given(st.integers(-(10**15), 10**15), STEPS, st.sampled_from(Rounding))
@settings(deadline=None, max_examples=100)
def test_a_value_on_the_grid_stays_where_it_is(count: int, step: Decimal, rounding: Rounding) -> None:
    assert to_grid(count * step, step, rounding) == count * step


@pytest.mark.parametrize(
    ("value", "rounding", "expected"),
    [
        ("1.005", Rounding.DOWN, "1.00"),
        ("1.005", Rounding.UP, "1.01"),
        ("1.005", Rounding.NEAREST, "1.00"),
        ("1.015", Rounding.NEAREST, "1.02"),
        ("-1.005", Rounding.DOWN, "-1.01"),
        ("-1.005", Rounding.UP, "-1.00"),
    ],
)
def test_rounding_by_hand_ties_to_even_and_down_is_towards_minus_infinity(
    value: str, rounding: Rounding, expected: str
) -> None:
    assert to_grid(D(value), D("0.01"), rounding) == D(expected)


def test_rounding_does_not_depend_on_the_callers_decimal_context() -> None:
    with localcontext() as context:
        context.prec = 4
        assert to_grid(D("123456.789"), D("0.01"), Rounding.UP) == D("123456.79")
        assert on_grid(D("123456.78"), D("0.01"))


# ---- money -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("amount", [1, 1.0, "1", True, None, D("NaN"), D("sNaN"), D("Infinity")])
def test_money_of_no_finite_decimal_is_refused(amount: Any) -> None:
    with pytest.raises(BadInput, match=r"amount .*must be a finite Decimal"):
        Money(amount, "USD")


@pytest.mark.parametrize("currency", ["", "US", "usd", "US D", "ABCDEFGHIJK", "123", "US$"])
def test_money_in_no_currency_is_refused(currency: str) -> None:
    with pytest.raises(BadInput, match=r"currency .*3 to 10 capital letters"):
        Money(D(1), currency)


@pytest.mark.parametrize("currency", ["USD", "INR", "USDT", "1INCH"])
def test_money_below_zero_and_at_zero_is_allowed(currency: str) -> None:
    assert -Money(D(5), currency) == Money(D(-5), currency)
    assert Money(D(5), currency) - Money(D(5), currency) == Money(D(0), currency)


def test_money_of_two_currencies_does_not_mix() -> None:
    for act in (Money.__add__, Money.__sub__):
        with pytest.raises(BadInput, match=r"EUR: cannot be added to USD; convert it first"):
            act(Money(D(1), "USD"), Money(D(1), "EUR"))


@given(PARTS, PARTS)
@settings(deadline=None, max_examples=100)
def test_sums_of_money_are_exact_whatever_their_digits(a: Decimal, b: Decimal) -> None:
    left, right = Money(a, "USD"), Money(b, "USD")
    with localcontext() as context:
        context.prec = 60
        total, difference, negative = a + b, a - b, -a
    assert (left + right).amount == total
    assert (left - right).amount == difference
    assert (-left).amount == negative
