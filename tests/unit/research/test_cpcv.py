"""Combinatorial purged cross-validation: splits, purging and paths, by hand and where the answer is known."""

from __future__ import annotations

from math import comb
from typing import Any

import numpy as np
import pytest
from workbench_strategies.crosses import SmaCross

from workbench.errors import BadInput
from workbench.research import CrossValidation, cross_validation, grid_sets

SETS = grid_sets(SmaCross, {}, {"fast": [2, 3, 4, 5], "slow": [10]})[0]
TIMES = np.arange(120, dtype=np.int64) * 86_400 * 10**9


def returns_of(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.01, (120, 4))


def validated(returns: np.ndarray, **keywords: Any) -> CrossValidation:
    given: dict[str, Any] = {"folds": 6, "test_folds": 2} | keywords
    return cross_validation("x", SETS, returns, TIMES, 252.0, **given)


def test_every_fold_is_tested_once_on_every_path_by_a_set_chosen_without_it() -> None:
    returns = returns_of()
    found = validated(returns, purge=3, embargo=2)
    assert len(found.tests) == comb(6, 2)
    assert found.paths.shape == (120, comb(6, 2) * 2 // 6)
    assert not np.isnan(found.paths).any()
    fold = np.arange(120) // 20
    for tests, chosen in zip(found.tests, found.chosen, strict=True):
        train = ~np.isin(fold, tests)
        for test in tests:  # purged on both sides of a test, embargoed after it
            train[max(test * 20 - 3, 0) : test * 20] = False
            train[(test + 1) * 20 : (test + 1) * 20 + 5] = False
        scores = returns[train].mean(axis=0) / returns[train].std(axis=0, ddof=1)
        assert chosen == scores.argmax(), tests
    for test in range(6):
        mine = [c for tests, c in zip(found.tests, found.chosen, strict=True) if test in tests]
        rows = fold == test
        on_paths = sorted(found.paths[rows][0])
        assert on_paths == sorted(returns[rows][0, mine])


def test_a_set_with_an_edge_is_chosen_everywhere_and_noise_promises_nothing() -> None:
    good = returns_of(1)
    good[:, 2] += 0.01
    found = validated(good)
    assert set(found.chosen) == {2}
    assert np.allclose(found.paths, good[:, [2]])
    assert found.figures()["loss_probability"] == 0
    falls = [validated(returns_of(seed)).figures()["degradation"] for seed in range(20)]
    assert np.mean(falls) > 0.05, "what is chosen among noise falls back out of sample"


def test_an_objective_of_ones_own_chooses() -> None:
    found = validated(returns_of(), metric=lambda returns: np.arange(returns.shape[1], dtype=float))
    assert set(found.chosen) == {3}
    assert validated(returns_of(), metric="total_return").metric == "total_return"


def test_sets_that_never_moved_have_no_answer_and_no_nan_is_told() -> None:
    found = validated(np.zeros((120, 4))).to_dict()
    assert found["sharpe_median"] is None
    assert found["path_list"][0] == {"sharpe": None, "total_return": 0.0}


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"folds": 2}, "folds"),
        ({"test_folds": 5}, "below 5"),
        ({"test_folds": 1}, "test_folds"),
        ({"purge": -1}, "purge"),
        ({"embargo": 30}, "leave no train"),
        ({"folds": 40}, "20"),
        ({"metric": "luck"}, "luck"),
    ],
)
def test_what_cannot_be_split_is_refused(keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        validated(returns_of(), **keywords)


def test_one_set_is_nothing_to_choose_from() -> None:
    with pytest.raises(BadInput, match="too few to choose"):
        cross_validation("x", SETS[:1], np.zeros((120, 1)), TIMES, 252.0)
