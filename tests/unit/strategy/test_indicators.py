"""Indicators against plain re-implementations; never a look ahead, never a signal out of rounding dust."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from workbench.errors import BadInput
from workbench.strategy import cross_above, cross_below, shift
from workbench.strategy import indicators as ind
from workbench.testing.conformance import random_bars

NAN = float("nan")
BARS = random_bars(300, 7)
CLOSE = BARS.close
LENGTHS = st.integers(2, 30)
PRICES = arrays(np.float64, st.integers(0, 60), elements=st.floats(1, 1000, width=32))
Floats = Any


# ---- plain re-implementations ----------------------------------------------------------------------------------------


def seeded(x: Floats, n: int, weight: float) -> Floats:
    """An exponential average started from the plain average of the first n values that are there."""
    out, first = np.full(len(x), np.nan), int(np.isnan(x).sum())
    if len(x) - first < n:
        return out
    value = x[first : first + n].mean()
    out[first + n - 1] = value
    for i in range(first + n, len(x)):
        value += weight * (x[i] - value)
        out[i] = value
    return out


def plain_ema(x: Floats, n: int) -> Floats:
    return seeded(x, n, 2 / (n + 1))


def wilder(x: Floats, n: int) -> Floats:
    return seeded(x, n, 1 / n)


def plain_rsi(x: Floats, n: int) -> Floats:
    change = np.r_[np.nan, np.diff(x)] if len(x) else x
    up, down = wilder(np.where(np.isnan(change), NAN, np.maximum(change, 0)), n), wilder(-np.minimum(change, 0), n)
    return 100 * up / (up + down)


def plain_atr(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    before = np.r_[np.nan, close[:-1]] if len(close) else close
    true_range = np.maximum(high, before) - np.minimum(low, before)
    return wilder(true_range, n)


def plain_macd(x: Floats, fast: int, slow: int, signal: int) -> tuple[Floats, Floats, Floats]:
    """Both averages start on the bar the slow one does, and the line is shown from where its signal is."""
    late = x.copy()
    late[: slow - fast] = np.nan
    line = plain_ema(late, fast) - plain_ema(x, slow)
    smooth = plain_ema(line, signal)
    return np.where(np.isnan(smooth), np.nan, line), smooth, line - smooth


def windows(x: Floats, n: int) -> Floats:
    return np.lib.stride_tricks.sliding_window_view(x, n) if len(x) >= n else np.empty((0, n))


def over(x: Floats, n: int, work: Callable[..., Floats]) -> Floats:
    out = np.full(len(x), np.nan)
    if len(x) >= n:
        out[n - 1 :] = work(windows(x, n), axis=1)
    return out


def plain_vwap(high: Floats, low: Floats, close: Floats, volume: Floats, n: int) -> Floats:
    weight = np.nan_to_num(volume)
    total = over(weight, n, np.sum)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 0, over((high + low + close) / 3 * weight, n, np.sum) / total, np.nan)


ONE = {
    "sma": (ind.sma, lambda x, n: over(x, n, np.mean)),
    "ema": (ind.ema, plain_ema),
    "rsi": (ind.rsi, plain_rsi),
    "stdev": (ind.stdev, lambda x, n: over(x, n, np.std)),
    "highest": (ind.highest, lambda x, n: over(x, n, np.max)),
    "lowest": (ind.lowest, lambda x, n: over(x, n, np.min)),
    "atr": (lambda x, n: ind.atr(x + 1, x - 1, x, n), lambda x, n: plain_atr(x + 1, x - 1, x, n)),
    "vwap": (lambda x, n: ind.vwap(x, x, x, x, n), lambda x, n: plain_vwap(x, x, x, x, n)),
    "bollinger upper": (
        lambda x, n: ind.bollinger(x, n, 2.0)[0],
        lambda x, n: over(x, n, np.mean) + 2 * over(x, n, np.std),
    ),
    "bollinger middle": (lambda x, n: ind.bollinger(x, n, 2.0)[1], lambda x, n: over(x, n, np.mean)),
    "bollinger lower": (
        lambda x, n: ind.bollinger(x, n, 1.5)[2],
        lambda x, n: over(x, n, np.mean) - 1.5 * over(x, n, np.std),
    ),
    "macd line": (lambda x, n: ind.macd(x, n, 2 * n, 4)[0], lambda x, n: plain_macd(x, n, 2 * n, 4)[0]),
    "macd signal": (lambda x, n: ind.macd(x, n, 2 * n, 4)[1], lambda x, n: plain_macd(x, n, 2 * n, 4)[1]),
    "macd difference": (lambda x, n: ind.macd(x, n, 2 * n, 4)[2], lambda x, n: plain_macd(x, n, 2 * n, 4)[2]),
}
NAMES = sorted(ONE)


@pytest.mark.parametrize("n", [2, 3, 14, 50])
@pytest.mark.parametrize("name", NAMES)
def test_an_indicator_is_its_plain_re_implementation(name: str, n: int) -> None:
    work, plain = ONE[name]
    np.testing.assert_allclose(work(CLOSE, n), plain(CLOSE, n), rtol=1e-9, atol=1e-9)


def test_atr_and_vwap_over_real_looking_bars_are_their_plain_re_implementations() -> None:
    b = BARS
    np.testing.assert_allclose(b.atr(14), plain_atr(b.high, b.low, b.close, 14), rtol=1e-9)
    np.testing.assert_allclose(b.vwap(20), plain_vwap(b.high, b.low, b.close, b.volume, 20), rtol=1e-9)


def test_averages_agree_with_pandas_too() -> None:
    close = pd.Series(CLOSE)
    np.testing.assert_allclose(BARS.sma(20), close.rolling(20).mean(), rtol=1e-9)
    np.testing.assert_allclose(BARS.stdev(20), close.rolling(20).std(ddof=0), rtol=1e-9)
    np.testing.assert_allclose(BARS.highest(20), BARS.frame.high.rolling(20).max())
    np.testing.assert_allclose(BARS.lowest(20), BARS.frame.low.rolling(20).min())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9, 10, 13, 14, 15])
def test_a_short_history_is_answered_with_nan_until_there_are_enough_bars(name: str, count: int) -> None:
    work, plain = ONE[name]
    np.testing.assert_allclose(work(CLOSE[:count], 5), plain(CLOSE[:count], 5), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["sma", "highest", "lowest", "ema"])
def test_a_length_of_one_is_the_column_itself_as_a_copy(name: str) -> None:
    made = ONE[name][0](CLOSE, 1)
    np.testing.assert_array_equal(made, CLOSE)
    assert not np.shares_memory(made, CLOSE)


@pytest.mark.parametrize("leading", [1, 7, 295, 300])
@pytest.mark.parametrize("name", NAMES)
def test_leading_nan_only_moves_the_answer(name: str, leading: int) -> None:
    work = ONE[name][0]
    x = CLOSE.copy()
    x[:leading] = np.nan
    expected = np.r_[np.full(leading, np.nan), work(CLOSE[leading:], 5)]
    np.testing.assert_allclose(work(x, 5), expected, rtol=1e-9, atol=1e-9)


# ---- causality -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_no_row_needs_a_later_one(name: str) -> None:
    work, whole = ONE[name][0], ONE[name][0](CLOSE[:80], 5)
    for count in range(81):
        np.testing.assert_array_equal(work(CLOSE[:count], 5), whole[:count], err_msg=f"cut after {count} bars")


@pytest.mark.parametrize("name", NAMES)
@given(x=PRICES, holes=st.lists(st.integers(0, 59), max_size=5), n=st.integers(2, 6), cut=st.integers(0, 60))
@settings(deadline=None, max_examples=30)
def test_no_row_needs_a_later_one_over_columns_with_holes(
    name: str, x: Floats, holes: list[int], n: int, cut: int
) -> None:
    work = ONE[name][0]
    x[[hole for hole in holes if hole < len(x)]] = np.nan
    np.testing.assert_array_equal(work(x[:cut], n), work(x, n)[:cut])


@pytest.mark.parametrize("name", ["highest", "lowest", "sma", "stdev"])
def test_a_hole_is_unknown_for_as_long_as_it_is_in_the_window(name: str) -> None:
    made = ONE[name][0](np.array([5.0, NAN, 3.0, 4.0, 2.0, 1.0]), 3)
    assert np.isnan(made[:4]).all()
    assert not np.isnan(made[4:]).any()


# ---- rounding dust ---------------------------------------------------------------------------------------------------


def test_bars_without_volume_have_no_vwap_however_odd_the_volumes_before() -> None:
    price = np.linspace(10, 20, 15)
    volume = np.array([0.1, 0.2, 0.3, 1e3, 0.7] + [0.0] * 10)
    made = ind.vwap(price, price, price, volume, 3)
    np.testing.assert_allclose(made, plain_vwap(price, price, price, volume, 3), rtol=1e-9)
    assert np.isnan(made[7:]).all()


@given(
    arrays(np.float64, 40, elements=st.floats(1, 100)),
    arrays(np.float64, 40, elements=st.sampled_from([0.0, 0.0, 0.1, 0.7, 1e-3, 12.3, 1e6])),
    st.integers(1, 8),
)
@settings(deadline=None, max_examples=100)
def test_a_vwap_lies_between_the_prices_it_is_made_of(price: Floats, volume: Floats, n: int) -> None:
    made = ind.vwap(price, price, price, volume, n)
    np.testing.assert_allclose(made, plain_vwap(price, price, price, volume, n), rtol=1e-9)


def falls_to_rest(seed: int) -> Floats:
    """A price that wanders, falls to 100.1 and stays there: a fast average never gets above a slow one again."""
    steps = np.random.default_rng(seed).normal(0, 1, 60).cumsum()
    return np.round(np.r_[100 + steps, np.linspace(110, 100.1, 30), np.full(40, 100.1)], 2)


@pytest.mark.parametrize("seed", [1, 2, 7, 9, 22])
def test_a_price_at_rest_gives_no_cross_out_of_rounding(seed: int) -> None:
    x = falls_to_rest(seed)
    assert not cross_above(ind.sma(x, 5), ind.sma(x, 20))[95:].any()


def test_a_cross_does_not_depend_on_where_the_history_starts() -> None:
    told = [
        [cross_above(ind.sma(x[first:], 5), ind.sma(x[first:], 20))[95 - first :].tolist() for first in (0, 10, 30)]
        for x in map(falls_to_rest, range(20))
    ]
    assert all(whole == later == latest for whole, later, latest in told)


@pytest.mark.parametrize("price", [100.1, 0.00123, 54_321.77])
def test_a_price_at_rest_does_not_deviate(price: float) -> None:
    x = np.r_[CLOSE[:60] * price / 100, np.full(40, price)]
    np.testing.assert_allclose(ind.stdev(x, 20)[79:], 0, atol=price * 1e-9)


def test_small_moves_of_a_large_price_are_seen() -> None:
    x = 50_000 + 0.01 * np.sin(np.arange(100))
    np.testing.assert_allclose(ind.stdev(x, 20), over(x, 20, np.std), rtol=1e-4)


def test_small_moves_of_a_small_price_are_seen() -> None:
    x = 1e-5 + 1e-8 * np.sin(np.arange(100))
    np.testing.assert_allclose(ind.stdev(x, 20), over(x, 20, np.std), rtol=1e-4)


# ---- shift and crosses -----------------------------------------------------------------------------------------------


@given(PRICES, st.integers(0, 130))
@settings(deadline=None, max_examples=100)
def test_shift_is_the_value_of_n_bars_ago_on_any_history(x: Floats, n: int) -> None:
    np.testing.assert_array_equal(shift(x, n), pd.Series(x, dtype=np.float64).shift(n))


@pytest.mark.parametrize("n", [-1, 1.0, True, None])
def test_a_shift_into_the_future_or_by_no_whole_number_is_refused(n: Any) -> None:
    with pytest.raises(BadInput, match=r"shift n .*whole number of bars, at least 0"):
        shift(CLOSE, n)


def test_crosses_by_hand_touching_is_not_above_and_nan_is_never_a_cross() -> None:
    a = np.array([1.0, 2.0, 3.0, 2.0, 2.0, 1.0, NAN, 3.0, 3.0])
    assert np.flatnonzero(cross_above(a, 2)).tolist() == [2]
    assert np.flatnonzero(cross_below(a, 2)).tolist() == [5]
    assert np.flatnonzero(cross_above(2, a)).tolist() == [5]
    assert cross_above(a[:0], 2).tolist() == []
    assert cross_above(a[:1], 0).tolist() == [False]


@given(PRICES, st.floats(1, 1000))
@settings(deadline=None, max_examples=60)
def test_crosses_up_and_down_are_the_changes_of_side(x: Floats, level: float) -> None:
    up, down = cross_above(x, level), cross_below(x, level)
    assert not (up & down).any()

    sides = [1 if v > level else -1 if v < level else 0 for v in x]
    for i in range(1, len(x)):
        assert up[i] == (sides[i] > 0 >= sides[i - 1])
        assert down[i] == (sides[i] < 0 <= sides[i - 1])


def test_a_hole_ends_a_recursion_and_no_row_before_it_needs_a_later_one() -> None:
    x = np.array([1.0, 2.0, 1.0, 3.0, np.nan, 1.0, 2.0, 1.0, 3.0])
    for work in (ind.rsi, ind.ema):
        whole = work(x, 2)
        assert np.isnan(whole[4:]).all()
        assert not np.isnan(whole[3])
        for length in range(len(x) + 1):
            np.testing.assert_array_equal(work(x[:length], 2), whole[:length])
