"""Backtesting: a backtest, kept as a run."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.recording import as_json, count, equity_of, record
from workbench.model import new_id
from workbench.ports import Artifact, ProgressCallback

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.research import Backtest
    from workbench.strategy import Strategy


def run_backtest(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    data: str,
    params: Mapping[str, Any] | None,
    record_it: bool,
    progress: ProgressCallback,
    options: Mapping[str, Any],
) -> Backtest:
    """Backtest a strategy and record the run; see `Workbench.backtest`."""
    from workbench.research import backtest

    began = time.perf_counter()
    chosen, spec = bench.spec(strategy, data, params, **options)
    terms = bench.terms(spec)
    result = backtest(chosen.name, chosen.strategy, bench.histories(spec), terms, progress)
    if not record_it:
        count(bench.registry, chosen, spec.to_dict(), result.data_dict(), began, [chosen.strategy], terms)
        return result
    result = replace(result, run_id=new_id())
    found = result.to_dict()
    artifacts = [Artifact("result.json", "application/json", as_json(found)), equity_of(result)]
    record(
        bench.registry, result.run_id, "backtest", chosen, spec.to_dict(), found["data"], found["metrics"], began,
        artifacts=artifacts, tried=[chosen.strategy], terms=terms,
    )  # fmt: skip
    return result
