"""Metrics of an equity curve and its trades."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.research.trades import Trade

Floats = NDArray[np.float64]

METRICS = (
    "total_return", "annual_return", "volatility", "sharpe", "sortino", "calmar", "max_drawdown", "exposure",
    "trades", "closed_trades", "open_trades", "win_rate", "profit_factor", "expectancy", "avg_trade_return",
    "best_trade", "worst_trade", "fees", "start_cash", "end_equity", "bars", "periods_per_year",
)  # fmt: skip
CHOOSABLE = (
    "sharpe",
    "sortino",
    "calmar",
    "total_return",
    "annual_return",
    "max_drawdown",
    "profit_factor",
    "win_rate",
)
"""Metrics a search may choose by: more is better in each."""


@dataclass(frozen=True, slots=True)
class Metrics:
    """Figures of one run; a figure that has no answer is None and `reasons` says why. Never NaN.

    Simple returns of every bar, the first included, ddof 1, risk-free 0, annualised by `periods_per_year`.
    Returns, volatility and drawdown are fractions; max_drawdown is 0 or below. Win rate, profit factor (gross gain ÷
    gross loss) and expectancy (mean net P&L in currency) are over closed trades.
    Sharpe: mean ÷ standard deviation × √periods (Sharpe 1994). Sortino: mean ÷ √mean(min(r, 0)²) × √periods
    (Sortino and Price 1994). Calmar: annual return ÷ |maximum drawdown| (Young 1991).
    """

    values: dict[str, float | int | None]
    reasons: dict[str, str]

    def __getitem__(self, name: str) -> float | int | None:
        return self.values[name]

    def to_dict(self) -> dict[str, Any]:
        """The figures, with the reasons of those that have no answer under `undefined`."""
        return {**self.values, "undefined": dict(self.reasons)}


def returns_of(equity: Floats, start_cash: float) -> Floats:
    """Simple returns of every bar, the first against the starting cash; 0 after the equity is gone."""
    before = np.concatenate(([start_cash], equity[:-1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(before > 0, equity / before - 1, 0.0)


def drawdown_of(equity: Floats, start_cash: float) -> Floats:
    """How far below its peak so far the equity is, as a fraction, 0 or below; the starting cash is the first peak."""
    peak = np.maximum.accumulate(np.maximum(equity, start_cash))
    return equity / peak - 1


def curve_metrics(equity: Floats, start_cash: float, periods: float) -> Metrics:
    """The figures that need the equity curve alone."""
    values: dict[str, float | int | None] = {}
    reasons: dict[str, str] = {}
    bars = len(equity)
    returns = returns_of(equity, start_cash)
    total = float(equity[-1] / start_cash - 1) if bars else 0.0
    values["total_return"] = total
    drawdown = float(drawdown_of(equity, start_cash).min()) if bars else 0.0
    values["max_drawdown"] = min(drawdown, 0.0)
    if bars and total > -1:
        # a few bars annualised can pass what a float holds
        growth = np.log1p(total) * periods / bars
        values["annual_return"] = float(np.expm1(growth)) if growth < 700 else None
        if growth >= 700:
            reasons["annual_return"] = f"{bars} bars are too few to annualise"
    else:
        values["annual_return"] = -1.0 if bars else None
        if not bars:
            reasons["annual_return"] = "no bars"
    deviation = float(returns.std(ddof=1)) if bars > 1 else 0.0
    mean = float(returns.mean()) if bars else 0.0
    if deviation > 1e-15:
        values["volatility"] = deviation * float(np.sqrt(periods))
        values["sharpe"] = mean / deviation * float(np.sqrt(periods))
    else:
        values["volatility"] = 0.0 if bars > 1 else None
        values["sharpe"] = None
        reasons["sharpe"] = "the equity never moved" if bars > 1 else "fewer than two bars"
        if bars <= 1:
            reasons["volatility"] = "fewer than two bars"
    downside = float(np.sqrt(np.mean(np.minimum(returns, 0) ** 2))) if bars else 0.0
    values["sortino"] = mean / downside * float(np.sqrt(periods)) if downside > 1e-15 else None
    if downside <= 1e-15:
        reasons["sortino"] = "no bar lost money"
    annual = values["annual_return"]
    values["calmar"] = annual / -drawdown if annual is not None and drawdown < 0 else None
    if values["calmar"] is None:
        reasons["calmar"] = "no drawdown" if drawdown >= 0 else reasons.get("annual_return", "no annual return")
    return Metrics(values, reasons)


def run_metrics(
    equity: Floats, start_cash: float, periods: float, trades: Sequence[Trade], exposure: float | None = None
) -> Metrics:
    """All figures: those of the curve and those of the trades."""
    curve = curve_metrics(equity, start_cash, periods)
    values, reasons = dict(curve.values), dict(curve.reasons)
    closed = [t for t in trades if t.status == "closed"]
    gains = sum(t.pnl for t in closed if t.pnl > 0)
    losses = -sum(t.pnl for t in closed if t.pnl < 0)
    values["exposure"] = exposure
    if exposure is None:
        reasons["exposure"] = "not measured"
    values["trades"], values["closed_trades"] = len(trades), len(closed)
    values["open_trades"] = len(trades) - len(closed)
    of_trades = ("win_rate", "expectancy", "avg_trade_return", "best_trade", "worst_trade", "profit_factor")
    if closed:
        returned = [t.returned for t in closed]
        values["win_rate"] = sum(t.pnl > 0 for t in closed) / len(closed)
        values["expectancy"] = sum(t.pnl for t in closed) / len(closed)
        values["avg_trade_return"] = sum(returned) / len(closed)
        values["best_trade"], values["worst_trade"] = max(returned), min(returned)
        values["profit_factor"] = gains / losses if losses > 0 else None
        if losses == 0:
            reasons["profit_factor"] = "no closed trade lost money"
    else:
        values.update(dict.fromkeys(of_trades))
        reasons.update(dict.fromkeys(of_trades, "no closed trades"))
    values["fees"] = float(sum(t.fees for t in trades))
    values["start_cash"], values["end_equity"] = start_cash, float(equity[-1]) if len(equity) else start_cash
    values["bars"], values["periods_per_year"] = len(equity), periods
    return Metrics({name: values[name] for name in METRICS}, reasons)
