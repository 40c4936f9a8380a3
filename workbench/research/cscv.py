"""CSCV: how likely it is that the set chosen by a search is not even average out of sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, islice

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import BadInput

Floats = NDArray[np.float64]
MOST_SPLITS = 20
"""184,756 ways to halve: more would say the same more slowly."""
_AT_ONCE = 256
_FLAT = 1e-15


@dataclass(frozen=True)
class Overfitting:
    """What combinatorially symmetric cross-validation found; an entry for each way to halve the blocks.

    `pbo` is the share of halvings in which the set that was best in sample ranks at or below the median out of sample;
    `logits` are ln(ω ÷ (1 − ω)) of its relative ranks ω. `in_sample` and `out_of_sample` are its Sharpe ratios (of one
    period); `slope` is that of a line of the second on the first, None where all of the first are the same; `loss` is
    the share in which it lost money out of sample.
    """

    pbo: float
    logits: Floats
    in_sample: Floats
    out_of_sample: Floats
    slope: float | None
    loss: float


def probability_of_backtest_overfitting(returns: ArrayLike, n_splits: int = 16) -> float:
    """How likely it is that the set chosen in sample is not above the median out of sample; see `cross_validate`."""
    return cross_validate(returns, n_splits).pbo


def cross_validate(returns: ArrayLike, n_splits: int = 16) -> Overfitting:
    """Halve the past in every way, choose the best set of one half, and see where it ranks in the other.

    `returns` are (periods, sets), one column for each set that was tried; the first periods that do not fill `n_splits`
    blocks of one length are left out. Performance is the Sharpe ratio, 0 where a set never moved; ties share their mean
    rank. Bailey, Borwein, López de Prado and Zhu, The probability of backtest overfitting, Journal of Computational
    Finance 20 (2017), section 3. Raises BadInput for fewer than two sets, for splits that are odd, below 2, above 20 or
    leave a block without two periods, and for gaps.
    """
    x = np.asarray(returns, np.float64)
    if x.ndim != 2 or x.shape[1] < 2:
        raise BadInput("returns", x.shape, "must be (periods, sets) of at least two sets", "there is nothing to choose")
    if not np.isfinite(x).all():
        raise BadInput("returns", x[~np.isfinite(x)][0], "must be numbers, without gaps")
    if n_splits % 2 or not 2 <= n_splits <= MOST_SPLITS:
        raise BadInput("n_splits", n_splits, f"must be even and from 2 to {MOST_SPLITS}", "16 is usual")
    length, sets = len(x) // n_splits, x.shape[1]
    if length < 2:
        raise BadInput("n_splits", n_splits, f"leaves no two of {len(x)} periods a block", "take fewer splits")
    blocks = x[len(x) - length * n_splits :].reshape(n_splits, length, sets)
    sums, squares = blocks.sum(axis=1), (blocks**2).sum(axis=1)
    count = length * n_splits // 2
    ranks, chosen, realised = [], [], []
    for halves in _halvings(n_splits):
        inside = _sharpe(halves @ sums, halves @ squares, count)
        outside = _sharpe((1 - halves) @ sums, (1 - halves) @ squares, count)
        best = inside.argmax(axis=1)
        rows = np.arange(len(best))
        mine = outside[rows, best][:, None]
        ranks.append((outside < mine).sum(axis=1) + ((outside == mine).sum(axis=1) + 1) / 2)
        chosen.append(inside[rows, best])
        realised.append(mine[:, 0])
    relative = np.concatenate(ranks) / (sets + 1)
    logits = np.log(relative / (1 - relative))
    in_sample, out_of_sample = np.concatenate(chosen), np.concatenate(realised)
    spread = in_sample - in_sample.mean()
    slope = float(spread @ out_of_sample / (spread @ spread)) if spread @ spread > _FLAT else None
    return Overfitting(
        float((logits <= 0).mean()), logits, in_sample, out_of_sample, slope, float((out_of_sample < 0).mean())
    )


def _halvings(n_splits: int) -> Iterator[Floats]:
    """Every way to take half of the blocks, as rows of ones and zeros, some at a time."""
    ways = combinations(range(n_splits), n_splits // 2)
    for _ in range(math.ceil(math.comb(n_splits, n_splits // 2) / _AT_ONCE)):
        some = list(islice(ways, _AT_ONCE))
        halves = np.zeros((len(some), n_splits))
        halves[np.arange(len(some))[:, None], some] = 1
        yield halves


def _sharpe(sums: Floats, squares: Floats, count: int) -> Floats:
    """Sharpe ratios (ddof 1) from sums and sums of squares."""
    mean = sums / count
    variance = np.maximum(squares / count - mean**2, 0) * count / (count - 1)
    moved = variance > _FLAT * np.maximum(squares / count, _FLAT)
    return np.where(moved, mean / np.sqrt(np.where(moved, variance, 1)), 0.0)
