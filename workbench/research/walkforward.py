"""What a walk-forward found: windows, and the stitched run over them. `walk.py` does the walking."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from workbench.fills import Terms
from workbench.model import from_ns, iso
from workbench.research.backtest import data_dict, terms_dict
from workbench.research.breakdown import Breakdown, breakdown_of
from workbench.research.metrics import METRICS, Metrics, drawdown_of, run_metrics
from workbench.research.tape import Outcome, Tape
from workbench.research.trades import Trade, trades_of
from workbench.research.windows import Span, Window
from workbench.strategy import Strategy

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One window: the parameters its train chose, and the figures of train and test.

    `tried` counts the parameter sets evaluated. The test's figures are those of its stretch of the stitched run.
    `kept` says whether the set keeps what the search required of a train.
    """

    window: Window
    strategy: Strategy
    tried: int
    in_sample: Metrics
    out_of_sample: Metrics
    kept: bool = True


@dataclass(frozen=True)
class WalkForward:
    """What a walk-forward found; the stitched run trades the test windows as one account without a break.

    A position open at a window's end is closed at the next window's first open, with costs (row 23). `efficiency` is
    the stitched annual return ÷ the mean annual return of the trains (Pardo 2008, chapter 11), None with a reason.
    """

    name: str
    strategy: Strategy
    terms: Terms
    tape: Tape
    metric: str
    train: Span
    test: Span
    anchored: bool
    axes: Mapping[str, Sequence[Any]]
    windows: tuple[WindowResult, ...]
    outcome: Outcome
    run_id: str = ""
    purge: int = 0
    cancelled: bool = False
    require: Mapping[str, float] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """Position of the first test bar on the tape."""
        return self.windows[0].window.test_first

    @property
    def stop(self) -> int:
        """Position after the last test bar on the tape."""
        return self.windows[-1].window.test_stop

    @cached_property
    def trade_list(self) -> list[Trade]:
        """Every out-of-sample round trip."""
        return trades_of(self.tape, self.outcome, self.first, self.stop)

    @cached_property
    def metrics(self) -> Metrics:
        """Figures of the stitched out-of-sample run."""
        periods = max(h.periods_per_year for h in self.tape.histories)
        held = np.zeros(self.stop - self.first, np.bool_)
        for trade in self.trade_list:
            held[trade.entry_idx - self.first : (trade.exit_idx or self.stop) - self.first] = True
        return run_metrics(self.outcome.equity, self.outcome.start_cash, periods, self.trade_list, float(held.mean()))

    @cached_property
    def costs(self) -> Breakdown:
        """From gross to net out of sample: what slippage and each charge took."""
        at_close = self.terms.at_close(self.strategy)
        return breakdown_of(self.tape, self.outcome, self.terms, first=self.first, at_close=at_close)

    @property
    def efficiency(self) -> tuple[float | None, str]:
        """The walk-forward efficiency, or None and why."""
        trains = [w.in_sample["annual_return"] for w in self.windows]
        known = [float(t) for t in trains if t is not None]
        ours = self.metrics["annual_return"]
        if ours is None or not known:
            return None, "no annual return in sample or out of sample"
        mean = float(np.mean(known))
        if mean <= 0:
            return None, f"the trains lost money on average ({mean:.2%} a year)"
        return float(ours) / mean, ""

    @property
    def tried(self) -> int:
        """Parameter sets evaluated over all windows."""
        return sum(w.tried for w in self.windows)

    @cached_property
    def index(self) -> pd.DatetimeIndex:
        """The test bars' starts, UTC."""
        import pandas as pd

        return pd.DatetimeIndex(self.tape.times[self.first : self.stop].view("M8[ns]"), tz="UTC", name="time")

    @property
    def equity(self) -> pd.Series:
        """Stitched out-of-sample equity after each bar, in currency."""
        import pandas as pd

        return pd.Series(self.outcome.equity, self.index, name="equity")

    @property
    def drawdown(self) -> pd.Series:
        """How far below its peak the stitched equity is, as a fraction, 0 or below."""
        import pandas as pd

        return pd.Series(drawdown_of(self.outcome.equity, self.outcome.start_cash), self.index, name="drawdown")

    @property
    def table(self) -> pd.DataFrame:
        """A row a window: its dates, the parameters chosen, the chosen metric and returns of train and test."""
        import pandas as pd

        rows = []
        for w in self.to_dict()["windows"]:
            own = {
                f"{self.shown} in": w["in_sample"][self.shown],
                f"{self.shown} out": w["out_of_sample"][self.shown],
            }
            returns = {"return in": w["in_sample"]["total_return"], "return out": w["out_of_sample"]["total_return"]}
            dates = {k: w[k][:10] for k in ("train_start", "train_end", "test_start", "test_end")}
            rows.append({**dates, **{k: v for k, v in w["params"].items() if k in self.axes}, **own, **returns})
        return pd.DataFrame(rows)

    def data_dict(self) -> dict[str, Any]:
        """What was walked over, as JSON values."""
        return data_dict(self.tape.histories)

    def to_dict(self) -> dict[str, Any]:
        """The whole result as JSON values; window ends are the last bar's start, inclusive."""
        efficiency, reason = self.efficiency
        return {
            "run_id": self.run_id or None,
            "strategy": self.name,
            "data": self.data_dict(),
            "terms": terms_dict(self.terms, self.strategy),
            "metric": self.metric,
            "train": str(self.train),
            "test": str(self.test),
            "anchored": self.anchored,
            "purge": self.purge,
            "cancelled": self.cancelled,
            "require": dict(self.require),
            "grid": {name: list(values) for name, values in self.axes.items()},
            "tried": self.tried,
            "windows": [
                {
                    "train_start": self._time(w.window.train_first),
                    "train_end": self._time(w.window.train_stop - 1),
                    "test_start": self._time(w.window.test_first),
                    "test_end": self._time(w.window.test_stop - 1),
                    "params": dict(w.strategy.params),
                    "tried": w.tried,
                    "kept": w.kept,
                    "degradation": _degradation(w, self.shown),
                    "in_sample": w.in_sample.to_dict(),
                    "out_of_sample": w.out_of_sample.to_dict(),
                }
                for w in self.windows
            ],
            "stitched": self.metrics.to_dict(),
            "costs": self.costs.to_dict(),
            "efficiency": efficiency,
            "efficiency_undefined": reason or None,
            "degradation": self.degradation[0],
            "trades": [t.to_dict() for t in self.trade_list],
            "bars_left_out": len(self.tape) - self.stop,
        }

    def report(self) -> str:
        """A self-contained HTML report: figures, stitched equity, the table of windows, parameters through time."""
        from workbench.research.report import walkforward_report

        return walkforward_report(self)

    def figures(self) -> dict[str, Any]:
        """What is recorded of it: the stitched run's figures, how many windows, and the efficiency."""
        return self.metrics.to_dict() | {
            "windows": len(self.windows), "cancelled": self.cancelled, "efficiency": self.efficiency[0],
            "degradation": self.degradation[0],
        }  # fmt: skip

    def plot(self) -> Any:
        """Stitched equity, drawdown and the chosen parameters through time, as a bokeh layout."""
        from workbench.research.plots import walkforward_layout

        return walkforward_layout(self)

    def _repr_html_(self) -> str:
        from workbench.research.report import walkforward_summary

        return walkforward_summary(self)

    def __repr__(self) -> str:
        total = self.metrics["total_return"]
        return f"<WalkForward of {self.name}: {len(self.windows)} windows, stitched return {total:+.2%}>"

    @property
    def degradation(self) -> tuple[float | None, str]:
        """By how much the chosen metric is lower out of sample than in the trains, on average; or None and why."""
        known = [d for w in self.windows if (d := _degradation(w, self.shown)) is not None]
        return (float(np.mean(known)), "") if known else (None, f"no window has a {self.shown} in and out of sample")

    @property
    def shown(self) -> str:
        """The metric that tables compare by: the one chosen by, or the Sharpe ratio where that was a function."""
        return self.metric if self.metric in METRICS else "sharpe"

    def _time(self, row: int) -> str:
        return iso(from_ns(int(self.tape.times[row])))


def _degradation(window: WindowResult, metric: str) -> float | None:
    """By how much a metric is lower in the test than in the train; None where one of the two has no answer."""
    inside, outside = window.in_sample[metric], window.out_of_sample[metric]
    return None if inside is None or outside is None else float(inside) - float(outside)
