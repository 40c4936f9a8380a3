"""Plateau: how good the neighbours of a parameter set are, so that a lone peak is seen for what it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_CELLS = 5_000_000
"""Combinations that are laid out as a table; beyond, sets are compared one by one."""
MOST_SETS = 10_000
"""Sets that are compared one by one."""
Floats = NDArray[np.float64]


def plateau_of(
    axes: Mapping[str, Sequence[Any]], sets: Sequence[Mapping[str, Any]], values: Floats, *, reach: float = 0.0
) -> Floats:
    """The mean figure of each set's neighbours, itself left out; NaN for one without any neighbour that has a figure.

    Neighbours are the sets that lie on every axis at most one value away, or `reach` × the axis's length where that is
    more (for sets that were drawn, which seldom touch). `values` has a figure a set, NaN for none.
    """
    found = np.full(len(sets), np.nan)
    if not len(sets) or not axes:
        return found
    places = []
    for name, axis in axes.items():
        known = {value: i for i, value in reversed(list(enumerate(axis)))}
        places.append(np.array([known[s[name]] for s in sets]))
    if math.prod(len(axis) for axis in axes.values()) > MOST_CELLS:
        return _sparse(np.column_stack(places), [max(1, round(reach * len(axis))) for axis in axes.values()], values)
    where = tuple(places)
    shape = tuple(len(axis) for axis in axes.values())
    known_here = ~np.isnan(values)
    total, count = np.zeros(shape), np.zeros(shape)
    np.add.at(total, where, np.where(known_here, values, 0.0))
    np.add.at(count, where, known_here)
    for dimension, length in enumerate(shape):
        away = max(1, round(reach * length))
        total, count = (_windowed(cells, dimension, away) for cells in (total, count))
    others = count[where] - known_here
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (total[where] - np.where(known_here, values, 0.0)) / others
    return np.where(others > 0, mean, np.nan)


def _sparse(places: NDArray[np.int64], away: Sequence[int], values: Floats) -> Floats:
    """The same set by set, for spaces far larger than what was drawn from them; no answer for very many sets."""
    found, known = np.full(len(places), np.nan), ~np.isnan(values)
    if len(places) > MOST_SETS:
        return found
    for i, place in enumerate(places):
        near = known & (np.abs(places - place) <= away).all(axis=1)
        near[i] = False
        if near.any():
            found[i] = values[near].mean()
    return found


def _windowed(cells: Floats, dimension: int, away: int) -> Floats:
    """Sums over so many cells to both sides along one dimension."""
    length = cells.shape[dimension]
    sums = np.concatenate([np.zeros_like(np.take(cells, [0], dimension)), np.cumsum(cells, dimension)], dimension)
    upper = np.minimum(np.arange(length) + away + 1, length)
    lower = np.maximum(np.arange(length) - away, 0)
    return np.asarray(np.take(sums, upper, dimension) - np.take(sums, lower, dimension))
