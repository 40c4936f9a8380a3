"""Past: the growing columns of one symbol that a live strategy answers over."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.model import Bar
from workbench.strategy import Bars

_COLUMNS = ("times", "open", "high", "low", "close", "volume")


class Past:
    """Closed bars of one symbol, the last `keep` of them and some more; a bar is added when it has closed."""

    def __init__(self, symbol: str, keep: int) -> None:
        self.symbol, self.keep = symbol, keep
        self.last: Bar | None = None
        self._count = 0
        self._columns: dict[str, NDArray[Any]] = {
            name: np.empty(2 * keep, np.int64 if name == "times" else np.float64) for name in _COLUMNS
        }

    @staticmethod
    def of(history: PriceHistory, keep: int) -> Past:
        """The end of a history."""
        past = Past(history.symbol, keep)
        first = max(0, history.bars - keep)
        past._count = history.bars - first
        for name, column in past._columns.items():
            column[: past._count] = getattr(history, name)[first:]
        past.last = history.bar(history.bars - 1)
        return past

    def __len__(self) -> int:
        return self._count

    def append(self, bar: Bar) -> None:
        """Add a bar that has closed."""
        if self._count == 2 * self.keep:
            for column in self._columns.values():
                column[: self.keep] = column[self.keep :]
            self._count = self.keep
        values = {
            "times": int(bar.start.timestamp()) * 10**9 + bar.start.microsecond * 1000,
            "open": float(bar.open), "high": float(bar.high), "low": float(bar.low), "close": float(bar.close),
            "volume": float("nan") if bar.volume is None else float(bar.volume),
        }  # fmt: skip
        for name, column in self._columns.items():
            column[self._count] = values[name]
        self._count += 1
        self.last = bar

    def rows(self, first: int, stop: int) -> Bars:
        """The bars from `first` up to, not including, `stop`, copied."""
        return Bars(**{name: column[first:stop] for name, column in self._columns.items()}, symbol=self.symbol)
