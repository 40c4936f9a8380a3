"""CPCV: combinatorial purged cross-validation, many paths out of sample in place of one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput, UnknownName
from workbench.model import from_ns, iso
from workbench.strategy import Strategy

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Scorer = Callable[[Floats], Floats]
"""A number a set (more is better) from returns (periods, sets); NaN for no answer."""
_FLAT = 1e-15


def sharpe_scores(returns: Floats) -> Floats:
    """The Sharpe ratio of one period of each column; NaN for one that never moved."""
    deviation = returns.std(axis=0, ddof=1)
    moved = deviation > _FLAT
    return np.asarray(np.where(moved, returns.mean(axis=0) / np.where(moved, deviation, 1), np.nan))


def sortino_scores(returns: Floats) -> Floats:
    """The Sortino ratio of one period of each column; NaN for one that never lost."""
    downside = np.sqrt(np.mean(np.minimum(returns, 0) ** 2, axis=0))
    return np.asarray(
        np.where(downside > _FLAT, returns.mean(axis=0) / np.where(downside > _FLAT, downside, 1), np.nan)
    )


def return_scores(returns: Floats) -> Floats:
    """The total return of each column."""
    return np.asarray(np.prod(1 + returns, axis=0) - 1)


SCORERS: dict[str, Scorer] = {
    "sharpe": sharpe_scores, "sortino": sortino_scores, "total_return": return_scores,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What combinatorial purged cross-validation found.

    `chosen` is the place of the set that each split's train chose, `in_sample` and `out_of_sample` its score there and
    on the split's tests, a Sharpe or Sortino ratio annualised. `paths` are returns (periods, paths): each path joins
    every fold once, out of sample, by the set that was chosen without it. Sharpe ratios of paths are annualised.
    """

    name: str
    sets: tuple[Strategy, ...]
    times: NDArray[np.int64]
    periods_per_year: float
    folds: int
    test_folds: int
    purge: int
    embargo: int
    metric: str
    tests: tuple[tuple[int, ...], ...]
    chosen: NDArray[np.int64]
    in_sample: Floats
    out_of_sample: Floats
    paths: Floats
    run_id: str = ""

    @cached_property
    def path_sharpes(self) -> Floats:
        """The annualised Sharpe ratio of each path; NaN for one that never moved."""
        return np.asarray(sharpe_scores(self.paths) * np.sqrt(self.periods_per_year))

    @property
    def path_returns(self) -> Floats:
        """The total return of each path, a fraction."""
        return return_scores(self.paths)

    @property
    def index(self) -> pd.DatetimeIndex:
        """The periods' starts, UTC."""
        import pandas as pd

        return pd.DatetimeIndex(self.times.view("M8[ns]"), tz="UTC", name="time")

    @property
    def equity(self) -> pd.DataFrame:
        """Growth of 1 along each path, a column a path."""
        import pandas as pd

        names = [f"path {i + 1}" for i in range(self.paths.shape[1])]
        return pd.DataFrame(np.cumprod(1 + self.paths, axis=0), self.index, names)

    @property
    def table(self) -> pd.DataFrame:
        """A row a split: which folds were its tests, the parameters chosen, and the score in and out of sample."""
        import pandas as pd

        varied = _varied(self.sets)
        rows = [
            {"tests": ", ".join(str(fold + 1) for fold in tests), **{n: self.sets[c].params[n] for n in varied},
             f"{self.metric} in": inside, f"{self.metric} out": outside}
            for tests, c, inside, outside in zip(
                self.tests, self.chosen.tolist(), self.in_sample, self.out_of_sample, strict=True)
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def figures(self) -> dict[str, Any]:
        """The distribution over the paths, as JSON values; None where no path has an answer."""
        known = self.path_sharpes[~np.isnan(self.path_sharpes)]
        told = {
            f"sharpe_{word}": float(np.quantile(known, q)) if len(known) else None
            for word, q in (("p05", 0.05), ("median", 0.5), ("p95", 0.95))
        }
        fell = self.in_sample - self.out_of_sample
        fell = fell[np.isfinite(fell)]
        return {
            "folds": self.folds, "test_folds": self.test_folds, "purge": self.purge, "embargo": self.embargo,
            "splits": len(self.tests), "paths": self.paths.shape[1], "sets": len(self.sets), **told,
            "sharpe_mean": float(known.mean()) if len(known) else None,
            "loss_probability": float((self.path_returns < 0).mean()),
            "degradation": float(fell.mean()) if len(fell) else None,
        }  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON values: the distribution, each split, and each path."""
        return {
            "run_id": self.run_id or None, "strategy": self.name, "metric": self.metric, **self.figures(),
            "start": iso(from_ns(int(self.times[0]))), "end": iso(from_ns(int(self.times[-1]))),
            "split_list": [
                {"tests": list(tests), "params": dict(self.sets[c].params), "in_sample": _known(inside),
                 "out_of_sample": _known(outside)}
                for tests, c, inside, outside in zip(
                    self.tests, self.chosen.tolist(), self.in_sample, self.out_of_sample, strict=True)
            ],
            "path_list": [
                {"sharpe": _known(sharpe), "total_return": float(total)}
                for sharpe, total in zip(self.path_sharpes, self.path_returns, strict=True)
            ],
        }  # fmt: skip

    def plot(self) -> Any:
        """Growth along the paths, and how their Sharpe ratios are spread, as a bokeh layout."""
        from workbench.research.luck_plots import paths_layout

        return paths_layout(self)

    def __repr__(self) -> str:
        found = self.figures()
        median = "undefined" if found["sharpe_median"] is None else f"{found['sharpe_median']:.2f}"
        return f"<CrossValidation of {self.name}: {found['paths']} paths, median Sharpe {median}>"


def cross_validation(
    name: str,
    sets: Sequence[Strategy],
    returns: Floats,
    times: NDArray[np.int64],
    periods_per_year: float,
    *,
    folds: int = 10,
    test_folds: int = 2,
    purge: int = 0,
    embargo: int = 0,
    metric: str | Scorer = "sharpe",
) -> CrossValidation:
    """Choose on every combination of folds, purged and embargoed, and join what the others show to paths.

    `returns` (periods, sets) are those of each set's own backtest over everything, so that no warm-up and no position
    is broken at a fold's edge; `times` (periods,) their starts. Of C(folds, test_folds) splits each tests `test_folds`
    folds; `purge` periods beside a test are left out of its train, and `embargo` more after it. López de Prado,
    Advances in Financial Machine Learning (2018), chapter 12; the splits are skfolio's. Raises BadInput for fewer than
    two sets, and for folds that leave no train.
    """
    scorer = metric if callable(metric) else SCORERS.get(metric)
    if scorer is None:
        raise UnknownName("metric", str(metric), SCORERS)
    if len(sets) < 2 or returns.shape != (len(times), len(sets)):
        raise BadInput("sets", len(sets), "are too few to choose from", "search at least two")
    for what, value, low in (("folds", folds, 3), ("test_folds", test_folds, 2), ("purge", purge, 0),
                             ("embargo", embargo, 0)):  # fmt: skip
        if value < low:
            raise BadInput(what, value, f"must be {low} or more")
    if test_folds >= folds - 1:
        raise BadInput("test_folds", test_folds, f"must be below {folds - 1}, one less than the folds")
    if folds > 20:
        raise BadInput("folds", folds, "must not be above 20", "10 is usual")
    if len(times) < folds * max(4, purge + embargo + 2):
        problem = f"leave no train beside tests in {len(times)} periods"
        raise BadInput("folds, purge, embargo", (folds, purge, embargo), problem, "lower them, or load more")
    from skfolio.model_selection import CombinatorialPurgedCV

    splitter = CombinatorialPurgedCV(folds, test_folds, purged_size=purge, embargo_size=embargo)
    where = splitter.get_path_ids()  # (splits, test folds): on which path each test lies
    paths = np.full((len(times), int(splitter.n_test_paths)), np.nan)
    tests, chosen, inside, outside = [], [], [], []
    edges = _edges(len(times), folds)
    for split, (train, parts) in enumerate(splitter.split(np.empty((len(times), 1)))):
        scores = scorer(returns[np.sort(train)])
        best = int(np.argmax(np.where(np.isnan(scores), -np.inf, scores)))
        chosen.append(best)
        inside.append(float(scores[best]))
        outside.append(float(scorer(returns[np.sort(np.concatenate(parts))][:, [best]])[0]))
        tests.append(tuple(int(np.searchsorted(edges, part[0], side="right") - 1) for part in parts))
        for part, path in zip(parts, where[split], strict=True):
            paths[part, path] = returns[part, best]
    told = metric if isinstance(metric, str) else getattr(metric, "__name__", "objective")
    a_year = np.sqrt(periods_per_year) if told in ("sharpe", "sortino") else 1.0
    return CrossValidation(
        name, tuple(sets), times, periods_per_year, folds, test_folds, purge, embargo, told, tuple(tests),
        np.array(chosen), np.array(inside) * a_year, np.array(outside) * a_year, paths,
    )  # fmt: skip


def _edges(periods: int, folds: int) -> NDArray[np.int64]:
    """Where each fold begins: equal folds, of which the last takes what is left over."""
    size = periods // folds
    return np.arange(folds) * size


def _varied(sets: Sequence[Strategy]) -> list[str]:
    """The parameters that differ between the sets."""
    first: Mapping[str, Any] = sets[0].params
    return [name for name in first if any(s.params[name] != first[name] for s in sets)]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
