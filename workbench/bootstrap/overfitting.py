"""Overfitting: a recorded run judged by everything that was tried beside it, and the judgement kept as a run."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from workbench.bootstrap.recording import Chosen, as_json, code_of, record
from workbench.errors import BadInput
from workbench.model import new_id
from workbench.ports import Artifact, ProgressCallback, RunRecord, RunRegistry

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.research import Overfit
    from workbench.strategy import Strategy

JUDGED = ("backtest", "sweep", "walkforward")
_SAME = ("data_fingerprint", "code_fingerprint", "family")


@dataclass(frozen=True)
class _Search:
    """What was searched: the sets, and the metric the choice was made by."""

    sets: Sequence[Strategy]
    metric: str


def run_overfit(
    bench: Workbench,
    run_id: str,
    strategy: type[Strategy] | None,
    *,
    permutations: int = 200,
    splits: int = 16,
    seed: int = 0,
    executor: str = "thread",
    workers: int | None = None,
    record_it: bool = True,
    progress: ProgressCallback,
    cancelled: Callable[[], bool] = lambda: False,
) -> Overfit:
    """Judge a recorded run; see `Workbench.overfit`."""
    from workbench.bootstrap.sweeping import executor_of
    from workbench.research import Tape, data_fingerprint, judge, permutation_test, returns_of_sets, sharpes_of

    began = time.perf_counter()
    run = bench.registry.get(run_id)
    if run.kind not in JUDGED:
        raise BadInput("run", run_id, f"is a {run.kind}, which has no returns to judge", f"name a {', '.join(JUDGED)}")
    spec_of = dict(run.spec)
    # a class is asked for only where there is no name: by its class a registered strategy would be another family
    named: Any = spec_of["strategy"] if strategy is None or not run.family.startswith("notebook:") else strategy
    if strategy is None and run.family.startswith("notebook:"):
        problem = f"its strategy {run.strategy} was typed in a notebook"
        raise BadInput("run", run_id, problem, "save it to a file, or call bench.overfit with the class")
    chosen, spec = bench.spec(named, spec_of["data"], run.params, **spec_of["options"])
    if code_of(chosen) != run.code_fingerprint:
        raise BadInput("run", run_id, f"is of other code than {chosen.name} has now", "make the run again")
    histories, terms = bench.histories(spec), bench.terms(spec)
    if data_fingerprint(histories) != run.data_fingerprint:
        raise BadInput("run", run_id, "is of other prices than its source has now", "make the run again")
    search, said = _searched(bench.registry, run, type(chosen.strategy))
    if run.kind == "sweep" and search is not None:
        chosen = replace(chosen, strategy=_best(bench.registry, run, search))
    tape = Tape(histories)
    periods = max(h.periods_per_year for h in histories)
    returns, trades = _returns(bench, run, chosen, tape, terms)
    candidates = [chosen.strategy] if search is None else list(search.sets)
    table = sharpes = permuted = None
    if search is not None:
        progress("every set again", 0, len(candidates))
        table = returns_of_sets(candidates, tape, terms, cancelled)
        sharpes = sharpes_of(table, periods * len(table) / len(tape))
    if permutations:
        metric = search.metric if search is not None else "sharpe"
        subject = chosen.strategy if run.kind == "backtest" else None
        with executor_of(executor, workers) as (pool, count):
            permuted = permutation_test(
                candidates, histories, terms, metric=metric, subject=subject, permutations=permutations, seed=seed,
                executor=pool, ahead=2 * count, progress=progress, cancelled=cancelled,
            )  # fmt: skip
    trials = max(bench.registry.trials(run.family), 1)
    found = judge(
        returns, periods, trials=trials, table=table, sharpes=sharpes, trade_returns=trades, permuted=permuted,
        missing={"pbo": said} if said else None, splits=splits, seed=seed,
    )  # fmt: skip
    judged = {
        "of": run.run_id, "kind": run.kind, "strategy": run.strategy, "params": dict(chosen.strategy.params),
        "sets": len(candidates), "permutations": len(permuted.drawn) if permuted else 0,
    }  # fmt: skip
    found = replace(found, subject=judged, metric=search.metric if search is not None else "sharpe")
    if not record_it:
        return found
    found = replace(found, run_id=new_id())
    buffer = io.BytesIO()
    drawn: dict[str, Any] = {}
    if permuted is not None:
        drawn |= {"permuted": permuted.drawn, "original": permuted.original}
    if found.cscv is not None:
        drawn["logits"] = found.cscv.logits
    if found.luck is not None:
        drawn |= {"drawdowns": found.luck.drawdowns, "drawdown": found.luck.drawdown}
    cast("Any", np.savez_compressed)(buffer, **drawn)
    how = {"permutations": permutations, "splits": splits, "seed": seed}
    record(
        bench.registry, found.run_id, "overfit", chosen,
        spec.to_dict() | {"of": run.run_id, "judged": run.kind, "how": how}, run.data, found.to_dict(), began,
        artifacts=[Artifact("result.json", "application/json", as_json(found.to_dict())),
                   Artifact("drawn.npz", "application/octet-stream", buffer.getvalue())],
    )  # fmt: skip
    return found


def _returns(bench: Workbench, run: RunRecord, chosen: Chosen, tape: Any, terms: Any) -> tuple[Any, list[float]]:
    """Returns of every bar and of every closed trade: a walk-forward's out of sample, else of the backtest."""
    import json

    import pandas as pd

    from workbench.research import backtest, returns_of

    if run.kind == "walkforward":
        held = json.loads(bench.registry.artifact(run.run_id, "result.json"))
        equity = pd.read_parquet(io.BytesIO(bench.registry.artifact(run.run_id, "equity.parquet")))["equity"]
        closed = [t["return"] for t in held["trades"] if t["status"] == "closed"]
        return returns_of(equity.to_numpy(), float(terms.cash)), closed
    result = backtest(chosen.name, chosen.strategy, tape.histories, terms)
    closed = [t.returned for t in result.trade_list if t.status == "closed"]
    return returns_of(result.outcome.equity, result.outcome.start_cash), closed


