"""Measured: figures of many runs, worked out from the sums the compiled pass leaves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FIGURES = (
    "total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "exposure",
    "trades", "closed_trades", "open_trades", "win_rate", "profit_factor", "expectancy", "avg_trade_return",
    "best_trade", "worst_trade", "fees", "end_equity",
)  # fmt: skip
"""What a sweep measures of each set: `metrics.METRICS` but for what is the same for all."""
_MOST_GROWTH = 700.0


def figures_of(sums: Floats, bars: int, start_cash: float, periods: float) -> Floats:
    """A row of FIGURES for each row of sums, by the definitions of `Metrics`; NaN where there is no answer."""
    from workbench.fills import measure as m

    end, count = sums[:, m.END_EQUITY], sums[:, m.CLOSED]
    total = end / start_cash - 1 if bars else np.zeros(len(sums))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        growth = np.log1p(np.where(total > -1, total, np.nan)) * periods / max(bars, 1)
        annual = np.where(growth < _MOST_GROWTH, np.expm1(np.minimum(growth, _MOST_GROWTH)), np.nan)
        annual = np.where(total > -1, annual, -1.0) if bars else np.full(len(sums), np.nan)
        mean = sums[:, m.RETURNS] / max(bars, 1)
        spread = np.maximum(sums[:, m.SQUARES] - bars * mean**2, 0.0)
        deviation = np.sqrt(spread / (bars - 1)) if bars > 1 else np.zeros(len(sums))
        moved = deviation > 1e-15
        volatility = np.where(moved, deviation * np.sqrt(periods), 0.0 if bars > 1 else np.nan)
        sharpe = np.where(moved, mean / deviation * np.sqrt(periods), np.nan)
        downside = np.sqrt(sums[:, m.DOWNSIDE] / max(bars, 1))
        sortino = np.where(downside > 1e-15, mean / downside * np.sqrt(periods), np.nan)
        drawdown = np.minimum(sums[:, m.DRAWDOWN] - 1, 0.0)
        calmar = np.where(drawdown < 0, annual / -drawdown, np.nan)
        any_closed = count > 0
        per_trade = [np.where(any_closed, sums[:, place] / count, np.nan) for place in (m.WINS, m.PROFIT, m.RETURNED)]
        factor = np.where(sums[:, m.LOSSES] > 0, sums[:, m.GAINS] / sums[:, m.LOSSES], np.nan)
    best, worst = (np.where(any_closed, sums[:, place], np.nan) for place in (m.BEST, m.WORST))
    exposure = sums[:, m.HELD] / bars if bars else np.zeros(len(sums))
    trades = sums[:, m.TRADES]
    return np.column_stack([
        total, annual, volatility, sharpe, sortino, calmar, drawdown, exposure, trades, count, trades - count,
        per_trade[0], factor, per_trade[1], per_trade[2], best, worst, sums[:, m.FEES], end,
    ])  # fmt: skip
