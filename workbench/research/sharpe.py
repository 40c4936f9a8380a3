"""How much a Sharpe ratio says: given its length, its shape, and how many were tried before it was found.

Every Sharpe ratio here is of one period (not annualised), every kurtosis the plain one (3 for a normal distribution).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from workbench.errors import BadInput

EULER_GAMMA = 0.5772156649015329
_NORMAL = NormalDist()
_FLAT = 1e-15
"""Returns that deviate by less never moved."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the formulas need of some returns: Sharpe ratio (ddof 1), how many, skewness and kurtosis (ddof 0)."""

    sharpe: float
    n_obs: int
    skew: float
    kurtosis: float


def shape_of(returns: ArrayLike) -> Shape:
    """The shape of returns, one a period. Raises BadInput for fewer than three, gaps, and returns that never moved."""
    x = _returns(returns)
    deviation = float(x.std(ddof=1))
    if deviation <= _FLAT:
        raise BadInput("returns", f"{x[0]:g} at each of {len(x)} periods", "never moved, so they have no Sharpe ratio")
    centred = x - x.mean()
    variance = float(np.mean(centred**2))
    return Shape(
        float(x.mean()) / deviation,
        len(x),
        float(np.mean(centred**3)) / variance**1.5,
        float(np.mean(centred**4)) / variance**2,
    )


def probabilistic_sharpe_ratio(
    sharpe: float, n_obs: int, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0
) -> float:
    """The probability that the true Sharpe ratio is above a benchmark.

    Φ((SR − SR*) √(n − 1) ÷ √(1 − γ₃ SR + (γ₄ − 1) ÷ 4 · SR²)): Bailey and López de Prado, The Sharpe ratio efficient
    frontier, Journal of Risk 15 (2012), equation 11. Raises BadInput for fewer than two observations and for a skewness
    and kurtosis that no returns have.
    """
    spread = _spread(sharpe, skew, kurtosis)
    if n_obs < 2:
        raise BadInput("n_obs", n_obs, "is too few", "give at least two returns")
    away = (sharpe - benchmark) * math.sqrt(n_obs - 1)
    if spread < _FLAT:  # two-valued returns whose estimate cannot be off
        return 0.5 if away == 0 else float(away > 0)
    return _NORMAL.cdf(away / spread)


def expected_maximum_sharpe(sharpe_std: float, n_trials: int) -> float:
    """The Sharpe ratio that the best of so many trials without any skill is expected to show.

    σ ((1 − γ) Φ⁻¹(1 − 1 ÷ N) + γ Φ⁻¹(1 − 1 ÷ (N e))), with the standard deviation σ of the trials' Sharpe ratios and
    Euler's γ: Bailey and López de Prado, The deflated Sharpe ratio, Journal of Portfolio Management 40 (2014). 0 for
    one trial: nothing was chosen. Raises BadInput for none, and for a deviation below 0.
    """
    if n_trials < 1:
        raise BadInput("n_trials", n_trials, "is no number of trials", "count every set that was tried, at least 1")
    if not sharpe_std >= 0 or math.isinf(sharpe_std):
        raise BadInput("sharpe_std", sharpe_std, "must be a number of 0 or more")
    return sharpe_std * _expected_maximum(n_trials)


def deflated_sharpe_ratio(
    sharpe: float, n_obs: int, skew: float, kurtosis: float, sharpe_std: float, n_trials: int
) -> float:
    """The probability that the true Sharpe ratio is above what the best of so many trials shows without any skill.

    The probabilistic Sharpe ratio with `expected_maximum_sharpe` as benchmark: Bailey and López de Prado (2014).
    `sharpe_std` is the standard deviation of the trials' Sharpe ratios, of one period. Raises as those two.
    """
    benchmark = expected_maximum_sharpe(sharpe_std, n_trials)
    return probabilistic_sharpe_ratio(sharpe, n_obs, skew, kurtosis, benchmark)


def min_track_record_length(
    sharpe: float, skew: float = 0.0, kurtosis: float = 3.0, benchmark: float = 0.0, confidence: float = 0.95
) -> float:
    """How many periods a track record needs, so that its Sharpe ratio is above the benchmark with this confidence.

    1 + (1 − γ₃ SR + (γ₄ − 1) ÷ 4 · SR²) (Φ⁻¹(confidence) ÷ (SR − SR*))²: Bailey and López de Prado (2012), equation 13.
    Infinite for a Sharpe ratio that is not above the benchmark: no length shows that it is. Raises BadInput for a
    confidence that is not between 0.5 and 1.
    """
    spread = _spread(sharpe, skew, kurtosis)
    if not 0.5 < confidence < 1:
        raise BadInput("confidence", confidence, "must be above 0.5 and below 1", "0.95 is usual")
    if sharpe <= benchmark:
        return math.inf
    return 1 + (spread * _NORMAL.inv_cdf(confidence) / (sharpe - benchmark)) ** 2


