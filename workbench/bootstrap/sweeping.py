"""Sweeping: a strategy at many parameter sets, each counted as a trial, and the table kept as a run."""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from workbench.bootstrap.finding import find_strategy
from workbench.bootstrap.recording import Chosen, code_of, count, record
from workbench.errors import BadInput, UnknownName
from workbench.model import new_id
from workbench.ports import Artifact, ProgressCallback, SearchLog

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.data import PriceHistory
    from workbench.research import RunSpec, Sweep
    from workbench.strategy import Strategy

SEARCHES = ("grid", "random", "lhs", "bayes")
DASK_SECONDS = 10.0
"""How long a cluster may take to answer."""
SWEEP = ("search", "trials", "seed", "metric", "constraints", "study", "log", "workers", "executor", "cancelled")
"""What a sweep may be told beside the options of a run."""
EXECUTORS = ("thread", "process", "dask://HOST:PORT", "dask://local")


def axes_of(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    params: Mapping[str, Any] | None,
    grid: Sequence[str] | Mapping[str, Sequence[Any]],
) -> dict[str, Sequence[Any]]:
    """The axes of a search, from name → values or texts name=low:high:step; "auto" stands for every number.

    Raises BadInput for one named twice.
    """
    from workbench.research import FIGURES, automatic_axes, parse_axis

    kind = find_strategy(bench.plugins, strategy)[3]
    if not isinstance(grid, Mapping) and any(text.strip().lower() == "auto" for text in grid):
        named = [text for text in grid if text.strip().lower() != "auto"]
        own = axes_of(bench, strategy, params, named)
        return own | automatic_axes(kind, [*own, *(params or {})])
    pairs = list(grid.items()) if isinstance(grid, Mapping) else [parse_axis(kind, text) for text in grid]
    axes: dict[str, Sequence[Any]] = {name: [_plain(value) for value in values] for name, values in pairs}
    for name in axes:
        if name in (*FIGURES, "plateau"):
            problem = "is the name of a figure too, and a table of sets cannot have two columns of one name"
            raise BadInput("grid", name, problem, "rename the parameter")
        if [n for n, _ in pairs].count(name) > 1:
            raise BadInput("grid", name, "is searched twice", "give each parameter one axis")
        if name in (params or {}):
            raise BadInput("grid", name, "is searched and set too", "leave one of the two out")
    return axes


def _plain(value: Any) -> Any:
    """A value as it can be written down: numpy's numbers are Python's."""
    return value.item() if hasattr(value, "item") else value


@contextmanager
def executor_of(kind: str, workers: int | None) -> Iterator[tuple[Executor | None, int]]:
    """Threads, processes or a Dask cluster, and how many work; nothing for one worker of this machine.

    `dask://HOST:PORT` is a cluster's scheduler, and as many work as it has threads; `dask://local` starts one on this
    machine. Raises UnknownName, and BadInput for workers below 1 and a cluster that does not answer.
    """
    if workers is not None and workers < 1:
        raise BadInput("workers", workers, "must be 1 or more")
    if kind.startswith("dask://"):
        with _dask(kind, workers) as found:
            yield found
        return
    if kind not in EXECUTORS:
        raise UnknownName("executor", kind, EXECUTORS)
    count = workers or os.cpu_count() or 1
    if count == 1:
        yield None, 1
        return
    with ThreadPoolExecutor(count) if kind == "thread" else ProcessPoolExecutor(count) as executor:
        yield executor, count


