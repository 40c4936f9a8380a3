"""The probability of overfitting: worked out by hand, against a slow twin, and where the answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from workbench.errors import BadInput
from workbench.research import cross_validate, probability_of_backtest_overfitting


def slow(returns: np.ndarray, n_splits: int) -> list[float]:
    """The same as the paper tells it, one halving after the other."""
    length = len(returns) // n_splits
    cut = returns[len(returns) - length * n_splits :]
    blocks = np.split(cut, n_splits)
    found = []
    for inside in combinations(range(n_splits), n_splits // 2):
        chosen = np.concatenate([blocks[i] for i in inside])
        rest = np.concatenate([blocks[i] for i in range(n_splits) if i not in inside])
        scores, realised = (np.array([_sharpe(column) for column in part.T]) for part in (chosen, rest))
        rank = rankdata(realised.round(12))[int(scores.argmax())] / (returns.shape[1] + 1)
        found.append(float(np.log(rank / (1 - rank))))
    return found


def _sharpe(column: np.ndarray) -> float:
    deviation = column.std(ddof=1)
    return 0.0 if deviation < 1e-12 else float(column.mean() / deviation)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([2, 4, 6]), st.integers(2, 7), st.integers(0, 5))
def test_it_is_what_the_paper_tells_step_by_step(seed: int, n_splits: int, sets: int, more: int) -> None:
    returns = np.random.default_rng(seed).normal(0, 0.01, (n_splits * 7 + more % n_splits, sets))
    found = cross_validate(returns, n_splits)
    expected = slow(returns, n_splits)
    assert found.logits == pytest.approx(expected)
    assert found.pbo == pytest.approx(np.mean(np.array(expected) <= 0))


def test_by_hand() -> None:
    """Two blocks, two sets: the one that is best in either half is worst in the other."""
    returns = np.array([[0.02, 0.00], [0.01, 0.01], [0.00, 0.02], [0.01, 0.01]])
    found = cross_validate(returns, 2)
    assert found.pbo == 1
    assert found.logits == pytest.approx([np.log((1 / 3) / (2 / 3))] * 2)


def test_a_set_that_is_better_everywhere_is_no_luck() -> None:
    returns = np.random.default_rng(1).normal(0, 0.01, (800, 20))
    returns[:, 3] += 0.01
    found = cross_validate(returns, 8)
    assert (found.pbo, found.loss) == (0, 0)


def test_among_sets_without_skill_the_choice_is_a_coin() -> None:
    pbo = [
        probability_of_backtest_overfitting(np.random.default_rng(seed).normal(0, 0.01, (400, 30)), 8)
        for seed in range(40)
    ]
    assert np.mean(pbo) == pytest.approx(0.5, abs=0.06)


def test_what_is_good_in_one_half_alone_is_found_out() -> None:
    """Each set earns in a block of its own and loses in all others: what was best goes on to lose."""
    returns = np.full((160, 16), -0.001) + np.random.default_rng(2).normal(0, 1e-5, (160, 16))
    for i in range(16):
        returns[10 * i : 10 * i + 10, i] = 0.02
    found = cross_validate(returns, 16)
    assert found.pbo == 1
    assert found.loss == 1


def test_sets_that_never_traded_and_ties_have_ranks() -> None:
    returns = np.zeros((40, 3))
    found = cross_validate(returns, 4)
    assert found.pbo == 1  # a tie of all stands at the median, and that is not above it
    assert found.slope is None
    assert np.isfinite(found.logits).all()


@pytest.mark.parametrize(
    ("returns", "n_splits", "words"),
    [
        (np.zeros((40, 1)), 4, "at least two sets"),
        (np.zeros(40), 4, "at least two sets"),
        (np.zeros((40, 2)), 3, "must be even"),
        (np.zeros((40, 2)), 22, "from 2 to 20"),
        (np.zeros((7, 2)), 4, "leaves no two of 7 periods"),
        (np.full((40, 2), np.nan), 4, "without gaps"),
    ],
)
def test_what_has_no_answer_says_why(returns: np.ndarray, n_splits: int, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        probability_of_backtest_overfitting(returns, n_splits)
