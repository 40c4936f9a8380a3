"""Crosses and averages found by compiled code are those found without; what is remembered cannot go stale."""

from __future__ import annotations

import numpy as np
import pytest

from workbench.strategy import compile_columns, cross_above, cross_below, indicators


def plain(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found = np.zeros(len(a), bool)
    for i in range(1, len(a)):
        found[i] = a[i] > b[i] and a[i - 1] <= b[i - 1]
    return found


@pytest.mark.parametrize("seed", range(30))
def test_both_directions_are_right_with_gaps_and_ties(seed: int) -> None:
    compile_columns()
    draw = np.random.default_rng(seed)
    a, b = (draw.integers(0, 4, 50).astype(float) for _ in range(2))
    a[draw.random(50) < 0.1] = np.nan
    for column in (a, b):
        column.flags.writeable = bool(seed % 2)
    asked = [(cross_above, a, b), (cross_below, a, b), (cross_below, b, a), (cross_above, b, a), (cross_above, a, b)]
    draw.shuffle(asked)  # type: ignore[arg-type]
    for ask, left, right in asked:
        wanted = plain(left, right) if ask is cross_above else plain(right, left)
        assert np.array_equal(ask(left, right), wanted)


def test_a_column_that_is_written_to_is_not_remembered() -> None:
    compile_columns()
    a, b = np.array([1.0, 3.0, 1.0]), np.array([2.0, 2.0, 2.0])
    assert cross_above(a, b).tolist() == [False, True, False]
    a[:] = [3.0, 1.0, 3.0]
    assert cross_below(a, b).tolist() == [False, True, False]


def test_a_strategy_may_write_into_what_it_was_given() -> None:
    compile_columns()
    a, b = np.array([1.0, 3.0, 1.0]), np.array([2.0, 2.0, 2.0])
    for column in (a, b):
        column.flags.writeable = False
    up = cross_above(a, b)
    up[:] = True
    assert cross_below(a, b).tolist() == [False, False, True]
    assert cross_above(a, b).tolist() == [False, True, False]


def test_numbers_and_other_columns_go_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    compile_columns()
    assert cross_above(np.array([1, 3]), 2).tolist() == [False, True]
    assert cross_above([1.0, 3.0], [2.0, 2.0]).tolist() == [False, True]
    monkeypatch.setattr(indicators, "_compiled", None)
    assert cross_above(np.array([1.0, 3.0]), np.array([2.0, 2.0])).tolist() == [False, True]


@pytest.mark.parametrize("seed", range(40))
def test_averages_are_bit_for_bit_those_of_the_usual_way(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prices with ticks, with none, so large that a sum is not exact, with gaps and infinities, mixed."""
    draw = np.random.default_rng(seed)
    x = draw.integers(1, 10 ** draw.integers(1, 9), 300) / 10 ** draw.integers(0, 9)
    for odd in (np.nan, np.inf, -np.inf, 1 / 3, 1e11 + 1e-5, 9e15, 0.0, -2.5):
        if draw.random() < 0.4:
            x[draw.random(300) < draw.choice([0.01, 0.2])] = odd
    compile_columns()
    with np.errstate(invalid="ignore"):
        found = [indicators.sma(x, n) for n in (1, 2, 7, 100, 299, 300, 301)]
        monkeypatch.setattr(indicators, "_compiled", None)
        for ours, n in zip(found, (1, 2, 7, 100, 299, 300, 301), strict=True):
            assert ours.tobytes() == indicators.sma(x, n).tobytes(), n