@contextmanager
def _dask(address: str, workers: int | None) -> Iterator[tuple[Executor, int]]:
    from distributed import Client, LocalCluster

    place, make = address.removeprefix("dask://").rstrip("/"), cast("Any", Client)
    with ExitStack() as stack:
        try:
            if place == "local":
                count = workers or os.cpu_count() or 1
                page = "127.0.0.1:0"  # its dashboard, at any port: the usual one may be taken
                cluster = cast("Any", LocalCluster)(n_workers=count, threads_per_worker=1, dashboard_address=page)
                client = stack.enter_context(make(stack.enter_context(cluster), set_as_default=False))
            else:
                client = stack.enter_context(make(f"tcp://{place}", timeout=DASK_SECONDS, set_as_default=False))
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            said = " ".join(str(error).split())[:200]
            raise BadInput("executor", address, f"does not answer ({said})", "write dask://HOST:PORT") from None
        threads = sum(client.ncores().values())
        if not threads:
            raise BadInput("executor", address, "has no worker", "start one with: dask worker HOST:PORT")
        yield client.get_executor(pure=False, retries=3), threads


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
    constraints: Sequence[str] = (),
    study: str = "",
    log: SearchLog | None = None,
    workers: int | None = None,
    executor: str = "thread",
    record_it: bool = True,
    progress: ProgressCallback,
    cancelled: Callable[[], bool] = lambda: False,
    options: Mapping[str, Any],
) -> Sweep:
    """Sweep, count the trials and record the run; see `Workbench.sweep`."""
    from workbench.research import Constraint, bayes, grid_sets, sampled_sets, sweep

    began = time.perf_counter()
    if search not in SEARCHES:
        raise UnknownName("search", search, SEARCHES)
    if search == "grid" and trials is not None:
        raise BadInput("trials", trials, "is for a random search", "a grid takes all combinations")
    axes = axes_of(bench, strategy, params, grid or ["auto"])
    rules = [Constraint(text) for text in constraints]
    chosen, spec = bench.spec(strategy, data, params, axes, rules, **options)
    kind, given, count_to = type(chosen.strategy), chosen.strategy.params, 100 if trials is None else trials
    if search == "grid":
        candidates, left_out = grid_sets(kind, given, axes, rules)
    elif search != "bayes":
        stratified = search == "lhs"
        candidates, left_out = sampled_sets(
            kind, given, axes, count_to, seed, stratified=stratified, constraints=rules
        )  # fmt: skip
    histories, terms = bench.histories(spec), bench.terms(spec)
    more: dict[str, Any] = {
        "grid": {name: list(values) for name, values in axes.items()}, "search": search, "metric": metric,
        "trials": trials, "seed": seed, "study": study or None, "constraints": [rule.text for rule in rules],
    }  # fmt: skip
    with executor_of(executor, workers) as (pool, at_work):
        how: dict[str, Any] = {
            "axes": axes, "metric": metric, "executor": pool, "workers": at_work, "progress": progress,
            "cancelled": cancelled,
        }  # fmt: skip
        if search == "bayes":
            found = bayes(
                chosen.name, kind, given, histories, terms, trials=count_to, log=log or bench.search_log,
                study=_study_of(study, chosen, spec, histories, more),
                constraints=rules, seed=seed, **how,
            )  # fmt: skip
        else:
            reach = 0.0 if search == "grid" else 0.1
            found = sweep(chosen.name, candidates, histories, terms, left_out=left_out, reach=reach, **how)
    if not record_it:
        count(bench.registry, chosen, spec.to_dict(), found.data_dict(), began, found.sets, terms)
        return replace(found, trials=bench.registry.trials(chosen.family))
    found = replace(found, run_id=new_id())
    buffer = io.BytesIO()
    found.frame.to_parquet(buffer)
    record(
        bench.registry, found.run_id, "sweep", chosen, spec.to_dict() | more, found.data_dict(), found.figures(), began,
        artifacts=[Artifact("sweep.parquet", "application/vnd.apache.parquet", buffer.getvalue())],
        tried=found.sets, terms=terms,
    )  # fmt: skip
    return replace(found, trials=bench.registry.trials(chosen.family))


def _study_of(
    named: str, chosen: Chosen, spec: RunSpec, histories: Sequence[PriceHistory], more: Mapping[str, Any]
) -> str:
    """The name under which a search is taken up again: the same code, prices, terms, axes and seed, whatever its name.

    A name alone would let the figures of other prices in.
    """
    from workbench.research import data_fingerprint, fingerprint

    asked = {name: value for name, value in more.items() if name != "trials"}
    given = spec.to_dict() | asked | {"code": code_of(chosen), "data": data_fingerprint(histories)}
    return f"{named or chosen.family}:{fingerprint(given)}"
