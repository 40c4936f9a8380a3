"""Bayes: a search whose next sets follow from what the sets before them did."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.data import PriceHistory
from workbench.errors import BadInput
from workbench.fills import Terms
from workbench.ports import ProgressCallback, SearchLog, no_progress
from workbench.research.axes import MOST, Constraint
from workbench.research.executors import working
from workbench.research.grid import made_set
from workbench.research.ground import Ground
from workbench.research.measured import FIGURES
from workbench.research.sweep import Sweep, made_and_evaluated
from workbench.research.tape import Tape
from workbench.strategy import Strategy

_ASKED = 20
"""Sets asked for, for each trial, at most: constraints may refuse most of a space."""


def bayes(
    name: str,
    kind: type[Strategy],
    params: Mapping[str, Any],
    histories: Sequence[PriceHistory],
    terms: Terms,
    *,
    axes: Mapping[str, Sequence[Any]],
    trials: int,
    log: SearchLog,
    study: str,
    constraints: Sequence[Constraint] = (),
    seed: int = 0,
    metric: str = "sharpe",
    executor: Executor | None = None,
    workers: int = 1,
    progress: ProgressCallback = no_progress,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sweep:
    """Search by a tree-structured Parzen estimator, up to so many sets; what `log` has of the study counts.

    A study that was broken off goes on where it was: the sets on file are not evaluated again. As many sets are asked
    for at once as there are workers. Sets that the cross-check or a constraint refuses are told to the sampler as such.
    Bergstra, Bardenet, Bengio and Kégl, Algorithms for hyper-parameter optimization (2011); the sampler is optuna's.
    Raises BadInput as `sweep`, for trials that are not from 1 to 100,000, and where no set is allowed.
    """
    if metric not in FIGURES:
        raise BadInput("metric", metric, "is not measured", f"one of {', '.join(FIGURES)}")
    if not 1 <= trials <= MOST:
        raise BadInput("trials", trials, f"must be from 1 to {MOST}")
    if not axes:
        raise BadInput("grid", "no axis", "is given to search", "write name=low:high:step")
    search = _Study(log, study, seed, axes)
    found = dict(search.on_file())
    tape = Tape(histories)
    ground = Ground(tape, terms)
    began = time.perf_counter()
    left_out, failed = 0, dict[tuple[Any, ...], str]()
    asked, broken_off, refused = 0, False, ""
    possible = int(np.prod([len(set(values)) for values in axes.values()], dtype=float).clip(max=2**40))
    seen = set(found)
    try:
        with working(executor, made_and_evaluated, (ground, kind)) as run:
            while len(found) + len(failed) < trials and asked < _ASKED * trials and len(seen) < possible:
                if cancelled():
                    broken_off = True
                    break
                batch: dict[int, tuple[Any, ...]] = {}
                while len(batch) < min(max(workers, 1), trials - len(found) - len(failed)) and asked < _ASKED * trials:
                    if cancelled():
                        break
                    asked += 1
                    number, values = search.ask()
                    if values in found:
                        search.tell(number, found[values], metric)
                        continue
                    if values in seen:
                        search.fail(number)
                        continue
                    seen.add(values)
                    try:
                        made = made_set(kind, params, list(axes), values, constraints)
                        terms.check_for(made)
                    except BadInput as error:
                        left_out, refused = left_out + 1, str(error)
                        search.fail(number)
                        continue
                    batch[number] = values
                tasks = [(i, [{**params, **dict(zip(axes, values, strict=True))}]) for i, values in batch.items()]
                for _, (number, rows, wrong) in run(tasks, ahead=2 * workers):
                    if wrong:
                        failed[batch[number]] = next(iter(wrong.values()))
                        search.fail(number)
                    else:
                        found[batch[number]] = rows[0]
                        search.tell(number, rows[0], metric)
                    progress("search", len(found) + len(failed), trials)
    except (KeyboardInterrupt, BrokenExecutor):
        broken_off = True
    if not found and not failed:
        if broken_off:
            raise BadInput("search", f"{asked} sets", "were asked for when it was broken off, and none was done")
        raise BadInput("grid", f"{asked} sets", f"none is allowed ({refused})", "change the ranges")
    sets = tuple(made_set(kind, params, list(axes), values, ()) for values in found)
    table = np.array(list(found.values())).reshape(len(sets), len(FIGURES))
    return Sweep(
        name, terms, tape, axes, sets, table, left_out,
        tuple(({**params, **dict(zip(axes, values, strict=True))}, words) for values, words in failed.items()),
        time.perf_counter() - began, metric, broken_off, reach=0.1,
    )  # fmt: skip


class _Study:
    """One study of the sampler, kept in our own log."""

    def __init__(self, log: SearchLog, study: str, seed: int, axes: Mapping[str, Sequence[Any]]) -> None:
        import optuna
        from optuna.storages.journal import BaseJournalBackend, JournalStorage

        class Backend(BaseJournalBackend):
            def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
                return log.read(study, log_number_from)

            def append_logs(self, logs: list[dict[str, Any]]) -> None:
                log.append(study, logs)

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._optuna, self._axes = optuna, {name: list(values) for name, values in axes.items()}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
            self._study = optuna.create_study(
                storage=JournalStorage(Backend()), sampler=sampler, study_name=study, direction="maximize",
                load_if_exists=True,
            )  # fmt: skip
        self._trials: dict[int, Any] = {}

    def on_file(self) -> Iterable[tuple[tuple[Any, ...], NDArray[np.float64]]]:
        """The sets of earlier sessions with their figures."""
        for trial in self._study.get_trials(deepcopy=False):
            figures = trial.user_attrs.get("figures")
            if figures is not None:
                values = tuple(self._axes[name][trial.params[name]] for name in self._axes)
                yield values, np.array([np.nan if f is None else float(f) for f in figures])

    def ask(self) -> tuple[int, tuple[Any, ...]]:
        """The number of a trial, and its set: a value of each axis."""
        trial = self._study.ask()
        self._trials[trial.number] = trial
        values = []
        for name, axis in self._axes.items():
            ordered = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in axis)
            if ordered:
                place = trial.suggest_int(name, 0, len(axis) - 1)
            else:
                place = trial.suggest_categorical(name, list(range(len(axis))))
            values.append(axis[place])
        return trial.number, tuple(values)

    def tell(self, number: int, figures: NDArray[np.float64], metric: str) -> None:
        """Tell what a set did; one whose metric has no answer has failed for the sampler."""
        trial = self._trials.pop(number)
        trial.set_user_attr("figures", [None if np.isnan(f) else float(f) for f in figures])
        value = float(figures[FIGURES.index(metric)])
        if np.isfinite(value):
            self._study.tell(trial, value)
        else:
            self._study.tell(trial, state=self._optuna.trial.TrialState.FAIL)

    def fail(self, number: int) -> None:
        """Tell that a set cannot be had."""
        self._study.tell(self._trials.pop(number), state=self._optuna.trial.TrialState.FAIL)
