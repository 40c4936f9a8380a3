"""Indicators over float64 columns; TA-Lib underneath where it has a recursion, our own windows elsewhere.

All are causal, with NaN until they have enough bars.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput

Floats = NDArray[np.float64]
_ONE = 100_000_000.0
"""The finest price step of the model, 1e-8, as a divisor."""


def period(indicator: str, name: str, value: Any, low: int = 1) -> int:
    """A whole number of bars, at least `low`. Raises BadInput."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise BadInput(f"{indicator} {name}", value, f"must be a whole number of bars, at least {low}")
    return int(value)


def _ta_many(name: str, *columns: Floats, need: int, outputs: int, **options: Any) -> tuple[Floats, ...]:
    """Call TA-Lib on contiguous columns; all NaN where fewer than `need` bars follow the first usable one."""
    import talib

    usable = np.ones(len(columns[0]), np.bool_)
    for column in columns:
        usable &= ~np.isnan(column)
    first = int(usable.argmax()) if usable.any() else len(usable)
    if len(usable) - first < need:
        return tuple(np.full(len(usable), np.nan) for _ in range(outputs))
    made = getattr(talib, name)(*(np.ascontiguousarray(c, np.float64) for c in columns), **options)
    made = made if isinstance(made, tuple) else (made,)
    holes = np.flatnonzero(~usable[first:])
    if len(holes):  # a recursion cannot step over a hole: from there on it has no value
        for column in made:
            column[first + holes[0] :] = np.nan
    return made


def _ta(name: str, *columns: Floats, need: int, **options: Any) -> Floats:
    """Call a TA-Lib function with one output."""
    return _ta_many(name, *columns, need=need, outputs=1, **options)[0]


