"""Reality check and SPA: against a slow twin, and where the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.errors import BadInput
from workbench.research import reality_check, superior_predictive_ability


def slow_reality_check(returns: np.ndarray, block: int, samples: int, seed: int) -> float:
    """White (2000) as the paper tells it: the best mean against the best re-centred mean of each resample."""
    draw = np.random.default_rng(seed)
    periods = len(returns)
    best = np.sqrt(periods) * max(returns.mean(axis=0).max(), 0)
    as_good = 0
    for _ in range(samples):
        rows = np.empty(periods, int)
        for t in range(periods):  # the stationary bootstrap of Politis and Romano (1994)
            begins = t == 0 or draw.random() < 1 / block
            rows[t] = draw.integers(periods) if begins else (rows[t - 1] + 1) % periods
        means = returns[rows].mean(axis=0) - returns.mean(axis=0)
        as_good += np.sqrt(periods) * means.max() >= best
    return as_good / samples


@pytest.mark.parametrize("edge", [0.0, 0.12])
def test_the_reality_check_is_what_the_paper_tells(edge: float) -> None:
    returns = np.random.default_rng(4).normal(0, 1, (250, 6))
    returns[:, 2] += edge
    ours = reality_check(returns, block=5, samples=2000)
    assert ours == pytest.approx(slow_reality_check(returns, 5, 400, 9), abs=0.06)


def test_an_edge_is_found_among_many_without_and_noise_is_not() -> None:
    noise = np.random.default_rng(1).normal(0, 0.01, (500, 100))
    found = superior_predictive_ability(noise, samples=500)
    assert min(found.consistent, found.reality_check) > 0.1
    noise[:, 40] += 0.0035
    planted = superior_predictive_ability(noise, samples=500)
    assert max(planted.consistent, planted.reality_check) < 0.02
    assert planted.lower <= planted.consistent <= planted.upper


def test_poor_sets_do_not_hide_a_good_one_from_hansens_test() -> None:
    # the point of the 2005 paper: White's check loses power to sets that are bad and noisy
    draw = np.random.default_rng(3)
    good = draw.normal(0.0016, 0.01, (500, 1))
    bad = draw.normal(-0.02, 0.2, (500, 40))
    found = superior_predictive_ability(np.hstack([good, bad]), samples=500)
    assert found.consistent < 0.1 < found.reality_check


def test_sets_that_never_moved_are_left_out_and_a_benchmark_counts() -> None:
    draw = np.random.default_rng(2)
    market = draw.normal(0.001, 0.01, 300)
    returns = np.column_stack([np.zeros(300), market, market + draw.normal(0.002, 0.005, 300)])
    assert superior_predictive_ability(returns, samples=200).sets == 2
    against = superior_predictive_ability(returns, market, samples=200)
    assert against.sets == 2
    assert against.consistent < 0.05


@pytest.mark.parametrize(
    ("returns", "keywords", "words"),
    [
        (np.zeros((50, 2)), {}, "never moved"),
        (np.ones((5, 2)), {}, "too few"),
        (np.ones(50), {}, "periods, sets"),
        (np.full((50, 2), np.nan), {}, "NaN"),
        (np.eye(50), {"block": 50}, "block"),
        (np.eye(50), {"samples": 10}, "samples"),
        (np.eye(50), {"benchmark": np.zeros(3)}, "benchmark"),
    ],
)
def test_what_cannot_be_tested_is_refused(returns: np.ndarray, keywords: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        superior_predictive_ability(returns, **keywords)  # type: ignore[arg-type]
