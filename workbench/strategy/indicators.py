"""Indicators over float64 columns; TA-Lib underneath where it has a recursion, our own windows elsewhere.

All are causal, with NaN until they have enough bars.
"""

from __future__ import annotations

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
    means, odd = (_exact_means if _compiled is None else _compiled.exact_means)(x, n, 2**53 / n)
    out[n - 1 :] = means
    bad = np.flatnonzero(odd)
    if len(bad) == len(x) - n + 1:
        return _windowed(x, n, _mean)
    view = np.lib.stride_tricks.sliding_window_view(x, n)
    step = max(1, 2_000_000 // n)
    for first in range(0, len(bad), step):
        some = bad[first : first + step]
        out[n - 1 + some] = _mean(view[some])
    return out


def _exact_means(x: Floats, n: int, most: float) -> tuple[Floats, NDArray[np.bool_]]:
    """The mean of each window of n values that are whole multiples of 1e-8 below `most` of them, and which are not so.

    Such sums are exact, so that running ones may be used. Whether a window is summed so depends on its own values
    alone, as all windows must.
    """
    with np.errstate(invalid="ignore"):
        rounded = np.rint(x * _ONE)
        exact = (rounded / _ONE == x) & (np.abs(rounded) < most)
    ticks = np.where(exact, rounded, 0).astype(np.int64)
    sums = np.concatenate([[0], np.cumsum(ticks)])  # may wrap round; a window's own sum is exact all the same
    odd = np.concatenate([[0], np.cumsum(~exact)])
    return (sums[n:] - sums[:-n]) / (n * _ONE), odd[n:] != odd[:-n]


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
    if (
        _compiled is not None and type(a) is type(b) is np.ndarray and a.dtype is b.dtype is _FLOAT
        and a.ndim == 1 and a.shape == b.shape
    ):  # fmt: skip
        return _cross(a, b)
    left, right = _pair(a, b)
    crossed = left > right
    if len(crossed):
        np.logical_and(crossed[1:], left[:-1] <= right[:-1], out=crossed[1:])
        crossed[0] = False
    return crossed


def cross_below(a: Any, b: Any) -> NDArray[np.bool_]:
    """Where a is below b and was not at the bar before; False at the first bar and wherever a value is NaN."""
    known = _other.pop((id(a), id(b)), None)
    return cross_above(b, a) if known is None else known[2]


def _cross(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """Crosses by a compiled function that finds both directions at once; the other one is kept for who asks next.

    Only for columns that cannot be written to, as those of `Bars` are: what is kept stays true. Whoever gets it may
    write to it, so that it is given once.
    """
    known = _other.pop((id(b), id(a)), None)
    if known is not None:  # asked the other way round
        return known[2]
    above: NDArray[np.bool_]
    above, below = _compiled.crossed(a, b) if len(a) < LONG else _compiled.crossed_apart(a, b)
    if not (a.flags.writeable or b.flags.writeable):
        _other.clear()
        _other[id(a), id(b)] = a, b, below
    return above


LONG = 50_000
"""Bars from which on threads gain by asking strategies side by side: an operation on a column takes longer than handing
the interpreter's lock over."""
_FLOAT = np.dtype(np.float64)
_other: dict[tuple[int, int], tuple[Floats, Floats, NDArray[np.bool_]]] = {}
"""By the two columns: where the one is below the other and was not, beside the columns themselves; one at a time."""
_compiled: Any = None
"""The module `compiled`, where it is in use."""


def compile_columns() -> None:
    """Have crosses and averages found by compiled code from now on; for who asks thousands of times."""
    global _compiled
    if _compiled is None:
        from workbench.strategy import compiled

        column = np.zeros(2)
        column.flags.writeable = False  # as those of `Bars` are: what is compiled for them is loaded now
        compiled.exact_means(column, 1, 1.0)
        compiled.crossed(column, column)
        _compiled = compiled
