"""Data snooping: whether the best of many sets beats doing nothing by more than the search alone explains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import BadInput

Floats = NDArray[np.float64]
_FLAT = 1e-15


@dataclass(frozen=True, slots=True)
class Snooping:
    """p-values of the hypothesis that no set beats the benchmark; small ones speak against luck.

    `reality_check` is White's; `lower`, `consistent` and `upper` are Hansen's bounds and his own answer, `consistent`.
    `sets` counts those that ever moved against the benchmark: the others cannot be tested.
    """

    reality_check: float
    lower: float
    consistent: float
    upper: float
    sets: int
    block: float


def superior_predictive_ability(
    returns: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    block: int | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> Snooping:
    """Hansen's test of superior predictive ability and White's reality check, by the stationary bootstrap.

    `returns` are (periods, sets), `benchmark` (periods,), None for cash, which returns 0. `block` is the mean length of
    a bootstrap block in periods, None for √periods. Hansen, A test for superior predictive ability, Journal of Business
    & Economic Statistics 23 (2005), studentised; White, A reality check for data snooping, Econometrica 68 (2000), not
    studentised; both as in the package arch. Raises BadInput for gaps, fewer than ten periods, a block that is not
    below the periods, and where no set ever moved against the benchmark.
    """
    x = np.asarray(returns, np.float64)
    if x.ndim != 2 or not x.shape[1]:
        raise BadInput("returns", x.shape, "must be (periods, sets)")
    periods = len(x)
    if periods < 10:
        raise BadInput("returns", f"{periods} periods", "are too few to resample", "give at least 10")
    held = np.zeros(periods) if benchmark is None else np.asarray(benchmark, np.float64)
    if held.shape != (periods,):
        raise BadInput("benchmark", held.shape, f"must be one column of {periods}")
    if not (np.isfinite(x).all() and np.isfinite(held).all()):
        raise BadInput("returns", "NaN or infinite", "must be numbers, without gaps")
    if not 100 <= samples <= 100_000:
        raise BadInput("samples", samples, "must be from 100 to 100000", "1000 is usual")
    if block is not None and not 1 <= block < periods:
        raise BadInput("block", block, f"must be from 1 to {periods - 1}, as there are {periods} periods")
    moved = x[:, (x - held[:, None]).std(axis=0) > _FLAT]
    if not moved.shape[1]:
        raise BadInput("returns", f"{x.shape[1]} sets", "never moved against the benchmark", "nothing can be tested")
    from arch.bootstrap.multiple_comparison import SPA

    used = block or max(1, int(np.sqrt(periods)))
    better = moved - held[:, None]
    # The package takes its argument `studentize` and does not use it: Hansen's differences are divided by their own
    # deviation here, which comes to the same, as he takes it as known in the resamples too.
    # The test is about losses: a set is better where its loss, the negative of its return, is smaller.
    nothing = np.zeros(periods)
    hansen, white = (
        SPA(nothing, -given, block_size=used, reps=samples, bootstrap="stationary", seed=seed)
        for given in (better / np.sqrt(_long_run_variance(better, used)), better)
    )
    hansen.compute()
    white.compute()
    found = hansen.pvalues
    return Snooping(
        float(white.pvalues["upper"]), float(found["lower"]), float(found["consistent"]), float(found["upper"]),
        moved.shape[1], used,
    )  # fmt: skip


def _long_run_variance(x: Floats, block: int) -> Floats:
    """Variance of √n × the mean of each column, as the stationary bootstrap has it (Politis and Romano 1994)."""
    periods, p = len(x), 1 / block
    centred = x - x.mean(axis=0)
    found = np.asarray((centred**2).sum(axis=0) / periods)
    own = found.copy()
    for lag in range(1, min(periods, 12 * block)):  # beyond, (1 − p)^lag is below 1e-5
        weight = (1 - lag / periods) * (1 - p) ** lag + lag / periods * (1 - p) ** (periods - lag)
        found += 2 * weight * (centred[:-lag] * centred[lag:]).sum(axis=0) / periods
    return np.asarray(np.maximum(found, own * 1e-6))


def reality_check(
    returns: ArrayLike,
    benchmark: ArrayLike | None = None,
    *,
    block: int | None = None,
    samples: int = 1000,
    seed: int = 0,
) -> float:
    """White's p-value that no set beats the benchmark; see `superior_predictive_ability`."""
    return superior_predictive_ability(returns, benchmark, block=block, samples=samples, seed=seed).reality_check
