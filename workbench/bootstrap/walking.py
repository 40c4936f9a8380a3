"""Walking: a walk-forward run, and kept as a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from workbench.bootstrap.recording import Chosen, as_json, code_of, count, equity_of, record, trials_of
from workbench.bootstrap.sweeping import axes_of, executor_of
from workbench.model import new_id
from workbench.ports import Artifact, ProgressCallback

if TYPE_CHECKING:
    from workbench.bootstrap.desk import Workbench
    from workbench.research import CrossValidation, Objective, WalkForward
    from workbench.strategy import Strategy


HOW = ("metric", "anchored", "purge", "require", "constraints", "executor", "workers", "cancelled")
"""What a walk-forward may be told beside the options of a run."""
_ACROSS = ("folds", "test_folds", "purge", "embargo", "metric")


def run_walk_forward(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    data: str,
    params: Mapping[str, Any] | None,
    grid: Sequence[str] | Mapping[str, Sequence[Any]],
    *,
    train: int | str,
    test: int | str,
    metric: Objective = "sharpe",
    anchored: bool = False,
    purge: int = 0,
    require: Mapping[str, float] | None = None,
    constraints: Sequence[str] = (),
    executor: Executor | str | None = None,
    workers: int | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    record_it: bool,
    progress: ProgressCallback,
    options: Mapping[str, Any],
) -> WalkForward:
    """Walk a strategy forward and record the run; see `Workbench.walk_forward`."""
    from workbench.research import Constraint, Span, combinations, walk_forward

    began = time.perf_counter()
    axes, rules = axes_of(bench, strategy, params, grid), [Constraint(text) for text in constraints]
    chosen, spec = bench.spec(strategy, data, params, axes, rules, **options)
    spans = Span.parse("train", train), Span.parse("test", test)
    histories, terms = bench.histories(spec), bench.terms(spec)
    with ExitStack() as stack:
        pool: Executor | None
        if isinstance(executor, str) or (executor is None and workers is not None):
            pool, at_work = stack.enter_context(executor_of(executor or "process", workers))
        else:
            pool, at_work = executor, workers or 2
        result = walk_forward(
            chosen.name, chosen.strategy, histories, terms, train=spans[0], test=spans[1], anchored=anchored,
            axes=axes, metric=metric, purge=purge, require=require, constraints=rules, executor=pool, workers=at_work,
            progress=progress, cancelled=cancelled,
        )  # fmt: skip
    tried = combinations(type(chosen.strategy), chosen.strategy.params, axes, rules)
    if not record_it:
        count(bench.registry, chosen, spec.to_dict(), result.data_dict(), began, tried, terms)
        return result
    result = replace(result, run_id=new_id())
    figures = result.figures() | {"overfit": _luck(bench, chosen, result, tried)}
    found = result.to_dict()
    more = {
        "train": str(train), "test": str(test), "metric": result.metric, "anchored": anchored, "purge": purge,
        "require": dict(require or {}), "constraints": [rule.text for rule in rules], "grid": axes,
    }  # fmt: skip
    artifacts = [Artifact("result.json", "application/json", as_json(found)), equity_of(result)]
    record(
        bench.registry, result.run_id, "walkforward", chosen, spec.to_dict() | more, result.data_dict(),
        figures, began, artifacts=artifacts, tried=tried, terms=terms,
    )  # fmt: skip
    return result


def _luck(bench: Workbench, chosen: Chosen, result: WalkForward, tried: Sequence[Strategy]) -> dict[str, Any]:
    """How likely the stitched run is to be luck, from what costs next to nothing to work out; for the gates."""
    from workbench.research import judge, returns_of, returns_of_sets, sharpes_of

    periods = max(h.periods_per_year for h in result.tape.histories)
    data_fingerprint = str(result.data_dict()["fingerprint"])
    trials = trials_of(result.run_id, code_of(chosen), tried, result.terms, data_fingerprint)
    table = sharpes = None
    if len(tried) > 1:
        table = returns_of_sets(tried, result.tape, result.terms)
        sharpes = sharpes_of(table, periods * len(table) / len(result.tape))
    found = judge(
        returns_of(result.outcome.equity, result.outcome.start_cash), periods, table=table, sharpes=sharpes,
        trials=max(bench.registry.trials(chosen.family, trials), 1), resample=False,
    )  # fmt: skip
    return found.to_dict()


def run_cross_validation(
    bench: Workbench,
    strategy: str | type[Strategy] | Strategy,
    data: str,
    params: Mapping[str, Any] | None,
    grid: Sequence[str] | Mapping[str, Sequence[Any]],
    record_it: bool,
    options: dict[str, Any],
) -> CrossValidation:
    """Cross-validate a strategy's search and record the run; see `Workbench.cross_validate`."""
    from workbench.research import Constraint, Tape, combinations, cross_validation, data_dict, returns_of_sets

    began = time.perf_counter()
    how = {name: value for name in _ACROSS if (value := options.pop(name, None)) is not None}
    rules = [Constraint(text) for text in options.pop("constraints", None) or ()]
    axes = axes_of(bench, strategy, params, grid or ["auto"])
    chosen, spec = bench.spec(strategy, data, params, axes, rules, **options)
    tape, terms = Tape(bench.histories(spec)), bench.terms(spec)
    terms.check_for(chosen.strategy)
    sets = combinations(type(chosen.strategy), chosen.strategy.params, axes, rules)
    returns = returns_of_sets(sets, tape, terms)
    times, a_year = tape.times[-len(returns) :], max(h.periods_per_year for h in tape.histories)
    if len(returns) < len(tape):  # bars taken together, where there are very many
        step = -(-len(tape) // len(returns))
        times, a_year = tape.times[::-step][::-1], a_year / step
    found = cross_validation(chosen.name, sets, returns, times, a_year, **how)
    told = data_dict(tape.histories)
    if not record_it:
        count(bench.registry, chosen, spec.to_dict(), told, began, sets, terms)
        return found
    found = replace(found, run_id=new_id())
    more = {"grid": axes, "constraints": [rule.text for rule in rules], "metric": found.metric, "folds": found.folds,
            "test_folds": found.test_folds, "purge": found.purge, "embargo": found.embargo}  # fmt: skip
    record(
        bench.registry, found.run_id, "crossvalidation", chosen, spec.to_dict() | more, told, found.figures(), began,
        artifacts=[Artifact("result.json", "application/json", as_json(found.to_dict()))], tried=sets, terms=terms,
    )  # fmt: skip
    return found
