"""Walking forward: the search on each train window, and the stitched run over the test windows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.errors import BadInput, UnknownName
from workbench.fills import Terms
from workbench.model import Protection
from workbench.ports import ProgressCallback, no_progress
from workbench.research.grid import combinations
from workbench.research.metrics import CHOOSABLE, Metrics, run_metrics
from workbench.research.tape import Outcome, Tape
from workbench.research.trades import Trade, trades_of
from workbench.research.walkforward import WalkForward, WindowResult
from workbench.research.windows import Span, Window, split
from workbench.strategy import Bars, Columns, Signals, Strategy


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
        answers = [_padded(_answer(candidate, bars), h.bars) for bars, h in zip(past, tape.histories, strict=True)]
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


def _answer(strategy: Strategy, bars: Bars) -> Columns:
    """A strategy's answer; it is not asked about a symbol that has no bars yet."""
    return strategy.answer(bars) if len(bars) else Signals().columns(0, "")


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
            answer = _answer(strategy, bars.rows(0, stop)).rows(start, stop)
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
