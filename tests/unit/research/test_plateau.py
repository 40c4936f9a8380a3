"""Plateaus: the mean of a set's neighbours, worked by hand and against a slow twin."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from workbench.research import plateau_of


def slow(axes: dict[str, list[int]], sets: list[dict[str, int]], values: np.ndarray, reach: float) -> np.ndarray:
    found = []
    for i, one in enumerate(sets):
        near = [
            values[j]
            for j, other in enumerate(sets)
            if j != i
            and not np.isnan(values[j])
            and all(
                abs(axis.index(one[n]) - axis.index(other[n])) <= max(1, round(reach * len(axis)))
                for n, axis in axes.items()
            )
        ]
        found.append(np.mean(near) if near else np.nan)
    return np.array(found)


def test_a_lone_peak_has_poor_neighbours() -> None:
    axes = {"a": [1, 2, 3]}
    found = plateau_of(axes, [{"a": 1}, {"a": 2}, {"a": 3}], np.array([1.0, 9.0, 2.0]))
    assert found.tolist() == [9.0, 1.5, 9.0]


@pytest.mark.parametrize("seed", range(12))
def test_neighbours_are_those_one_value_away_on_every_axis(seed: int) -> None:
    draw = np.random.default_rng(seed)
    axes = {"a": [1, 2, 4, 8, 16], "b": [10, 20, 30], "c": [0, 1]}
    everything = [dict(zip(axes, row, strict=True)) for row in itertools.product(*axes.values())]
    sets = [s for s in everything if draw.random() < 0.6]
    values = np.where(draw.random(len(sets)) < 0.2, np.nan, draw.normal(size=len(sets)))
    reach = float(draw.choice([0.0, 0.4]))
    assert np.allclose(
        plateau_of(axes, sets, values, reach=reach), slow(axes, sets, values, reach), equal_nan=True
    )  # fmt: skip


def test_without_neighbours_or_axes_there_is_no_answer() -> None:
    assert np.isnan(plateau_of({"a": [1, 2, 3]}, [{"a": 1}, {"a": 3}], np.array([1.0, 2.0]))).all()
    assert np.isnan(plateau_of({}, [{}], np.array([1.0]))).all()
