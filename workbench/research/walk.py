"""Walking forward: the search on each train window, and the stitched run over the test windows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.errors import BadInput, StrategyFault, UnknownName
from workbench.fills import Terms
from workbench.model import Protection
from workbench.ports import ProgressCallback, no_progress
from workbench.research.axes import Constraint
from workbench.research.executors import worked
from workbench.research.grid import combinations
from workbench.research.ground import Ground, answer_on
from workbench.research.measured import FIGURES
from workbench.research.metrics import CHOOSABLE, Metrics, run_metrics
from workbench.research.tape import Outcome, Tape
from workbench.research.trades import Trade, trades_of
from workbench.research.walkforward import WalkForward, WindowResult
from workbench.research.windows import Span, Window, split
from workbench.strategy import Bars, Columns, Signals, Strategy

Objective = str | Callable[[Metrics], float | None]
"""What a search chooses by: a metric of which more is better, or a function of a train's figures; None is worst."""


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
    metric: Objective = "sharpe",
    purge: int = 0,
    require: Mapping[str, float] | None = None,
    constraints: Sequence[Constraint] = (),
    executor: Executor | None = None,
    workers: int = 1,
    progress: ProgressCallback = no_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> WalkForward:
    """Search a grid in every train window by a metric and use the winner on the test window after it.

    Answers are worked out on bars up to a window's end only, so not even a strategy that looks ahead sees a later
    window. `purge` bars at the end of each train are left out of the search, so that what is decided there does not
    reach into the test. `metric` may be a function of a train's `Metrics`. Sets whose train figures are below `require`
    (as in trades: 20, max_drawdown: -0.3) lose to any that keep it; where none does, the best of all is used and the
    window says so. A metric without an answer loses to any that has one; ties go to the first of the grid. `executor`
    runs windows side by side. Cancelled or interrupted, the windows done until then are the walk. Raises BadInput for
    spans, metric or grid that cannot be used.
    """
    if isinstance(metric, str) and metric not in CHOOSABLE:
        raise UnknownName("metric", metric, CHOOSABLE)
    needed = dict(require or {})
    for figure in needed:
        if figure not in FIGURES:
            raise UnknownName("require", figure, FIGURES)
    terms.check_for(strategy)
    axes = dict(axes or {})
    candidates = combinations(type(strategy), strategy.params, axes, constraints)
    if len({str(terms.size_for(c)) for c in candidates}) > 1:
        raise BadInput("grid", ", ".join(axes), "changes the size rule from set to set", "search sizes one by one")
    if len({terms.at_close(c) for c in candidates}) > 1:
        raise BadInput("grid", ", ".join(axes), "changes from set to set where signals fill", "search them one by one")
    tape = Tape(histories)
    windows = split(tape.times, train, test, anchored=anchored, purge=purge)
    sets = [dict(c.params) for c in candidates]
    shared = tape, type(strategy), sets, terms, metric, needed
    found: dict[int, Found] = {}
    try:
        for place, answer in worked(executor, _search, shared, windows, ahead=max(2 * workers, 2), cancelled=cancelled):
            found[place] = answer
            progress("walk-forward", len(found), len(windows))
    except (KeyboardInterrupt, BrokenExecutor):
        if 0 not in found:
            raise
    done = 0
    while done in found:
        done += 1
    if not done:
        raise BadInput("walk-forward", "no window", "was done before it was cancelled")
    broken_off, windows = done < len(windows), windows[:done]
    winners = [candidates[found[i].place] for i in range(done)]
    stitched = _stitch(tape, winners, terms, windows)
    first, stop = windows[0].test_first, windows[-1].test_stop
    size, at_close = terms.size_for(strategy), terms.at_close(strategy)
    outcome = tape.run(stitched, terms, size, Protection(), first, stop, at_close=at_close)
    trades = trades_of(tape, outcome, first, stop)
    results = tuple(
        WindowResult(
            window, winners[i], len(candidates), found[i].inside, _outside(tape, outcome, trades, window, first),
            found[i].kept,
        )
        for i, window in enumerate(windows)
    )  # fmt: skip
    told = metric if isinstance(metric, str) else getattr(metric, "__name__", "objective")
    return WalkForward(
        name,
        strategy,
        terms,
        tape,
        told,
        train,
        test,
        anchored,
        axes,
        results,
        outcome,
        purge=purge,
        cancelled=broken_off,
        require=needed,
    )


@dataclass(frozen=True)
class Found:
    """What a search on one train found: the place of the winner, its figures there, and whether it keeps what must."""

    place: int
    inside: Metrics
    kept: bool


def _search(
    shared: tuple[Tape, type[Strategy], list[dict[str, Any]], Terms, Objective, dict[str, float]], window: Window
) -> Found:
    """The best of the sets on one train window."""
    tape, kind, sets, terms, metric, needed = shared
    ground = Ground(tape, terms, window.train_first, window.train_stop)
    candidates = [kind(**values) for values in sets]
    table, size = np.full((len(candidates), len(FIGURES)), np.nan), ground.at_once(len(candidates), 1)
    for first in range(0, len(candidates), size):
        _, rows, wrong = ground.evaluate(first, candidates[first : first + size])
        if wrong:  # a window without one of its sets would be another search
            raise StrategyFault(f"strategy {kind.__name__}", next(iter(wrong.values())), "in a walk-forward")
        table[first : first + len(rows)] = rows
    scores = _scores(table, metric, len(ground), ground)
    kept = np.ones(len(candidates), np.bool_)
    for name, limit in needed.items():
        kept &= table[:, FIGURES.index(name)] >= limit
    within = np.where(kept, scores, -np.inf) if kept.any() else scores
    place = int(np.argmax(np.where(kept, within, -np.inf))) if kept.any() else int(np.argmax(scores))
    return Found(place, ground.run(candidates[place]), bool(kept[place]))


def _scores(table: NDArray[np.float64], metric: Objective, bars: int, ground: Ground) -> NDArray[np.float64]:
    """What is chosen by, a number a set; without an answer -inf."""
    if isinstance(metric, str):
        values = table[:, FIGURES.index(metric)]
    else:
        rows = [{n: None if np.isnan(v) else float(v) for n, v in zip(FIGURES, r, strict=True)} for r in table]
        more = {"start_cash": float(ground.terms.cash), "bars": bars, "periods_per_year": ground.periods}
        given = [metric(Metrics({**row, **more}, {})) for row in rows]
        values = np.array([np.nan if value is None else float(value) for value in given])
    return np.where(np.isnan(values), -np.inf, values)


def _rows_before(tape: Tape, column: int, stop: int) -> int:
    """How many bars of one symbol lie before a position on the tape."""
    return int(np.searchsorted(tape.places[column], stop))


def _stitch(tape: Tape, chosen: Sequence[Strategy], terms: Terms, windows: Sequence[Window]) -> list[Columns]:
    """Answers over whole histories, each test window by its own winner; what is held at its end is closed."""
    stitched = []
    for c, history in enumerate(tape.histories):
        bars = Bars(**history.columns)
        whole = Signals().columns(history.bars, "")
        for window, strategy in zip(windows, chosen, strict=True):
            start, stop = _rows_before(tape, c, window.test_first), _rows_before(tape, c, window.test_stop)
            answer = answer_on(strategy, bars.rows(0, stop)).rows(start, stop)
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
