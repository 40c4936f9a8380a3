"""Measured: figures of many runs, worked out from the sums the compiled pass leaves, compiled as well."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from workbench.fills import arithmetic
from workbench.fills import measure as m

Floats = NDArray[np.float64]

FIGURES = (
    "total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "exposure",
    "trades", "closed_trades", "open_trades", "win_rate", "profit_factor", "expectancy", "avg_trade_return",
    "best_trade", "worst_trade", "fees", "end_equity",
)  # fmt: skip
"""What a sweep measures of each set: `metrics.METRICS` but for what is the same for all."""
_COUNT = len(FIGURES)
_MOST_GROWTH = 700.0
arithmetic.forget_stale(__file__, m.__file__)


def figures_of(sums: Floats, bars: int, start_cash: float, periods: float) -> Floats:
    """A row of FIGURES for each row of sums, by the definitions of `Metrics`; NaN where there is no answer.

    Compiled, so that a thread that measures needs the interpreter's lock for nothing but the call.
    """
    found = np.empty((len(sums), _COUNT))
    _figures(sums, bars, start_cash, periods, found)
    return found


@njit(cache=True, nogil=True)
def _figures(sums, bars, start_cash, periods, found):
    nan, each = math.nan, max(bars, 1)
    for k in range(sums.shape[0]):
        s = sums[k]
        total, annual = 0.0, nan
        if bars > 0:
            total, annual = s[m.END_EQUITY] / start_cash - 1, -1.0
            if total > -1:
                growth = math.log1p(total) * periods / each
                annual = math.expm1(growth) if growth < _MOST_GROWTH else nan
        mean = s[m.RETURNS] / each
        spread = max(s[m.SQUARES] - bars * mean * mean, 0.0)
        deviation = math.sqrt(spread / (bars - 1)) if bars > 1 else 0.0
        volatility, sharpe = 0.0 if bars > 1 else nan, nan
        if deviation > 1e-15:
            volatility, sharpe = deviation * math.sqrt(periods), mean / deviation * math.sqrt(periods)
        downside = math.sqrt(s[m.DOWNSIDE] / each)
        sortino = mean / downside * math.sqrt(periods) if downside > 1e-15 else nan
        drawdown = min(s[m.DRAWDOWN] - 1, 0.0)
        calmar = annual / -drawdown if drawdown < 0 else nan
        trades, closed = s[m.TRADES], s[m.CLOSED]
        won, expectancy, average, best, worst = nan, nan, nan, nan, nan
        if closed > 0:
            won, expectancy, average = s[m.WINS] / closed, s[m.PROFIT] / closed, s[m.RETURNED] / closed
            best, worst = s[m.BEST], s[m.WORST]
        factor = s[m.GAINS] / s[m.LOSSES] if s[m.LOSSES] > 0 else nan
        exposure = s[m.HELD] / bars if bars > 0 else 0.0
        row = (
            total, annual, volatility, sharpe, sortino, calmar, drawdown, exposure, trades, closed, trades - closed,
            won, factor, expectancy, average, best, worst, s[m.FEES], s[m.END_EQUITY],
        )  # fmt: skip
        for i in range(_COUNT):
            found[k, i] = row[i]
