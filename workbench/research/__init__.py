"""Research: backtest, walk-forward, metrics, reports."""

from workbench.research.axes import Constraint, automatic_axes, parse_axis
from workbench.research.backtest import Backtest, backtest, data_dict, data_fingerprint, terms_dict
from workbench.research.bayes import bayes
from workbench.research.breakdown import Breakdown, breakdown_of
from workbench.research.cpcv import CrossValidation, cross_validation
from workbench.research.cscv import Overfitting, cross_validate, probability_of_backtest_overfitting
from workbench.research.grid import combinations, first_set, grid_sets, sampled_sets
from workbench.research.measured import FIGURES
from workbench.research.metrics import CHOOSABLE, Metrics, returns_of, run_metrics
from workbench.research.overfit import Overfit, judge, returns_of_sets, sharpes_of
from workbench.research.permutation import Permuted, TradeLuck, permutation_test, permuted_bars, permuted_trades
from workbench.research.plateau import plateau_of
from workbench.research.portfolio import portfolio_of_fills
from workbench.research.provenance import environment, fingerprint
from workbench.research.sharpe import (
    Shape,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    min_backtest_length,
    min_track_record_length,
    probabilistic_sharpe_ratio,
    shape_of,
    sharpe_confidence_interval,
)
from workbench.research.snooping import Snooping, reality_check, superior_predictive_ability
from workbench.research.spec import DEFAULTS, OPTIONS, RunSpec
from workbench.research.sweep import Sweep, sweep
from workbench.research.tape import Tape
from workbench.research.walk import Objective, walk_forward
from workbench.research.walkforward import WalkForward
from workbench.research.windows import Span

__all__ = [
    "CHOOSABLE",
    "DEFAULTS",
    "FIGURES",
    "OPTIONS",
    "Backtest",
    "Breakdown",
    "Constraint",
    "CrossValidation",
    "Metrics",
    "Objective",
    "Overfit",
    "Overfitting",
    "Permuted",
    "RunSpec",
    "Shape",
    "Snooping",
    "Span",
    "Sweep",
    "Tape",
    "TradeLuck",
    "WalkForward",
    "automatic_axes",
    "backtest",
    "bayes",
    "breakdown_of",
    "combinations",
    "cross_validate",
    "cross_validation",
    "data_dict",
    "data_fingerprint",
    "deflated_sharpe_ratio",
    "environment",
    "expected_maximum_sharpe",
    "fingerprint",
    "first_set",
    "grid_sets",
    "judge",
    "min_backtest_length",
    "min_track_record_length",
    "parse_axis",
    "permutation_test",
    "permuted_bars",
    "permuted_trades",
    "plateau_of",
    "portfolio_of_fills",
    "probabilistic_sharpe_ratio",
    "probability_of_backtest_overfitting",
    "reality_check",
    "returns_of",
    "returns_of_sets",
    "run_metrics",
    "sampled_sets",
    "shape_of",
    "sharpes_of",
    "sharpe_confidence_interval",
    "superior_predictive_ability",
    "sweep",
    "terms_dict",
    "walk_forward",
]
