"""Sweep: one strategy at many parameter sets, simulated and measured in one compiled pass each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.errors import BadInput
from workbench.fills import Terms
from workbench.ports import ProgressCallback, no_progress
from workbench.research.backtest import data_dict, terms_dict
from workbench.research.executors import worked
from workbench.research.ground import Ground, Piece
from workbench.research.measured import FIGURES
from workbench.research.plateau import plateau_of
from workbench.research.tape import Tape
from workbench.strategy import Strategy
from workbench.strategy.indicators import LONG

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sweep:
    """What a sweep found, a row for each set that was evaluated, in the grid's order.

    `table` has a column for each of `FIGURES`, NaN where a figure has no answer. `left_out` counts combinations that
    the strategy's own cross-check refuses, `failed` holds those at which it raised, with the reason; `cancelled` says
    that it was broken off, and the rows are what was done until then. `elapsed_s` is the sweep alone.
    """

    name: str
    terms: Terms
    tape: Tape
    axes: Mapping[str, Sequence[Any]]
    sets: tuple[Strategy, ...]
    table: Floats
    left_out: int
    failed: tuple[tuple[Mapping[str, Any], str], ...]
    elapsed_s: float
    metric: str
    cancelled: bool = False
    run_id: str = ""
    trials: int | None = field(default=None)
    reach: float = 0.0

    def __len__(self) -> int:
        return len(self.sets)

    @property
    def rate(self) -> float:
        """Bars times sets a second."""
        return len(self.sets) * sum(h.bars for h in self.tape.histories) / max(self.elapsed_s, 1e-9)

    def column(self, name: str) -> Floats:
        """One figure of every set. Raises BadInput for one that is not measured."""
        if name not in FIGURES:
            raise BadInput("metric", name, "is not measured", f"one of {', '.join(FIGURES)}")
        return self.table[:, FIGURES.index(name)]

    def plateau(self, metric: str | None = None) -> Floats:
        """How good the neighbours of each set are on average, NaN for one without any; see `plateau_of`."""
        sets = [s.params for s in self.sets]
        return plateau_of(self.axes, sets, self.column(metric or self.metric), reach=self.reach)

    def order(self, metric: str | None = None) -> NDArray[np.intp]:
        """Rows from the best to the worst by a metric, more being better; those without an answer last."""
        values = self.column(metric or self.metric)
        return np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")

    def row(self, i: int) -> dict[str, Any]:
        """One set and its figures, as JSON values."""
        figures = {
            name: None if np.isnan(v) else _plain(name, v) for name, v in zip(FIGURES, self.table[i], strict=True)
        }
        return {"params": dict(self.sets[i].params), **figures}

    @property
    def frame(self) -> pd.DataFrame:
        """A row a set: the parameters that were searched, then the figures."""
        import pandas as pd

        params = pd.DataFrame([{name: s.params[name] for name in self.axes} for s in self.sets])
        figures = pd.DataFrame(self.table, columns=list(FIGURES))
        return pd.concat([params, figures.assign(plateau=self.plateau())], axis=1)

    def data_dict(self) -> dict[str, Any]:
        """What was traded on, as JSON values."""
        return data_dict(self.tape.histories)

    def figures(self) -> dict[str, Any]:
        """What is recorded of it: how many sets, and the best one's figures."""
        best = self.row(int(self.order()[0])) if len(self) else {}
        return {"sets": len(self), "left_out": self.left_out, "failed": len(self.failed), "metric": self.metric,
                "cancelled": self.cancelled, "best": best}  # fmt: skip

    def to_dict(self, top: int = 20) -> dict[str, Any]:
        """The result as JSON values, with the best sets and how good the neighbours of each are (`plateau`)."""
        near = self.plateau()
        return {
            "run_id": self.run_id or None,
            "strategy": self.name,
            "sets": len(self),
            "left_out": self.left_out,
            "failed": [{"params": dict(params), "reason": reason} for params, reason in self.failed],
            "cancelled": self.cancelled,
            "elapsed_s": round(self.elapsed_s, 6),
            "bars": sum(h.bars for h in self.tape.histories),
            "rate": round(self.rate, 1),
            "metric": self.metric,
            "grid": {name: list(values) for name, values in self.axes.items()},
            "data": self.data_dict(),
            "terms": terms_dict(self.terms, self.sets[0]) if self.sets else None,
            "results": [self.row(int(i)) | {"plateau": _known(near[i])} for i in self.order()[:top]],
            "trials_counted": self.trials,
        }

    def heatmap(self, x: str | None = None, y: str | None = None, metric: str | None = None) -> Any:
        """Two parameters against each other, coloured by a metric, as a bokeh figure."""
        from workbench.research.sweep_plots import heatmap

        return heatmap(self.frame, self.axes, metric or self.metric, x, y)

    def plot(self) -> Any:
        """Heatmap, each parameter by itself, all sets at once, and each beside its neighbours, as a bokeh layout."""
        from workbench.research.sweep_plots import overview

        return overview(self.frame, self.axes, self.metric)

    def __repr__(self) -> str:
        return f"<Sweep of {self.name}: {len(self)} sets, {self.rate:,.0f} bars a second>"


