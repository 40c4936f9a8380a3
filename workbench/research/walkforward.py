"""Walk-forward: search parameters on a train window, use them on the test window that follows, again and again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.errors import BadInput, UnknownName
from workbench.fills import Terms
from workbench.model import Protection, from_ns, iso
from workbench.ports import ProgressCallback, no_progress
from workbench.research.backtest import data_dict, terms_dict
from workbench.research.grid import combinations
from workbench.research.metrics import CHOOSABLE, Metrics, drawdown_of, run_metrics
from workbench.research.tape import Outcome, Tape
from workbench.research.trades import Trade, trades_of
from workbench.research.windows import Span, Window, split
from workbench.strategy import Bars, Columns, Signals, Strategy

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class WindowResult:
    """One window: the parameters its train chose, and the figures of train and test.

    `tried` counts the parameter sets evaluated. The test's figures are those of its stretch of the stitched run.
    """

    window: Window
    strategy: Strategy
    tried: int
    in_sample: Metrics
    out_of_sample: Metrics


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
        return run_metrics(self.outcome.equity, self.outcome.start_cash, periods, self.trade_list)

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
                f"{self.metric} in": w["in_sample"][self.metric],
                f"{self.metric} out": w["out_of_sample"][self.metric],
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
                    "in_sample": w.in_sample.to_dict(),
                    "out_of_sample": w.out_of_sample.to_dict(),
                }
                for w in self.windows
            ],
            "stitched": self.metrics.to_dict(),
            "efficiency": efficiency,
            "efficiency_undefined": reason or None,
            "trades": [t.to_dict() for t in self.trade_list],
            "bars_left_out": len(self.tape) - self.stop,
        }

    def report(self) -> str:
        """A self-contained HTML report: figures, stitched equity, the table of windows, parameters through time."""
        from workbench.research.report import walkforward_report

        return walkforward_report(self)

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

    def _time(self, row: int) -> str:
        return iso(from_ns(int(self.tape.times[row])))


def walk_forward(
    name: str,
    strategy: Strategy,
    histories: Sequence[PriceHistory],
    terms: Terms,
    *,
    train: Span,
    test: Span,
    anchored: bool = False,
    axes: Mapping[str, Sequence[Any]] | None = None,
    metric: str = "sharpe",
    executor: Executor | None = None,
    progress: ProgressCallback = no_progress,
) -> WalkForward:
    """Search a grid in every train window by a metric and use the winner on the test window after it.

    Answers are worked out on bars up to a window's end only, so not even a strategy that looks ahead sees a later
    window. A metric without an answer loses to any that has one; ties go to the first of the grid. `executor` runs
    windows side by side. Raises BadInput for spans, metric or grid that cannot be used.
    """
    if metric not in CHOOSABLE:
        raise UnknownName("metric", metric, CHOOSABLE)
    terms.check_for(strategy)
    axes = dict(axes or {})
    candidates = combinations(type(strategy), strategy.params, axes)
    if len({str(terms.size_for(c)) for c in candidates}) > 1:
        raise BadInput("grid", ", ".join(axes), "changes the size rule from set to set", "search sizes one by one")
    tape = Tape(histories)
    windows = split(tape.times, train, test, anchored=anchored)
    found: list[tuple[Strategy, Metrics]] = []
    tasks = [(tape, candidates, terms, metric, window) for window in windows]
    answers = executor.map(_search, tasks) if executor is not None else map(_search, tasks)
    for done, answer in enumerate(answers):
        found.append(answer)
        progress("walk-forward", done + 1, len(windows))
    stitched = _stitch(tape, [s for s, _ in found], terms, windows)
    size = terms.size_for(strategy)
    first, stop = windows[0].test_first, windows[-1].test_stop
    outcome = tape.run(stitched, terms, size, Protection(), first, stop)
    trades = trades_of(tape, outcome, first, stop)
    results = tuple(
        WindowResult(window, chosen, len(candidates), inside, _outside(tape, outcome, trades, window, first))
        for window, (chosen, inside) in zip(windows, found, strict=True)
    )
    return WalkForward(name, strategy, terms, tape, metric, train, test, anchored, axes, results, outcome)


def _search(task: tuple[Tape, list[Strategy], Terms, str, Window]) -> tuple[Strategy, Metrics]:
    """The best of the candidates on one train window, and its figures there."""
    tape, candidates, terms, metric, window = task
    past = [Bars(**h.columns).rows(0, _rows_before(tape, c, window.train_stop)) for c, h in enumerate(tape.histories)]
    best: tuple[Strategy, Metrics] | None = None
    for candidate in candidates:
        answers = [_padded(candidate.answer(bars), h.bars) for bars, h in zip(past, tape.histories, strict=True)]
        outcome = tape.run(
            answers,
            terms,
            terms.size_for(candidate),
            terms.protection_for(candidate),
            window.train_first,
            window.train_stop,
        )
        periods = max(h.periods_per_year for h in tape.histories)
        trades = trades_of(tape, outcome, window.train_first, window.train_stop)
        figures = run_metrics(outcome.equity, outcome.start_cash, periods, trades)
        if best is None or _score(figures, metric) > _score(best[1], metric):
            best = candidate, figures
    assert best is not None
    return best


def _score(figures: Metrics, metric: str) -> float:
    value = figures[metric]
    return -np.inf if value is None else float(value)


def _rows_before(tape: Tape, column: int, stop: int) -> int:
    """How many bars of one symbol lie before a position on the tape."""
    return int(np.searchsorted(tape.places[column], stop))


def _padded(answer: Columns, length: int) -> Columns:
    """An answer on the first bars, made as long as the history with rows that say nothing."""

    def pad(column: NDArray[Any]) -> NDArray[Any]:
        rest = np.full(length - len(column), False if column.dtype == np.bool_ else np.nan, column.dtype)
        return np.concatenate([column, rest])

    return Columns(*(pad(getattr(answer, name)) for name in Columns.__dataclass_fields__))


def _stitch(tape: Tape, chosen: Sequence[Strategy], terms: Terms, windows: Sequence[Window]) -> list[Columns]:
    """Answers over whole histories, each test window by its own winner; what is held at its end is closed."""
    stitched = []
    for c, history in enumerate(tape.histories):
        bars = Bars(**history.columns)
        whole = Signals().columns(history.bars, "")
        for window, strategy in zip(windows, chosen, strict=True):
            start, stop = _rows_before(tape, c, window.test_first), _rows_before(tape, c, window.test_stop)
            answer = strategy.answer(bars.rows(0, stop)).rows(start, stop)
            levels = terms.protection_for(strategy)
            answer = replace(
                answer,
                stop=_filled(answer.stop, levels.stop),
                target=_filled(answer.target, levels.target),
                trail=_filled(answer.trail, levels.trail),
            )
            for name in Columns.__dataclass_fields__:
                getattr(whole, name)[start:stop] = getattr(answer, name)
            traded = np.flatnonzero(history.traded[start:stop])
            if window is not windows[-1] and len(traded):  # row 23
                last = start + int(traded[-1])
                whole.entries[last:stop] = whole.short_entries[last:stop] = False
                whole.exits[last:stop] = whole.short_exits[last:stop] = True
        stitched.append(whole)
    return stitched


def _filled(column: NDArray[np.float64], declared: Any) -> NDArray[np.float64]:
    return column if declared is None else np.where(np.isnan(column), float(declared), column)


def _outside(tape: Tape, outcome: Outcome, trades: Sequence[Trade], window: Window, first: int) -> Metrics:
    """Figures of a window's stretch of the stitched run; a trade belongs to the window it was entered in."""
    start, stop = window.test_first - first, window.test_stop - first
    before = outcome.start_cash if start == 0 else float(outcome.equity[start - 1])
    mine = [t for t in trades if window.test_first <= t.entry_idx < window.test_stop]
    periods = max(h.periods_per_year for h in tape.histories)
    return run_metrics(outcome.equity[start:stop], before, periods, mine)
