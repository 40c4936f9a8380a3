"""Bars: fixed columns, copies that reach nowhere, and indicators worked out once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from workbench.errors import BadInput
from workbench.strategy import Bars
from workbench.strategy import indicators as ind
from workbench.testing.conformance import random_bars

COLUMNS = ("times", "open", "high", "low", "close", "volume")
ASK: dict[str, Any] = {
    "sma": lambda b: b.sma(5),
    "ema": lambda b: b.ema(5),
    "rsi": lambda b: b.rsi(5),
    "stdev": lambda b: b.stdev(5),
    "highest": lambda b: b.highest(5),
    "lowest": lambda b: b.lowest(5),
    "atr": lambda b: b.atr(5),
    "vwap": lambda b: b.vwap(5),
    "bollinger": lambda b: b.bollinger(5, 2.0),
    "macd": lambda b: b.macd(3, 6, 4),
    "sma of one": lambda b: b.sma(1),
    "highest of one": lambda b: b.highest(1),
    "ema of one": lambda b: b.ema(1),
}


@pytest.fixture
def bars() -> Bars:
    return random_bars(60, 1)


def test_columns_are_float64_of_one_length_and_cannot_be_written_to(bars: Bars) -> None:
    for name in COLUMNS:
        column = getattr(bars, name)
        assert column.dtype == (np.int64 if name == "times" else np.float64)
        assert len(column) == len(bars) == 60
        with pytest.raises(ValueError, match=r"read-only"):
            column[0] = 1


def test_bars_keep_nothing_of_the_arrays_they_were_made_from() -> None:
    times, prices = np.arange(3), np.array([1.0, 2.0, 3.0])
    made = Bars(times, prices, prices, prices, prices, prices)
    times[:], prices[:] = 9, 9.0
    assert made.times.tolist() == [0, 1, 2]
    assert made.close.tolist() == made.volume.tolist() == [1, 2, 3]


def test_without_a_volume_it_is_nan() -> None:
    assert np.isnan(Bars([0, 1], [1, 1], [1, 1], [1, 1], [1, 1]).volume).all()


@pytest.mark.parametrize("name", ["open", "high", "low", "close", "volume"])
@pytest.mark.parametrize("column", [[1.0], [1.0] * 3, [[1.0], [1.0]]])
def test_a_column_of_another_length_is_refused_by_name(name: str, column: Any) -> None:
    told = {n: [1.0, 1.0] for n in ("open", "high", "low", "close", "volume")} | {name: column}
    with pytest.raises(BadInput, match=rf"bars {name} .*must be one column of 2 values"):
        Bars([0, 1], **told)


def test_rows_are_copies_with_caches_of_their_own(bars: Bars) -> None:
    bars.sma(5)
    part = bars.rows(10, 30)
    assert (len(part), part.symbol) == (20, "RANDOM")
    for name in COLUMNS:
        mine, whole = getattr(part, name), getattr(bars, name)
        np.testing.assert_array_equal(mine, whole[10:30])
        assert not np.shares_memory(mine, whole)
        assert mine.base is None
        assert not mine.flags.writeable
    np.testing.assert_allclose(part.sma(5)[4:], bars.sma(5)[14:30], rtol=1e-12)
    assert np.isnan(part.sma(5)[:4]).all()


@pytest.mark.parametrize(("first", "stop", "count"), [(0, 0, 0), (0, 60, 60), (50, 100, 10), (60, 70, 0)])
def test_rows_beyond_the_end_are_none(bars: Bars, first: int, stop: int, count: int) -> None:
    assert len(bars.rows(first, stop)) == count


def test_the_frame_is_a_copy_over_utc_times(bars: Bars) -> None:
    frame = bars.frame
    assert list(frame) == ["open", "high", "low", "close", "volume"]
    assert str(frame.index.tz) == "UTC"
    assert frame.index.asi8.tolist() == bars.times.tolist()
    frame.loc[:, "close"] = 0.0
    assert bars.close[0] != 0
    assert bars.frame is not bars.frame


@pytest.mark.parametrize("name", sorted(ASK))
def test_an_indicator_asked_twice_is_the_same_object_and_read_only(bars: Bars, name: str) -> None:
    first = ASK[name](bars)
    assert ASK[name](bars) is first
    for array in first if isinstance(first, tuple) else (first,):
        assert len(array) == len(bars)
        assert not np.shares_memory(array, bars.close)
        with pytest.raises(ValueError, match=r"read-only"):
            array[0] = 1


def test_the_cache_goes_by_parameters_and_by_content_and_not_by_name(bars: Bars) -> None:
    assert bars.sma(5) is not bars.sma(6)
    assert bars.sma(5) is not bars.ema(5)
    assert bars.sma(5, bars.high) is not bars.sma(5)
    assert bars.sma(5, bars.close) is bars.sma(5)
    assert bars.sma(5, bars.close * 2) is bars.sma(5, bars.close * 2)
    assert bars.bollinger(5, 2) is bars.bollinger(5, 2.0)
    assert bars.bollinger(5, 2.0) is not bars.bollinger(5, 2.5)
    changing = bars.close.copy()
    before = bars.sma(5, changing)
    changing *= 2
    np.testing.assert_allclose(bars.sma(5, changing), before * 2)


def test_highest_and_lowest_run_over_high_and_low_unless_told_otherwise(bars: Bars) -> None:
    np.testing.assert_array_equal(bars.highest(5), ind.highest(bars.high, 5))
    np.testing.assert_array_equal(bars.lowest(5), ind.lowest(bars.low, 5))
    np.testing.assert_array_equal(bars.highest(5, bars.close), ind.highest(bars.close, 5))


@pytest.mark.parametrize("n", [0, -1, 2.0, True, "5", None])
@pytest.mark.parametrize("name", ["sma", "ema", "rsi", "stdev", "highest", "lowest", "atr", "vwap", "bollinger"])
def test_a_length_that_is_no_whole_number_of_bars_is_refused_by_name(bars: Bars, name: str, n: Any) -> None:
    with pytest.raises(BadInput, match=rf"{name} n .*must be a whole number of bars, at least"):
        getattr(bars, name)(n)


def test_lengths_that_say_nothing_are_refused(bars: Bars) -> None:
    for ask in (bars.rsi, bars.stdev, bars.bollinger):
        with pytest.raises(BadInput, match=r"at least 2"):
            ask(1)
    with pytest.raises(BadInput, match=r"macd fast 26: must be below slow, 26"):
        bars.macd(26, 26)
    for width in (0, -1, float("nan"), float("inf")):
        with pytest.raises(BadInput, match=r"bollinger width .*must be above 0"):
            bars.bollinger(5, width)


@pytest.mark.parametrize("column", [[1.0], np.ones(61), np.ones((60, 1))])
def test_an_indicator_over_a_column_of_another_length_is_refused(bars: Bars, column: Any) -> None:
    with pytest.raises(BadInput, match=r"indicator column .*must hold 60 values, one a bar"):
        bars.sma(5, column)