def _windowed(x: Floats, n: int, reduce: Callable[[Floats], Floats]) -> Floats:
    """Reduce each window of n values by itself, (rows, n) at a time; NaN until there are n, and where one is NaN.

    TA-Lib carries running sums along: what they leave behind by rounding depends on where the history began, crosses
    lines that are equal, and one NaN never goes away. A window's value must depend on the window alone.
    """
    out = np.full(len(x), np.nan)
    if len(x) < n:
        return out
    view = np.lib.stride_tricks.sliding_window_view(np.ascontiguousarray(x, np.float64), n)
    step = max(1, 2_000_000 // n)  # bounds the memory of what a reduction makes in between
    for first in range(0, len(view), step):
        part = view[first : first + step]
        out[n - 1 + first : n - 1 + first + len(part)] = reduce(part)
    return out


def _mean(windows: Floats) -> Floats:
    """The mean of each window, worked out around its last value, so that equal values have exactly that mean."""
    last = windows[:, -1]
    return np.asarray(last + (windows - last[:, None]).mean(axis=1))


def _deviation(windows: Floats) -> Floats:
    """Population standard deviation of each window."""
    around = windows - windows[:, -1:]
    return np.asarray(np.sqrt(((around - around.mean(axis=1)[:, None]) ** 2).mean(axis=1)))


def sma(x: Floats, n: int) -> Floats:
    """Simple moving average of n bars."""
    x = np.ascontiguousarray(x, np.float64)
    out = np.full(len(x), np.nan)
    if len(x) < n:
        return out
    ticks, exact = _ticks(x, n)
    sums = np.concatenate([[0], np.cumsum(ticks)])  # may wrap round; a window's own sum is exact all the same
    odd = np.concatenate([[0], np.cumsum(~exact)])
    out[n - 1 :] = (sums[n:] - sums[:-n]) / (n * _ONE)
    bad = np.flatnonzero(odd[n:] != odd[:-n])
    if len(bad) == len(x) - n + 1:
        return _windowed(x, n, _mean)
    view = np.lib.stride_tricks.sliding_window_view(x, n)
    step = max(1, 2_000_000 // n)
    for first in range(0, len(bad), step):
        some = bad[first : first + step]
        out[n - 1 + some] = _mean(view[some])
    return out


def _ticks(x: Floats, n: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Values as whole multiples of 1e-8, and where they are just that, small enough for the sum of n to be exact.

    Whether a window is summed so depends on its own values alone, as all windows must.
    """
    with np.errstate(invalid="ignore"):
        rounded = np.rint(x * _ONE)
        exact = (rounded / _ONE == x) & (np.abs(rounded) < 2**53 / n)
    return np.where(exact, rounded, 0).astype(np.int64), exact


def ema(x: Floats, n: int) -> Floats:
    """Exponential moving average, weight 2 ÷ (n + 1), started from the average of the first n bars."""
    return x.copy() if n == 1 else _ta("EMA", x, need=n, timeperiod=n)


def rsi(x: Floats, n: int) -> Floats:
    """Wilder's relative strength index of n bars, 0 to 100."""
    return _ta("RSI", x, need=n + 1, timeperiod=n)


def atr(high: Floats, low: Floats, close: Floats, n: int) -> Floats:
    """Wilder's average true range of n bars, in price."""
    return _ta("ATR", high, low, close, need=n + 1, timeperiod=n)


def stdev(x: Floats, n: int) -> Floats:
    """Population standard deviation (ddof 0) of n bars."""
    return _windowed(x, n, _deviation)


def bollinger(x: Floats, n: int, width: float) -> tuple[Floats, Floats, Floats]:
    """Upper, middle and lower band: the simple average of n bars ± width population standard deviations."""
    middle, reach = sma(x, n), width * stdev(x, n)
    return middle + reach, middle, middle - reach


def macd(x: Floats, fast: int, slow: int, signal: int) -> tuple[Floats, Floats, Floats]:
    """MACD line, its signal line and their difference."""
    line, smooth, difference = _ta_many(
        "MACD", x, need=slow + signal - 1, outputs=3, fastperiod=fast, slowperiod=slow, signalperiod=signal
    )
    return line, smooth, difference


def highest(x: Floats, n: int) -> Floats:
    """Highest value of the last n bars, this one included."""
    return _windowed(x, n, lambda windows: np.asarray(windows.max(axis=1)))


def lowest(x: Floats, n: int) -> Floats:
    """Lowest value of the last n bars, this one included."""
    return _windowed(x, n, lambda windows: np.asarray(windows.min(axis=1)))


def vwap(high: Floats, low: Floats, close: Floats, volume: Floats, n: int) -> Floats:
    """Volume-weighted average of the typical price over the last n bars; NaN where nothing traded in them."""
    weight = np.nan_to_num(volume)
    typical = (high + low + close) / 3
    traded = _windowed(weight, n, lambda windows: np.asarray(windows.sum(axis=1)))
    value = _windowed(typical * weight, n, lambda windows: np.asarray(windows.sum(axis=1)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(traded > 0, value / traded, np.nan)


def shift(x: Floats, n: int = 1) -> Floats:
    """The value n bars ago, NaN before there is one; n is 0 or more (a negative n would look ahead)."""
    n = period("shift", "n", n, low=0)
    moved = np.full(len(x), np.nan)
    if n < len(x):
        moved[n:] = np.asarray(x, np.float64)[: len(x) - n]
    return moved


def _pair(a: Any, b: Any) -> tuple[Floats, Floats]:
    left, right = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if left.shape == right.shape:
        return left, right
    left, right = (np.array(x) for x in np.broadcast_arrays(left, right))
    return left, right


def cross_above(a: Any, b: Any) -> NDArray[np.bool_]:
    """Where a is above b and was not at the bar before; False at the first bar and wherever a value is NaN."""
    left, right = _pair(a, b)
    if left.ndim == 1 and "workbench.fills.kernel" in sys.modules:  # numba is there: one pass instead of four
        return _compiled(left, right)
    crossed = left > right
    if len(crossed):
        np.logical_and(crossed[1:], left[:-1] <= right[:-1], out=crossed[1:])
        crossed[0] = False
    return crossed


def _compiled(left: Floats, right: Floats) -> NDArray[np.bool_]:
    """The same, compiled; the first call puts the compiled function in its own place."""
    from workbench.strategy.compiled import crossed

    globals()["_compiled"] = crossed
    return np.asarray(crossed(left, right))


def cross_below(a: Any, b: Any) -> NDArray[np.bool_]:
    """Where a is below b and was not at the bar before; False at the first bar and wherever a value is NaN."""
    return cross_above(b, a)
