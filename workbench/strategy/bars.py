"""Bars: the columns a strategy sees, with cached indicators."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import BadInput
from workbench.strategy import indicators as ind

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
M = TypeVar("M")


class Bars:
    """Closed bars of one symbol, oldest first: float64 columns of one length that cannot be written to.

    `times` are the bars' starts, int64 nanoseconds UTC; prices are as the run's data gives them (the sample's are
    adjusted for splits and dividends); `volume` is NaN where unknown. Indicators are worked out once for each
    (indicator, inputs, parameters) and shared by all who ask: a sweep of thousands of sets computes each once.
    """

    def __init__(
        self,
        times: ArrayLike,
        open: ArrayLike,
        high: ArrayLike,
        low: ArrayLike,
        close: ArrayLike,
        volume: ArrayLike | None = None,
        *,
        symbol: str = "",
    ) -> None:
        self.symbol = symbol
        self.times: NDArray[np.int64] = _fixed(np.array(times, dtype=np.int64))
        count = len(self.times)
        self.open, self.high, self.low, self.close = (
            _fixed(np.array(column, dtype=np.float64)) for column in (open, high, low, close)
        )
        self.volume: Floats = _fixed(np.full(count, np.nan) if volume is None else np.array(volume, dtype=np.float64))
        for name in ("open", "high", "low", "close", "volume"):
            if getattr(self, name).shape != (count,):
                raise BadInput(f"bars {name}", getattr(self, name).shape, f"must be one column of {count} values")
        self._cache: dict[Hashable, Any] = {}

    def __len__(self) -> int:
        return len(self.times)

    def rows(self, first: int, stop: int) -> Bars:
        """The bars from `first` up to, not including, `stop`, copied, so that nothing outside can be reached."""
        cut = slice(first, stop)
        return Bars(
            self.times[cut], self.open[cut], self.high[cut], self.low[cut], self.close[cut], self.volume[cut],
            symbol=self.symbol,
        )  # fmt: skip

    @property
    def frame(self) -> pd.DataFrame:
        """The columns as a DataFrame over a UTC index of bar starts; a copy of its own for each call."""
        import pandas as pd

        index = pd.DatetimeIndex(self.times.view("M8[ns]"), tz="UTC", name="time")
        names = ("open", "high", "low", "close", "volume")
        return pd.DataFrame({name: getattr(self, name).copy() for name in names}, index=index)

    # ---- indicators ------------------------------------------------------------------------------------------------

    def sma(self, n: int, of: ArrayLike | None = None) -> Floats:
        """Simple moving average of n bars of the close, or of another column."""
        return self._one(ind.sma, "sma", of, n)

    def ema(self, n: int, of: ArrayLike | None = None) -> Floats:
        """Exponential moving average of n bars of the close, or of another column."""
        return self._one(ind.ema, "ema", of, n)

    def rsi(self, n: int = 14, of: ArrayLike | None = None) -> Floats:
        """Wilder's relative strength index of n bars, 0 to 100."""
        return self._one(ind.rsi, "rsi", of, n, low=2)

    def stdev(self, n: int, of: ArrayLike | None = None) -> Floats:
        """Population standard deviation of n bars of the close, or of another column."""
        return self._one(ind.stdev, "stdev", of, n, low=2)

    def highest(self, n: int, of: ArrayLike | None = None) -> Floats:
        """Highest high of the last n bars, this one included, or highest of another column."""
        return self._one(ind.highest, "highest", self.high if of is None else of, n)

    def lowest(self, n: int, of: ArrayLike | None = None) -> Floats:
        """Lowest low of the last n bars, this one included, or lowest of another column."""
        return self._one(ind.lowest, "lowest", self.low if of is None else of, n)

    def atr(self, n: int = 14) -> Floats:
        """Wilder's average true range of n bars, in price."""
        n = ind.period("atr", "n", n)
        return self._cached(("atr", n), lambda: ind.atr(self.high, self.low, self.close, n))

    def vwap(self, n: int) -> Floats:
        """Volume-weighted average of the typical price over the last n bars."""
        n = ind.period("vwap", "n", n)
        return self._cached(("vwap", n), lambda: ind.vwap(self.high, self.low, self.close, self.volume, n))

    def bollinger(self, n: int = 20, width: float = 2.0, of: ArrayLike | None = None) -> tuple[Floats, Floats, Floats]:
        """Upper, middle and lower Bollinger band of n bars, `width` standard deviations wide."""
        n = ind.period("bollinger", "n", n, low=2)
        if not (np.isfinite(width) and width > 0):
            raise BadInput("bollinger width", width, "must be above 0")
        key, x = self._source(of)
        return self._cached(("bollinger", key, n, float(width)), lambda: ind.bollinger(x, n, float(width)))

    def macd(
        self, fast: int = 12, slow: int = 26, signal: int = 9, of: ArrayLike | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """MACD line, its signal line and their difference."""
        fast, slow = ind.period("macd", "fast", fast, low=2), ind.period("macd", "slow", slow, low=2)
        signal = ind.period("macd", "signal", signal)
        if fast >= slow:
            raise BadInput("macd fast", fast, f"must be below slow, {slow}")
        key, x = self._source(of)
        return self._cached(("macd", key, fast, slow, signal), lambda: ind.macd(x, fast, slow, signal))

    def _one(
        self, work: Callable[[Floats, int], Floats], name: str, of: ArrayLike | None, n: int, low: int = 1
    ) -> Floats:
        if of is None and type(n) is int:  # what a sweep asks for, again and again
            known: Floats | None = self._cache.get((name, "close", n))
            if known is not None:
                return known
        n = ind.period(name, "n", n, low)
        key, x = self._source(of)
        return self._cached((name, key, n), lambda: work(x, n))

    def _source(self, of: ArrayLike | None) -> tuple[Hashable, Floats]:
        """The column an indicator runs over, and what stands for it in the cache's keys: its content."""
        if of is None:
            return "close", self.close
        for name in ("open", "high", "low", "close", "volume"):
            if of is getattr(self, name):
                return name, getattr(self, name)
        x = np.ascontiguousarray(of, np.float64)
        if x.shape != self.close.shape:
            raise BadInput("indicator column", x.shape, f"must hold {len(self)} values, one a bar")
        return x.tobytes(), x

    def _cached(self, key: Hashable, work: Callable[[], M]) -> M:
        if key not in self._cache:
            made = work()
            for array in cast("tuple[Floats, ...]", made if isinstance(made, tuple) else (made,)):
                _fixed(array)
            self._cache[key] = made
        return cast("M", self._cache[key])


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array
