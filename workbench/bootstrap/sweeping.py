"""Sweeping: a strategy at many parameter sets, each counted as a trial, and the table kept as a run."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.finding import find_strategy
from workbench.bootstrap.recording import record
from workbench.errors import BadInput, UnknownName
from workbench.model import new_id
from workbench.ports import Artifact, ProgressCallback

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.research import Sweep
    from workbench.strategy import Strategy

SEARCHES = ("grid", "random", "lhs")
EXECUTORS = ("thread", "process")


def axes_of(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    params: Mapping[str, Any] | None,
    grid: Sequence[str] | Mapping[str, Sequence[Any]],
) -> dict[str, Sequence[Any]]:
    """The axes of a search, from name → values or texts name=low:high:step. Raises BadInput for one named twice."""
    from workbench.research import parse_axis

    kind = find_strategy(bench.plugins, strategy)[3]
    pairs = list(grid.items()) if isinstance(grid, Mapping) else [parse_axis(kind, text) for text in grid]
    axes = dict(pairs)
    for name in axes:
        if [n for n, _ in pairs].count(name) > 1:
            raise BadInput("grid", name, "is searched twice", "give each parameter one axis")
        if name in (params or {}):
            raise BadInput("grid", name, "is searched and set too", "leave one of the two out")
    return axes


@contextmanager
def executor_of(kind: str, workers: int) -> Iterator[Executor | None]:
    """Threads or processes, or nothing for one worker. Raises UnknownName."""
    if kind not in EXECUTORS:
        raise UnknownName("executor", kind, EXECUTORS)
    if workers < 1:
        raise BadInput("workers", workers, "must be 1 or more")
    if workers == 1:
        yield None
        return
    with ThreadPoolExecutor(workers) if kind == "thread" else ProcessPoolExecutor(workers) as executor:
        yield executor


def run_sweep(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    data: str,
    params: Mapping[str, Any] | None,
    grid: Sequence[str] | Mapping[str, Sequence[Any]],
    *,
    search: str = "grid",
    trials: int | None = None,
    seed: int = 0,
    metric: str = "sharpe",
    workers: int | None = None,
    executor: str = "thread",
    record_it: bool = True,
    progress: ProgressCallback,
    cancelled: Callable[[], bool] = lambda: False,
    options: Mapping[str, Any],
) -> Sweep:
    """Sweep, count the trials and record the run; see `Workbench.sweep`."""
    from workbench.research import grid_sets, sampled_sets, sweep

    began = time.perf_counter()
    if search not in SEARCHES:
        raise UnknownName("search", search, SEARCHES)
    axes = axes_of(bench, strategy, params, grid)
    chosen, spec = bench.spec(strategy, data, params, axes, **options)
    kind, given = type(chosen.strategy), chosen.strategy.params
    if search == "grid":
        if trials is not None:
            raise BadInput("trials", trials, "is for a random search", "a grid takes all combinations")
        candidates, left_out = grid_sets(kind, given, axes)
    else:
        candidates, left_out = sampled_sets(kind, given, axes, trials or 100, seed, stratified=search == "lhs")
    histories, terms = bench.histories(spec), spec.terms()
    with executor_of(executor, workers or os.cpu_count() or 1) as pool:
        found = sweep(
            chosen.name, candidates, histories, terms, axes=axes, left_out=left_out, metric=metric, executor=pool,
            workers=workers or os.cpu_count() or 1, progress=progress, cancelled=cancelled,
        )  # fmt: skip
    if not record_it:
        return found
    found = replace(found, run_id=new_id())
    buffer = io.BytesIO()
    found.frame.to_parquet(buffer)
    more = {"grid": {name: list(values) for name, values in axes.items()}, "search": search, "metric": metric}
    record(
        bench.registry, found.run_id, "sweep", chosen, spec.to_dict() | more, found.data_dict(), found.figures(), began,
        artifacts=[Artifact("sweep.parquet", "application/vnd.apache.parquet", buffer.getvalue())],
        tried=found.sets, terms=terms,
    )  # fmt: skip
    return replace(found, trials=bench.registry.trials(chosen.family))