def _searched(registry: RunRegistry, run: RunRecord, kind: type[Strategy]) -> tuple[_Search | None, str]:
    """What was searched to find a run: its own grid, else the largest search of the same code, prices and terms."""
    from workbench.research.measured import FIGURES

    if run.kind == "backtest":
        others = [r for wanted in ("sweep", "walkforward") for r in registry.find(kind=wanted, strategy=run.strategy)]
        fitting = [r for r in others if _alike(r, run) and r.spec.get("grid")]
        if not fitting:
            return None, "no sweep or walk-forward of this strategy on these prices under these terms is on file"
        run = max(fitting, key=lambda r: (_size(r), r.started_at))
    if not run.spec.get("grid"):
        return None, "the walk-forward searched no parameter"
    metric = str(run.spec.get("metric", "sharpe"))  # a function that was chosen by is not on file
    return _Search(_sets_of(registry, run, kind), metric if metric in FIGURES else "sharpe"), ""


def _size(run: RunRecord) -> int:
    """How many sets a search had, about: a small one beside a large one must not stand for it."""
    return int(run.metrics.get("sets") or math.prod(len(values) for values in run.spec["grid"].values()))


def _alike(one: RunRecord, other: RunRecord) -> bool:
    mine, theirs = one.spec.get("options", {}), other.spec.get("options", {})
    return all(getattr(one, name) == getattr(other, name) for name in _SAME) and mine == theirs


def _sets_of(registry: RunRegistry, run: RunRecord, kind: type[Strategy]) -> Sequence[Strategy]:
    from workbench.research import Constraint, combinations

    axes: Mapping[str, Sequence[Any]] = run.spec["grid"]
    if run.kind == "walkforward":
        rules = [Constraint(text) for text in run.spec.get("constraints", ())]
        return combinations(kind, run.params, axes, rules)
    return [kind(**{**run.params, **values}) for values in _rows(registry, run, axes)]


def _rows(registry: RunRegistry, run: RunRecord, axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The parameters of each set of a recorded sweep, in its order."""
    frame = _frame(registry, run)
    if not len(frame):
        raise BadInput("run", run.run_id, "holds no set: it was broken off before the first", "make it again")
    columns = {name: frame[name].tolist() for name in axes}
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _frame(registry: RunRegistry, run: RunRecord) -> Any:
    import pandas as pd

    return pd.read_parquet(io.BytesIO(registry.artifact(run.run_id, "sweep.parquet")))


def _best(registry: RunRegistry, run: RunRecord, search: _Search) -> Strategy:
    values = _frame(registry, run)[search.metric].to_numpy(float)
    return search.sets[int(np.argmax(np.where(np.isnan(values), -np.inf, values)))]
