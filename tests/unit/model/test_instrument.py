"""Instruments: what is refused, and the grids of prices and sizes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.model import PRICE_STEP, SIZE_STEP, Instrument, Rounding, on_grid

D = Decimal
BAD = [D(0), D(-1), D("NaN"), D("Infinity"), D("-Infinity"), 0.01, 1, True, "0.01"]
PRICES = st.decimals(min_value=D("0.00000001"), max_value=10**9, places=10)


@pytest.mark.parametrize("symbol", ["", " ", "A B", "A,B", "A\tB", "A\n", "A\u00a0B"])
def test_a_symbol_that_is_empty_or_holds_spaces_or_commas_is_refused(symbol: str) -> None:
    with pytest.raises(BadInput, match=r"symbol .*must not be empty or hold spaces or commas"):
        Instrument(symbol)


@pytest.mark.parametrize("symbol", ["ROCKET", "BRK.B", "^GSPC", "EUR/USD", "NIFTY24DECFUT", "BTC-USD", "日経"])
def test_symbols_as_exchanges_write_them_are_taken(symbol: str) -> None:
    assert Instrument(symbol).symbol == symbol


@pytest.mark.parametrize("grid", ["tick", "lot"])
@pytest.mark.parametrize("value", BAD)
def test_a_grid_that_is_no_positive_decimal_is_refused_by_name(grid: str, value: Any) -> None:
    with pytest.raises(BadInput, match=rf"^{grid} "):
        Instrument("X", **{grid: value})


@pytest.mark.parametrize("tick", ["1e-9", "0.015000001", "1.000000005"])
def test_a_tick_finer_than_the_price_step_is_refused(tick: str) -> None:
    with pytest.raises(BadInput, match=r"tick .*whole multiple of 1E-8"):
        Instrument("X", tick=D(tick))


def test_adjusted_prices_have_no_tick() -> None:
    with pytest.raises(BadInput, match=r"tick .*adjusted prices.*leave it out"):
        Instrument("X", tick=D("0.01"), adjusted=True)
    assert Instrument("X", lot=D(1), adjusted=True).price_step == PRICE_STEP


def test_without_tick_and_lot_the_finest_steps_count() -> None:
    instrument = Instrument("X")
    assert (instrument.price_step, instrument.size_step) == (PRICE_STEP, SIZE_STEP)
    assert Instrument("X", tick=D("0.05"), lot=D(25)).price_step == D("0.05")
    assert Instrument("X", tick=D("0.05"), lot=D(25)).size_step == D(25)


def test_an_instrument_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Instrument("X").lot = D(1)  # type: ignore[misc]


@given(PRICES, st.sampled_from([None, D("0.01"), D("0.05"), D("0.0005"), D("0.25"), D("0.03")]))
@settings(deadline=None, max_examples=200)
def test_a_price_is_rounded_onto_the_tick_in_the_direction_given(price: Decimal, tick: Decimal | None) -> None:
    instrument = Instrument("X", tick=tick)
    down, up, near = (instrument.round_price(price, rounding) for rounding in Rounding)  # in the enum's order
    assert all(on_grid(made, instrument.price_step) for made in (down, up, near))
    assert price - instrument.price_step < down <= price <= up < price + instrument.price_step
    assert near in (down, up)


@given(PRICES, st.sampled_from([None, D(1), D(25), D("0.001"), D("0.1")]))
@settings(deadline=None, max_examples=200)
def test_a_size_is_rounded_down_to_whole_lots_unless_told_otherwise(size: Decimal, lot: Decimal | None) -> None:
    instrument = Instrument("X", lot=lot)
    down = instrument.round_size(size)
    assert on_grid(down, instrument.size_step)
    assert size - instrument.size_step < down <= size
    assert instrument.round_size(size, Rounding.UP) - down in (0, instrument.size_step)


@pytest.mark.parametrize(
    ("price", "rounding", "expected"),
    [
        ("10.123", Rounding.DOWN, "10.10"),
        ("10.123", Rounding.UP, "10.15"),
        ("10.125", Rounding.NEAREST, "10.10"),
        ("10.175", Rounding.NEAREST, "10.20"),
        ("10.15", Rounding.UP, "10.15"),
    ],
)
def test_rounding_to_a_tick_of_five_cents_by_hand(price: str, rounding: Rounding, expected: str) -> None:
    assert Instrument("X", tick=D("0.05")).round_price(D(price), rounding) == D(expected)
