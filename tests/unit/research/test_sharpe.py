"""What a Sharpe ratio says: against the examples of the papers the formulas come from, and what must always hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from workbench.errors import BadInput
from workbench.research import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    min_backtest_length,
    min_track_record_length,
    probabilistic_sharpe_ratio,
    shape_of,
    sharpe_confidence_interval,
)

DAY, WEEK, MONTH = 250, 52, 12


# ---- published numbers -----------------------------------------------------------------------------------------------


def test_a_track_record_of_two_years_of_a_hedge_fund_says_less_than_it_seems() -> None:
    """Bailey and López de Prado (2012), section 5: a monthly Sharpe ratio of 0.458 over 24 months."""
    assert probabilistic_sharpe_ratio(0.458, 24) == pytest.approx(0.982, abs=0.0005)
    assert probabilistic_sharpe_ratio(0.458, 24, -2.448, 10.164) == pytest.approx(0.913, abs=0.0005)


@pytest.mark.parametrize(
    ("periods", "skew", "kurtosis", "years"),
    [(DAY, 0, 3, 2.73), (WEEK, 0, 3, 2.83), (MONTH, 0, 3, 3.24), (MONTH, -0.72, 5.78, 4.99)],
)  # fmt: skip
def test_how_long_a_sharpe_of_two_has_to_last_to_be_above_one(
    periods: int, skew: float, kurtosis: float, years: float
) -> None:
    """Bailey and López de Prado (2012), section 6."""
    root = math.sqrt(periods)
    found = min_track_record_length(2 / root, skew, kurtosis, 1 / root, 0.95)
    assert found / periods == pytest.approx(years, abs=0.005)


@pytest.mark.parametrize(("trials", "deflated"), [(100, 0.9004), (46, 0.9505)])
def test_a_sharpe_of_two_and_a_half_after_so_many_trials(trials: int, deflated: float) -> None:
    """Bailey and López de Prado (2014): five years of days, skewness -3, kurtosis 10, trials of variance 1/2 a year."""
    spread = math.sqrt(0.5 / DAY)
    assert deflated_sharpe_ratio(2.5 / math.sqrt(DAY), 1250, -3, 10, spread, trials) == pytest.approx(
        deflated, abs=5e-5
    )
    assert expected_maximum_sharpe(spread, 100) == pytest.approx(0.1132, abs=5e-5)


def test_five_years_allow_no_more_than_45_trials() -> None:
    """Bailey, Borwein, López de Prado and Zhu (2014), example below theorem 1."""
    assert min_backtest_length(45) == pytest.approx(5, abs=0.005)
    assert min_backtest_length(45, 2) == pytest.approx(5 / 4, abs=0.002)


@pytest.mark.parametrize(
    ("sharpe", "months", "error"),
    [(0.5, 12, 0.306), (0.5, 60, 0.137), (1.0, 36, 0.204), (1.5, 125, 0.130), (3.0, 250, 0.148)],
)
def test_the_standard_error_of_independent_normal_returns(sharpe: float, months: int, error: float) -> None:
    """Lo (2002), table 1: √((1 + SR² ÷ 2) ÷ T)."""
    normal = np.random.default_rng(3).standard_normal(400_000)
    normal = (normal - normal.mean()) / normal.std(ddof=1) + sharpe
    low, high = sharpe_confidence_interval(normal, lags=0)
    found = (high - low) / 2 / 1.959964 * math.sqrt(len(normal) / months)
    assert found == pytest.approx(error, rel=0.01)


# ---- what must always hold -------------------------------------------------------------------------------------------

sharpes = st.floats(-2, 2)
skews = st.floats(-3, 3)


@given(sharpes, st.integers(2, 5_000), skews, st.floats(0, 30), st.floats(-1, 1))
def test_the_track_record_that_is_needed_gives_just_the_confidence(
    sharpe: float, n: int, skew: float, more: float, benchmark: float
) -> None:
    kurtosis = 1 + skew**2 + more
    found = probabilistic_sharpe_ratio(sharpe, n, skew, kurtosis, benchmark)
    assert 0 <= found <= 1
    assume(sharpe > benchmark + 1e-3 and more > 0.1)
    length = min_track_record_length(sharpe, skew, kurtosis, benchmark, 0.9)
    spread = math.sqrt(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2)
    assert (sharpe - benchmark) * math.sqrt(length - 1) / spread == pytest.approx(1.2815515655446004, rel=1e-9)


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_more_trials_never_make_a_find_more_likely(spread: float, trials: int) -> None:
    assert expected_maximum_sharpe(spread, trials + 1) >= expected_maximum_sharpe(spread, trials) - 1e-12
    one, more = (deflated_sharpe_ratio(0.1, 500, 0, 3, spread, n) for n in (trials, trials + 1))
    assert more <= one + 1e-12


def test_one_trial_is_no_choice() -> None:
    assert expected_maximum_sharpe(0.3, 1) == 0
    assert min_backtest_length(1) == 0
    assert deflated_sharpe_ratio(0.1, 500, 0, 3, 0.3, 1) == probabilistic_sharpe_ratio(0.1, 500)


def test_what_is_not_above_the_benchmark_never_shows_that_it_is() -> None:
    assert min_track_record_length(0.1, benchmark=0.1) == math.inf
    assert min_track_record_length(-0.1) == math.inf


def test_autocorrelated_returns_say_less() -> None:
    draw = np.random.default_rng(5)
    noise = draw.standard_normal(20_000) * 0.01
    trending = np.empty_like(noise)
    trending[0] = noise[0]
    for i in range(1, len(noise)):
        trending[i] = 0.5 * trending[i - 1] + noise[i]
    trending += 0.001
    plain, counted = sharpe_confidence_interval(trending, lags=0), sharpe_confidence_interval(trending, lags=40)
    width = (counted[1] - counted[0]) / (plain[1] - plain[0])
    assert width == pytest.approx(math.sqrt(3), rel=0.06)  # √((1 + ρ) ÷ (1 − ρ)) of the mean, at ρ = 0.5


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    draw = np.random.default_rng(7)
    inside = 0
    for _ in range(600):
        low, high = sharpe_confidence_interval(draw.normal(0.1, 1, 300), 0.9, lags=0)
        inside += low <= 0.1 <= high
    assert inside / 600 == pytest.approx(0.9, abs=0.035)


def test_the_shape_of_returns() -> None:
    shape = shape_of([0.01, -0.01, 0.03, 0.02])
    assert shape.n_obs == 4
    assert shape.sharpe == pytest.approx(0.0125 / np.std([0.01, -0.01, 0.03, 0.02], ddof=1))
    assert shape.skew == pytest.approx(-0.4346507595746657)
    assert shape.kurtosis == pytest.approx(1.8457142857142854, rel=1e-6)


# ---- what cannot be answered -----------------------------------------------------------------------------------------


def test_what_has_no_answer_says_why() -> None:
    with pytest.raises(BadInput, match="never moved"):
        shape_of([0.0] * 10)
    with pytest.raises(BadInput, match="at least three"):
        shape_of([0.1, 0.2])
    with pytest.raises(BadInput, match="without gaps"):
        shape_of([0.1, math.nan, 0.2])
    with pytest.raises(BadInput, match="no returns have that"):
        probabilistic_sharpe_ratio(0.1, 100, 2, 3)
    with pytest.raises(BadInput, match="too few"):
        probabilistic_sharpe_ratio(0.1, 1)
    with pytest.raises(BadInput, match="must be numbers"):
        probabilistic_sharpe_ratio(math.nan, 100)
    with pytest.raises(BadInput, match="no number of trials"):
        expected_maximum_sharpe(0.1, 0)
    with pytest.raises(BadInput, match="0 or more"):
        expected_maximum_sharpe(math.nan, 5)
    with pytest.raises(BadInput, match="confidence"):
        min_track_record_length(0.1, confidence=0.4)
    with pytest.raises(BadInput, match="above 0"):
        min_backtest_length(5, 0)
    with pytest.raises(BadInput, match="lags"):
        sharpe_confidence_interval([0.1, 0.2, 0.1, 0.3], lags=4)