def sweep(
    name: str,
    candidates: Sequence[Strategy],
    histories: Sequence[PriceHistory],
    terms: Terms,
    *,
    axes: Mapping[str, Sequence[Any]],
    left_out: int = 0,
    metric: str = "sharpe",
    reach: float = 0.0,
    executor: Executor | None = None,
    workers: int = 1,
    progress: ProgressCallback = no_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sweep:
    """Evaluate every candidate over whole histories: the figures a backtest of each gives.

    Indicators are worked out once for all. With an `executor` of so many `workers` pieces are worked side by side; a
    thread is enough, as the compiled part holds no lock. A strategy that raises at some sets loses those alone. A
    keyboard interrupt, `cancelled`, or a process of the executor that died keeps what is done. Raises BadInput for no
    candidate and a metric not measured.
    """
    if metric not in FIGURES:
        raise BadInput("metric", metric, "is not measured", f"one of {', '.join(FIGURES)}")
    if not candidates:
        raise BadInput("grid", "no combination", "is left", "change the ranges")
    _check_any(candidates, terms)
    tape = Tape(histories)
    ground = Ground(tape, terms)
    ground.warm_up()
    began = time.perf_counter()
    table = np.full((len(candidates), len(FIGURES)), np.nan)
    done = np.zeros(len(candidates), np.bool_)
    failed: dict[int, str] = {}
    broken_off = False
    try:
        for first, rows, wrong in _results(ground, candidates, executor, workers, cancelled):
            table[first : first + len(rows)] = rows
            done[first : first + len(rows)] = True
            failed |= {first + i: words for i, words in wrong.items()}
            progress("sweep", int(done.sum()), len(candidates))
    except (KeyboardInterrupt, BrokenExecutor):
        broken_off = True
    broken_off = broken_off or not done.all()
    kept = [i for i in np.flatnonzero(done).tolist() if i not in failed]
    return Sweep(
        name, terms, tape, axes, tuple(candidates[i] for i in kept), table[kept], left_out,
        tuple((candidates[i].params, words) for i, words in sorted(failed.items())),
        time.perf_counter() - began, metric, broken_off, reach=reach,
    )  # fmt: skip


def _check_any(candidates: Sequence[Strategy], terms: Terms) -> None:
    """Refuse terms that go with none of the sets; one that they do not go with fails alone."""
    refused: BadInput | None = None
    for candidate in candidates:
        try:
            terms.check_for(candidate)
        except BadInput as error:
            refused = error
        else:
            return
    assert refused is not None
    raise refused


def _results(
    ground: Ground, candidates: Sequence[Strategy], executor: Executor | None, workers: int,
    cancelled: Callable[[], bool],
) -> Iterator[Piece]:  # fmt: skip
    """Pieces as they are done; no more are begun once it is cancelled."""
    size = ground.at_once(len(candidates), workers if executor is not None else 1)
    pieces = ((first, candidates[first:stop]) for first, stop in slices(len(candidates), size))
    # Of threads this one asks the strategy and the others run the compiled part, which holds no lock: two that both ask
    # would hand the interpreter's lock to and fro at every array. Where arrays are long that does not matter.
    if isinstance(executor, ThreadPoolExecutor) and ground.is_single and len(ground) < LONG:
        tasks: Iterator[Any] = (ground.ready(first, some) for first, some in pieces)
        with ThreadPoolExecutor(max(workers - 1, 1)) as others:
            ahead, function = 2 * workers, Ground.measured
            for _, piece in worked(others, function, ground, tasks, ahead=ahead, cancelled=cancelled, helps=True):
                yield piece
        return
    if executor is None or isinstance(executor, ThreadPoolExecutor):
        found = worked(executor, _evaluated, ground, pieces, ahead=2 * workers, cancelled=cancelled)
    else:  # parameters, not instances: another process may only have the class by value
        shared = ground, type(candidates[0])
        tasks = ((first, [dict(c.params) for c in some]) for first, some in pieces)
        found = worked(executor, made_and_evaluated, shared, tasks, ahead=2 * workers, cancelled=cancelled)
    for _, piece in found:
        yield piece


def slices(
    count: int, most: int, patience: float = 0.25, clock: Callable[[], float] = time.perf_counter
) -> Iterator[tuple[int, int]]:
    """Slices of so many sets, from the first up to, not including, the last, of at most `most`; small ones first.

    Whoever takes one comes back when there is room for another: where that took longer than `patience` seconds the next
    are smaller, so that progress is told and a cancel is heard, however slow the strategy.
    """
    first, size = 0, min(most, 8)
    while first < count:
        began = clock()
        yield first, min(first + size, count)
        first, took = first + size, clock() - began
        if took > patience:
            size = max(1, size // 2)
        elif took < patience / 4:
            size = min(most, size * 2)


def _evaluated(ground: Ground, task: tuple[int, Sequence[Strategy]]) -> Piece:
    return ground.evaluate(*task)


def made_and_evaluated(shared: tuple[Ground, type[Strategy]], task: tuple[int, list[dict[str, Any]]]) -> Piece:
    """The figures of some sets given by their parameters, of which one process may only have the class by value."""
    (ground, kind), (first, params) = shared, task
    return ground.evaluate(first, [kind(**values) for values in params])


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _plain(name: str, value: float) -> float | int:
    return int(value) if name in ("trades", "closed_trades", "open_trades") else float(value)
