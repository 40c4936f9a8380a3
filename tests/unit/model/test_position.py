"""Positions after fills, against a ledger that knows fractions and nothing of the code."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import Direction, Position, Side

D = Decimal
SIZES = st.decimals(min_value=D("0.00000001"), max_value=D(10_000), places=8)
PRICES = st.decimals(min_value=D("0.00000001"), max_value=D(100_000), places=8)
FILLS = st.lists(st.tuples(st.sampled_from(Side), SIZES, PRICES), min_size=1, max_size=25)
ROUNDING = Fraction(1, 10**20)


def after(*fills: tuple[Side, Any, Any]) -> Position:
    position = Position("a", "s", "X")
    for side, size, price in fills:
        position = position.after(side, D(size), D(price))
    return position


def by_hand(fills: list[tuple[Side, Decimal, Decimal]]) -> tuple[Fraction, Fraction, Fraction]:
    """Size, average entry and realised gain: average cost, lot by lot in fractions."""
    size = entry = realised = Fraction(0)
    for side, quantity, price in fills:
        left, at, sign = Fraction(quantity), Fraction(price), 1 if side is Side.BUY else -1
        if size and (size > 0) != (sign > 0):
            closed = min(left, abs(size))
            realised += closed * (at - entry) * (1 if size > 0 else -1)
            size += sign * closed
            left -= closed
            if size == 0:
                entry = Fraction(0)
        if left:
            entry = (abs(size) * entry + left * at) / (abs(size) + left)
            size += sign * left
    return size, entry, realised


@given(FILLS)
@settings(deadline=None, max_examples=200)
def test_size_entry_and_gain_are_those_of_an_independent_ledger(fills: list[tuple[Side, Decimal, Decimal]]) -> None:
    position = after(*fills)
    size, entry, realised = by_hand(fills)
    assert Fraction(position.size) == size
    assert abs(Fraction(position.entry_price) - entry) <= ROUNDING
    assert abs(Fraction(position.realised) - realised) <= ROUNDING


@given(FILLS, PRICES)
@settings(deadline=None, max_examples=200)
def test_realised_and_unrealised_gain_are_the_cash_flow_and_the_value(
    fills: list[tuple[Side, Decimal, Decimal]], mark: Decimal
) -> None:
    position = after(*fills)
    cash = sum((-side.sign * Fraction(size) * Fraction(price) for side, size, price in fills), Fraction(0))
    unrealised = Fraction(position.size) * (Fraction(mark) - Fraction(position.entry_price))
    assert abs(Fraction(position.realised) + unrealised - (cash + Fraction(position.size) * Fraction(mark))) <= ROUNDING


@given(FILLS)
@settings(deadline=None, max_examples=100)
def test_flat_has_no_entry_price_and_held_has_one(fills: list[tuple[Side, Decimal, Decimal]]) -> None:
    position = after(*fills)
    assert (position.entry_price == 0) == (position.size == 0)
    assert (position.direction is None) == (position.size == 0)


def test_adding_averages_the_entry_price() -> None:
    position = after((Side.BUY, 10, 100), (Side.BUY, 30, 120))
    assert (position.size, position.entry_price, position.realised) == (40, 115, 0)


def test_reducing_realises_and_keeps_the_entry_price() -> None:
    position = after((Side.BUY, 10, 100), (Side.SELL, 4, 110))
    assert (position.size, position.entry_price, position.realised) == (6, 100, 40)


def test_a_short_gains_when_the_price_falls() -> None:
    position = after((Side.SELL, 10, 100), (Side.BUY, 10, 90))
    assert (position.size, position.entry_price, position.realised) == (0, 0, 100)
    assert position.direction is None


def test_a_fill_through_zero_opens_at_its_own_price() -> None:
    position = after((Side.BUY, 10, 100), (Side.SELL, 15, 110))
    assert (position.size, position.entry_price, position.realised) == (-5, 110, 100)
    assert position.direction is Direction.SHORT


def test_gains_add_up_over_round_trips() -> None:
    position = after((Side.BUY, 1, 10), (Side.SELL, 1, 12), (Side.SELL, 1, 12), (Side.BUY, 1, 15))
    assert (position.size, position.realised) == (0, -1)


@pytest.mark.parametrize("value", [D("NaN"), D("sNaN"), D("Infinity"), D("-Infinity"), 1.0, 1, True, "1", None])
@pytest.mark.parametrize(("field", "name"), [("size", "position size"), ("realised", "realised")])
def test_a_size_or_gain_that_is_no_finite_decimal_is_refused_by_name(field: str, name: str, value: Any) -> None:
    with pytest.raises(BadInput, match=name):
        Position("a", "s", "X", **{field: value})


@pytest.mark.parametrize("value", [D("NaN"), D("Infinity"), D(-1), 1.0, 1, True, "1", None])
def test_an_entry_price_that_is_no_decimal_from_zero_up_is_refused_by_name(value: Any) -> None:
    with pytest.raises(BadInput, match=r"^entry price "):
        Position("a", "s", "X", size=D(1), entry_price=value)


def test_a_size_and_a_gain_below_zero_are_taken() -> None:
    position = Position("a", "s", "X", size=D(-5), entry_price=D(10), realised=D(-3))
    assert position.direction is Direction.SHORT