def min_backtest_length(n_trials: int, sharpe: float = 1.0) -> float:
    """How many years a backtest needs, so that so many trials without skill do not reach a Sharpe ratio by luck.

    (E[max of N standard normals] ÷ SR)², `sharpe` annualised: Bailey, Borwein, López de Prado and Zhu,
    Pseudo-mathematics and financial charlatanism, Notices of the AMS 61 (2014), equation 6. 0 for one trial. Raises
    BadInput for no trial, and for a Sharpe ratio of 0 or less.
    """
    if n_trials < 1:
        raise BadInput("n_trials", n_trials, "is no number of trials", "count every set that was tried, at least 1")
    if not sharpe > 0:
        raise BadInput("sharpe", sharpe, "must be above 0", "it is the one that must not come about by luck")
    return (_expected_maximum(n_trials) / sharpe) ** 2


def sharpe_confidence_interval(
    returns: ArrayLike, confidence: float = 0.95, lags: int | None = None
) -> tuple[float, float]:
    """The interval in which the true Sharpe ratio lies with this confidence, autocorrelation of the returns counted.

    By the delta method on mean and variance with the Newey-West covariance of (r − μ, (r − μ)² − σ²) over `lags` lags
    (None: ⌊4 (n ÷ 100)^(2 ÷ 9)⌋): Lo, The statistics of Sharpe ratios, Financial Analysts Journal 58 (2002), appendix.
    With no lags and normal returns it is SR ± z √((1 + SR² ÷ 2) ÷ n). Raises BadInput as `shape_of`, and for lags that
    are not below the number of returns.
    """
    x, shape = _returns(returns), shape_of(returns)
    if not 0 < confidence < 1:
        raise BadInput("confidence", confidence, "must be above 0 and below 1", "0.95 is usual")
    n = len(x)
    used = int(4 * (n / 100) ** (2 / 9)) if lags is None else lags
    if not 0 <= used < n:
        raise BadInput("lags", used, f"must be from 0 to {n - 1}, as there are {n} returns")
    mean, variance = float(x.mean()), float(x.var())
    moments = np.column_stack([x - mean, (x - mean) ** 2 - variance])
    covariance = moments.T @ moments / n
    for lag in range(1, used + 1):
        shifted = moments[lag:].T @ moments[:-lag] / n
        covariance = covariance + (1 - lag / (used + 1)) * (shifted + shifted.T)
    deviation = math.sqrt(variance)
    slope = np.array([1 / deviation, -mean / (2 * deviation**3)])
    error = math.sqrt(max(float(slope @ covariance @ slope), 0.0) / n)
    reach = _NORMAL.inv_cdf(0.5 + confidence / 2) * error
    return shape.sharpe - reach, shape.sharpe + reach


def _expected_maximum(n_trials: int) -> float:
    """Of standard normals, approximately."""
    if n_trials == 1:
        return 0.0
    first, second = (_NORMAL.inv_cdf(1 - 1 / (n_trials * k)) for k in (1, math.e))
    return (1 - EULER_GAMMA) * first + EULER_GAMMA * second


def _spread(sharpe: float, skew: float, kurtosis: float) -> float:
    """The standard deviation of a Sharpe ratio's estimate, times √n."""
    if not all(math.isfinite(x) for x in (sharpe, skew, kurtosis)):
        raise BadInput("sharpe, skew, kurtosis", (sharpe, skew, kurtosis), "must be numbers")
    if kurtosis < 1 + skew**2 - 1e-9:  # Pearson's inequality
        raise BadInput("kurtosis", kurtosis, f"is below 1 + skew², {1 + skew**2:g}: no returns have that", "not excess")
    return math.sqrt(max(1 - skew * sharpe + (kurtosis - 1) / 4 * sharpe**2, 0.0))


def _returns(returns: ArrayLike) -> NDArray[np.float64]:
    x = np.asarray(returns, np.float64)
    if x.ndim != 1 or len(x) < 3:
        raise BadInput("returns", x.shape, "must be one column of at least three")
    if not np.isfinite(x).all():
        raise BadInput("returns", x[~np.isfinite(x)][0], "must be numbers, without gaps")
    return x
