"""Walking: a walk-forward run, and kept as a run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.recording import as_json, equity_of, record
from workbench.bootstrap.sweeping import axes_of
from workbench.model import new_id
from workbench.ports import Artifact, ProgressCallback

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.research import WalkForward
    from workbench.strategy import Strategy


def run_walk_forward(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    data: str,
    params: Mapping[str, Any] | None,
    grid: Sequence[str] | Mapping[str, Sequence[Any]],
    *,
    train: int | str,
    test: int | str,
    metric: str,
    anchored: bool,
    executor: Executor | None,
    record_it: bool,
    progress: ProgressCallback,
    options: Mapping[str, Any],
) -> WalkForward:
    """Walk a strategy forward and record the run; see `Workbench.walk_forward`."""
    from workbench.research import Span, combinations, walk_forward

    began = time.perf_counter()
    axes = axes_of(bench, strategy, params, grid)
    chosen, spec = bench.spec(strategy, data, params, axes, **options)
    spans = Span.parse("train", train), Span.parse("test", test)
    histories, terms = bench.histories(spec), spec.terms()
    result = walk_forward(
        chosen.name, chosen.strategy, histories, terms, train=spans[0], test=spans[1], anchored=anchored, axes=axes,
        metric=metric, executor=executor, progress=progress,
    )  # fmt: skip
    if not record_it:
        return result
    result = replace(result, run_id=new_id())
    found = result.to_dict()
    more = {"train": str(train), "test": str(test), "metric": metric, "anchored": anchored, "grid": axes}
    artifacts = [Artifact("result.json", "application/json", as_json(found)), equity_of(result)]
    record(
        bench.registry, result.run_id, "walkforward", chosen, spec.to_dict() | more, result.data_dict(),
        result.figures(), began,
        artifacts=artifacts, tried=combinations(type(chosen.strategy), chosen.strategy.params, axes), terms=terms,
    )  # fmt: skip
    return result
