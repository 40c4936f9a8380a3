"""Overfit: what speaks for luck behind a run, figure by figure, and why one that is missing is missing."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.errors import BadInput
from workbench.fills import Terms
from workbench.research.cscv import Overfitting, cross_validate
from workbench.research.metrics import returns_of
from workbench.research.permutation import Permuted, TradeLuck, permuted_trades
from workbench.research.sharpe import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    min_backtest_length,
    min_track_record_length,
    probabilistic_sharpe_ratio,
    shape_of,
    sharpe_confidence_interval,
)
from workbench.research.snooping import Snooping, superior_predictive_ability
from workbench.research.tape import Tape
from workbench.strategy import Bars, Strategy

Floats = NDArray[np.float64]
MOST_CELLS = 30_000_000
"""Periods times sets of a table of returns at most; beyond, neighbouring bars are taken together."""
MOST_RESAMPLED = 300_000
"""The same for what is resampled a thousand times."""
CONFIDENCE = 0.95

FIGURES = (
    "trials", "bars", "periods_per_year", "sharpe", "sharpe_low", "sharpe_high", "skew", "kurtosis", "psr",
    "sharpe_std", "sharpes_known", "expected_max_sharpe", "dsr", "min_track_record", "min_backtest_years", "pbo",
    "pbo_loss", "pbo_slope", "reality_check_p", "spa_p", "permutation_p", "trade_permutation_p", "drawdown_p95",
)  # fmt: skip


@dataclass(frozen=True)
class Overfit:
    """What speaks for luck behind a run; a figure that has no answer is None and `undefined` says why.

    `sharpe`, its 95 % interval `sharpe_low` to `sharpe_high`, `sharpe_std` (over the sets tried) and
    `expected_max_sharpe` are annualised; `psr` and `dsr` are the probabilities of a true Sharpe ratio above 0 and above
    the best of `trials` without skill, where `sharpes_known` of them are fewer than half with a spread of at least that
    of noise; `min_track_record` counts bars; `min_backtest_years` is what a Sharpe ratio as
    found needs against so many trials; `pbo` to `pbo_slope` come of CSCV, the p-values of tests that nothing was found;
    `drawdown_p95` is the drawdown that the same trades in random order pass in one of twenty.
    """

    values: Mapping[str, float | int | None]
    undefined: Mapping[str, str]
    notes: tuple[str, ...] = ()
    metric: str = "sharpe"
    subject: Mapping[str, Any] = field(default_factory=dict)
    cscv: Overfitting | None = None
    permuted: Permuted | None = None
    luck: TradeLuck | None = None
    run_id: str = ""

    def __getitem__(self, name: str) -> float | int | None:
        return self.values[name]

    def to_dict(self) -> dict[str, Any]:
        """Every figure, what it is of, the reasons of those that have no answer, and notes, as JSON values."""
        return {
            "run_id": self.run_id or None,
            **self.subject,
            "metric": self.metric,
            **{name: self.values[name] for name in FIGURES},
            "undefined": dict(self.undefined),
            "notes": list(self.notes),
        }

    def plot(self) -> Any:
        """The random outcomes beside the real one, as a bokeh layout."""
        from workbench.research.luck_plots import overfit_layout

        return overfit_layout(self)

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{name} {'undefined' if self.values[name] is None else format(self.values[name], '.3g')}"
            for name in ("psr", "dsr", "pbo", "spa_p", "permutation_p")
        )
        return f"<Overfit of {self.subject.get('strategy', 'a run')}, {self.values['trials']} trials: {shown}>"


def returns_of_sets(
    candidates: Sequence[Strategy], tape: Tape, terms: Terms, cancelled: Callable[[], bool] = lambda: False
) -> Floats:
    """Returns (periods, sets) of every candidate's backtest, one column each.

    A period is a bar, or so many neighbouring bars that the table stays below 30 million cells. Raises StrategyFault
    where a candidate raises, and BadInput where it is cancelled.
    """
    bars = len(tape)
    step = max(1, math.ceil(bars * len(candidates) / MOST_CELLS))
    ends = np.arange(bars - 1, -1, -step)[::-1]  # the first period takes what is left over
    seen = [Bars(**h.columns) for h in tape.histories]
    found = np.empty((len(ends), len(candidates)))
    for i, candidate in enumerate(candidates):
        if cancelled():
            raise BadInput("overfit", f"{i} of {len(candidates)} sets", "were done when it was cancelled")
        answers = [candidate.answer(b) for b in seen]
        outcome = tape.run_of(candidate, answers, terms)
        found[:, i] = returns_of(outcome.equity[ends], outcome.start_cash)
    return found


def sharpes_of(table: Floats, periods_per_year: float) -> Floats:
    """The annualised Sharpe ratio of each column of returns; NaN for one that never moved."""
    deviation = table.std(axis=0, ddof=1)
    moved = deviation > 1e-15
    ratio = np.where(moved, table.mean(axis=0) / np.where(moved, deviation, 1.0), np.nan)
    return np.asarray(ratio * math.sqrt(periods_per_year))


def coarser(returns: Floats, most: int) -> Floats:
    """Returns (periods, sets) over longer periods, compounded, so that at most so many cells are left."""
    step = max(1, math.ceil(returns.size / max(most, 1)))
    if step == 1:
        return returns
    starts = np.arange(len(returns) % step, len(returns), step)
    return np.asarray(np.multiply.reduceat(1 + returns, starts, axis=0) - 1)


def judge(
    returns: Floats,
    periods_per_year: float,
    *,
    trials: int,
    table: Floats | None = None,
    sharpes: Floats | None = None,
    trade_returns: Sequence[float] = (),
    permuted: Permuted | None = None,
    missing: Mapping[str, str] | None = None,
    splits: int = 16,
    seed: int = 0,
    resample: bool = True,
) -> Overfit:
    """Every figure that can be worked out of a run's returns and of what was tried beside it.

    `returns` has one a bar; `table` (periods, sets) those of every set that was tried, `sharpes` their annualised
    Sharpe ratios, `trade_returns` one a closed trade. `missing` says why a part was not given. Without `resample` the
    tests by bootstrap and by the trades' signs are left out, which take seconds.
    """
    why = dict(missing or {})
    values: dict[str, float | int | None] = dict.fromkeys(FIGURES)
    notes: list[str] = []
    values |= {"trials": trials, "bars": len(returns), "periods_per_year": periods_per_year}
    _of_sharpe(values, why, notes, returns, periods_per_year, trials, sharpes)
    cscv = snooping = luck = None
    if not resample:
        skipped = ("reality_check_p", "spa_p", "permutation_p", "trade_permutation_p", "drawdown_p95")
        why |= dict.fromkeys(skipped, "it is worked out by workbench overfit alone")
    try:
        if table is not None and table.shape[1] > 1:
            cscv = cross_validate(table, splits)
            values |= {"pbo": cscv.pbo, "pbo_loss": cscv.loss, "pbo_slope": cscv.slope}
            if cscv.slope is None:
                why["pbo_slope"] = "the best of each half had the same Sharpe ratio in all of them"
    except BadInput as error:
        why["pbo"] = str(error)
    try:
        if resample:
            snooping = _snooped(returns, table, seed)
            values |= {"reality_check_p": snooping.reality_check, "spa_p": snooping.consistent}
    except BadInput as error:
        why["reality_check_p"] = why["spa_p"] = str(error)
    if permuted is not None:
        values["permutation_p"] = permuted.p
    try:
        if resample:
            luck = permuted_trades(trade_returns, seed=seed)
            values |= {"trade_permutation_p": luck.p, "drawdown_p95": float(np.quantile(luck.drawdowns, 0.05))}
    except BadInput as error:
        why["trade_permutation_p"] = why["drawdown_p95"] = str(error)
    for name in ("pbo_loss", "pbo_slope"):
        if values[name] is None:
            why.setdefault(name, why.get("pbo", "there is no other set to choose from"))
    for name in FIGURES:
        if values[name] is None:
            why.setdefault(name, "there is no other set to choose from" if name == "pbo" else "it was not asked for")
    if snooping is not None and table is None:
        notes.append("the reality check and SPA know this run alone: what was searched beside it is not on file")
    reasons = {name: why[name] for name in FIGURES if values[name] is None}
    return Overfit(values, reasons, tuple(notes), cscv=cscv, permuted=permuted, luck=luck)


def _of_sharpe(
    values: dict[str, float | int | None], why: dict[str, str], notes: list[str], returns: Floats, periods: float,
    trials: int, sharpes: Floats | None,
) -> None:  # fmt: skip
    """The figures that hang on the Sharpe ratio, its length and shape, and how many were tried."""
    names = (
        "sharpes_known", "sharpe", "sharpe_low", "sharpe_high", "skew", "kurtosis", "psr", "sharpe_std",
        "expected_max_sharpe", "dsr", "min_track_record", "min_backtest_years",
    )  # fmt: skip
    try:
        shape = shape_of(returns)
    except BadInput as error:
        why |= dict.fromkeys(names, str(error))
        return
    year = math.sqrt(periods)
    low, high = sharpe_confidence_interval(returns, CONFIDENCE)
    values |= {"sharpe": shape.sharpe * year, "sharpe_low": low * year, "sharpe_high": high * year}
    values |= {"skew": shape.skew, "kurtosis": shape.kurtosis}
    values["psr"] = probabilistic_sharpe_ratio(shape.sharpe, shape.n_obs, shape.skew, shape.kurtosis)
    known = np.empty(0) if sharpes is None else sharpes[~np.isnan(sharpes)] / year
    values["sharpes_known"] = len(known)
    spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
    if trials > 1 and 2 * len(known) < trials:  # by how much an estimate of this length is off without any skill
        spread = max(spread, 1 / math.sqrt(shape.n_obs))
        notes.append(
            f"the Sharpe ratios of {len(known)} of {trials} trials are known here: "
            "all are taken to spread at least as those of pure noise"
        )
    values |= {"sharpe_std": spread * year, "expected_max_sharpe": expected_maximum_sharpe(spread, trials) * year}
    values["dsr"] = deflated_sharpe_ratio(shape.sharpe, shape.n_obs, shape.skew, shape.kurtosis, spread, trials)
    if shape.sharpe > 0:
        values["min_track_record"] = min_track_record_length(shape.sharpe, shape.skew, shape.kurtosis, 0.0, CONFIDENCE)
        values["min_backtest_years"] = min_backtest_length(trials, shape.sharpe * year)
    else:
        lost = f"the Sharpe ratio is {shape.sharpe * year:.2f}: no length shows that it is above 0"
        why |= {"min_track_record": lost, "min_backtest_years": lost}


def _snooped(returns: Floats, table: Floats | None, seed: int) -> Snooping:
    resampled = coarser(returns[:, None] if table is None else table, MOST_RESAMPLED)
    return superior_predictive_ability(resampled, seed=seed)
